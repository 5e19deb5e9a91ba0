"""What routing gains on rows that had no say in its settings.

The hull of a router's points is a maximum over many settings: on the rows that it was drawn from,
it stands above what the same settings reach on others, by more than the hull of a few single models
does. So the test rows are parted into folds. For each, the others choose the settings and single
models that make the hulls and how they are mixed, and its own rows say what came of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from shared_core.evaluation.judged import Sweep
from shared_core.evaluation.metrics import cost_metrics
from shared_core.evaluation.metrics.cost_metrics import Choices, Vector
from shared_core.outcomes.table import OutcomeTable
from shared_core.policies.base import Matrix
from shared_core.routers.predictive.cross_validation import folds

N_FOLDS: Final = 5
_AT_ONCE: Final = 4096
"""Rows whose choices at all settings are held at a time."""


class Gained(NamedTuple):
    """What each row (n,) adds; means over rows are what is gained.

    Args:
        aiq_over_zero: height above the zero router's line, as a mean over the range of costs. A
            cost that is not the planned one counts at what the zero router pays for quality there.
        saved: below the best single model's cost, as a share of its mean, where settings are mixed
            to reach its quality.
        ahead: quality above the best single model's then.
    """

    aiq_over_zero: Vector
    saved: Vector
    ahead: Vector


class _Plan(NamedTuple):
    """How settings (w,) and single models (m,) are mixed, on average over the range of costs.

    ``price``: quality that a USD buys. ``mixed``, ``single`` weigh what is scored; ``paid_mixed``,
    ``paid_single`` hold those weights times the price; ``allowed`` is the price of what the router
    was to spend less than the zero router; ``matching`` weighs the settings that reach the best
    single model's quality.
    """

    mixed: Vector
    single: Vector
    paid_mixed: Vector
    paid_single: Vector
    allowed: float
    matching: Vector


def gained(test: OutcomeTable, sweep: Sweep, best: int, seed: int = 0) -> Gained:
    """What a router gains over the zero router and over the best single model.

    Args:
        test: complete outcomes; equal texts stay together.
        sweep: the router's choices along its knob.
        best: column of the best single model.
        seed: of the folds.
    """
    n = len(test)
    n_folds = min(N_FOLDS, len(set(test.queries)))
    if n_folds < 2:  # no row is unlike those that would choose
        return Gained(np.zeros(n), np.zeros(n), np.zeros(n))
    fold = folds(test.queries, n_folds, seed)
    plans = _plans(test, sweep, best, fold, n_folds)
    found = [_on_rows(test, sweep, best, plans, fold, rows) for rows in _blocks(n)]
    return Gained(*np.concatenate(found, axis=1))


def widened(resampled: Matrix, means: Vector) -> Matrix:
    """Resampled means (resamples, k) of what rows gained, as far from the means as in truth.

    The bootstrap takes the settings for given. Other rows would have chosen others, and any two
    folds' settings are chosen by mostly the same rows: where nothing or little is gained, the mean
    varies by up to a quarter more than the rows show.
    """
    spread: Matrix = (resampled - means) * np.sqrt(1 + 1 / (N_FOLDS - 1))
    return means + spread


def _blocks(n: int) -> list[slice]:
    return [slice(at, min(at + _AT_ONCE, n)) for at in range(0, n, _AT_ONCE)]


def _plans(
    test: OutcomeTable, sweep: Sweep, best: int, fold: Choices, n_folds: int
) -> Sequence[_Plan]:
    """For each fold the plan that the rows of the others make."""
    other: Matrix = fold != np.arange(n_folds)[:, None]
    other = other / other.sum(axis=1, keepdims=True)
    cost: Matrix | float = 0.0
    score: Matrix | float = 0.0
    for rows in _blocks(len(fold)):
        found = cost_metrics.outcomes_of(sweep(rows), test.score[rows], test.cost[rows])
        cost, score = cost + other[:, rows] @ found[0].T, score + other[:, rows] @ found[1].T
    means = np.asarray(cost), np.asarray(score), other @ test.cost, other @ test.score
    return [_plan(*each, best) for each in zip(*means, strict=True)]


def _plan(
    cost: Vector, score: Vector, single_cost: Vector, single_score: Vector, best: int
) -> _Plan:
    mine, zero = cost_metrics.corners(cost, score), cost_metrics.corners(single_cost, single_score)
    at, share = _steps(cost[mine], single_cost[zero], float(single_cost.max()))
    price = share * _slope(single_cost[zero], single_score[zero], at)
    mixed, single = _mixture(cost, mine, at), _mixture(single_cost, zero, at)
    enough = cost_metrics.cost_at_quality(cost, score, float(single_score[best]))
    matching = _mixture(cost, mine, np.array([cost[mine[-1]] if enough is None else enough]))
    return _Plan(
        share @ mixed,
        share @ single,
        price @ mixed,
        price @ single,
        float(price @ (np.minimum(at, cost[mine[-1]]) - at)),
        matching[0],
    )


def _steps(mine: Vector, zero: Vector, high: float) -> tuple[Vector, Vector]:
    """Middles (k,) of the stretches of cost on which both hulls are straight, and their shares."""
    low = float(zero[0])
    if high <= low:
        return np.array([low]), np.ones(1)
    ends = np.unique(np.clip(np.concatenate([mine, zero, [high]]), low, high))
    return (ends[1:] + ends[:-1]) / 2, np.diff(ends) / (high - low)


def _mixture(cost: Vector, corners: Choices, at: Vector) -> Matrix:
    """Weights (k, w) of the w settings at k costs; beyond its ends the hull is held flat."""
    weight = np.zeros((len(at), len(cost)))
    for column, one in zip(corners, np.eye(len(corners)), strict=True):
        weight[:, column] = np.interp(at, cost[corners], one)
    return weight


def _slope(cost: Vector, score: Vector, at: Vector) -> Vector:
    """Of a hull at costs (k,) from its first corner on; level after its last."""
    slopes = np.append(np.diff(score) / np.diff(cost), 0.0)
    found: Vector = slopes[np.searchsorted(cost, at, side="right") - 1]
    return found


def _on_rows(
    test: OutcomeTable,
    sweep: Sweep,
    best: int,
    plans: Sequence[_Plan],
    fold: Choices,
    rows: slice,
) -> Matrix:
    """The three figures (3, rows) of each row, by the plan of its fold."""
    single_score, single_cost = test.score[rows], test.cost[rows]
    cost, score = cost_metrics.outcomes_of(sweep(rows), single_score, single_cost)
    mine = [np.array(each)[fold[rows]] for each in zip(*plans, strict=True)]
    mixed, single, paid_mixed, paid_single, allowed, matching = mine
    usual = float(test.cost[:, best].mean()) or 1.0
    height = (mixed.T * score).sum(axis=0) - (single * single_score).sum(axis=1)
    spent = (paid_mixed.T * cost).sum(axis=0) - (paid_single * single_cost).sum(axis=1)
    saved = (single_cost[:, best] - (matching.T * cost).sum(axis=0)) / usual
    ahead = (matching.T * score).sum(axis=0) - single_score[:, best]
    return np.stack([height - (spent - allowed), saved, ahead])
