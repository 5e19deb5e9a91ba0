"""What routing gains on rows that had no say in its settings.

The hull of a router's points is a maximum over many settings: on the rows that it was drawn from,
it stands above what the same settings reach on others, by more than the hull of a few single models
does. So the test rows are parted into folds. For each, the others choose the settings and single
models that make the hulls and how they are mixed, and its own rows say what came of it.

What is saved at the best single model's quality is read off the quality at many costs: as much is
surely saved as the router may spend less and yet surely be as good.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from shared_core.evaluation.bootstrap import Resamples, interval
from shared_core.evaluation.judged import Sweep
from shared_core.evaluation.metrics import cost_metrics
from shared_core.evaluation.metrics.cost_metrics import Choices, Vector
from shared_core.outcomes.table import OutcomeTable
from shared_core.policies.base import Matrix
from shared_core.routers.predictive.cross_validation import folds

N_FOLDS: Final = 5
_AT_ONCE: Final = 4096
"""Rows whose choices at all settings are held at a time."""
_N_COSTS: Final = 64
"""Costs at which the router's quality is compared with the best single model's."""
_NOISE: Final = 1e-9
"""Differences below this are rounding."""

Interval = tuple[float, float]


class Figures(NamedTuple):
    """What is gained, each with its 95 % interval.

    Args:
        aiq_over_zero: height above the zero router's line, as a mean over the range of costs. A
            cost that is not the planned one counts at what the zero router pays for quality there.
        saved: how far the cost may fall below the best single model's before the quality does, as
            a share of its mean (of the dearest model's, where it is free). What a router could not
            spend is not saved.
        ahead: quality above the best single model's at that cost.
    """

    aiq_over_zero: tuple[float, Interval]
    saved: tuple[float, Interval]
    ahead: tuple[float, Interval]


class _Plan(NamedTuple):
    """How settings (w,) and single models (m,) are mixed, on average over the range of costs.

    ``price``: quality that a USD buys. ``mixed``, ``single`` weigh what is scored; ``paid_mixed``,
    ``paid_single`` hold those weights times the price; ``allowed`` is the price of what the router
    was to spend less than the zero router. ``at_cost`` (k, w) weighs the settings at each of the
    costs, of which ``unspent`` (k,) is above the best setting's.
    """

    mixed: Vector
    single: Vector
    paid_mixed: Vector
    paid_single: Vector
    allowed: float
    at_cost: Matrix
    unspent: Vector


class Gained:
    """What a router gains over the zero router and over the best single model.

    Args:
        test: complete outcomes; equal texts stay together.
        sweep: the router's choices along its knob.
        best: column of the best single model.
        seed: of the folds.
    """

    def __init__(self, test: OutcomeTable, sweep: Sweep, best: int, seed: int = 0) -> None:
        self._test, self._sweep, self._best = test, sweep, best
        n_folds = min(N_FOLDS, len(set(test.origins)))
        self._fold = folds(test.origins, n_folds, seed) if n_folds > 1 else np.zeros(len(test), int)
        single = test.cost.mean(axis=0)
        self._unit = best if single[best] else int(single.argmax())
        self._usual = float(single[self._unit]) or 1.0
        own = sum(_outcomes(test, sweep, rows)[0].sum(axis=1) for rows in _blocks(len(test)))
        spent = [float(single.max()), *(np.asarray(own) / len(test)).tolist()]
        self._share = np.linspace(max(spent), min(spent), _N_COSTS) / self._usual
        # One text alone: no row is unlike those that would choose.
        self._plans = self._made(n_folds) if n_folds > 1 else ()

    def figures(self, resamples: Resamples) -> Figures:
        """All of it, with intervals by the same resamples as everything else."""
        if not self._plans:
            return Figures(*[(0.0, (0.0, 0.0))] * 3)
        means, resampled = resamples.means(self)
        resampled = widened(resampled, means)
        above, saved = means[None, 1 : 1 + _N_COSTS], means[None, 1 + _N_COSTS :]
        share, place = _reached(above, saved)
        others = resampled[:, 1 : 1 + _N_COSTS], resampled[:, 1 + _N_COSTS :]
        aheads = _at(others[0], np.repeat(place, len(resampled)))
        return Figures(
            (float(means[0]), interval(resampled[:, 0])),
            (float(share[0]), interval(_reached(*others)[0])),
            (float(_at(above, place)[0]), interval(aheads)),
        )

    def __call__(self, rows: slice) -> Matrix:
        """What rows add (rows, 1 + 2k); means over rows are what is gained.

        That is the height above the zero router, and at each of the k costs the quality above the
        best single model's, and what is saved.
        """
        single_score, single_cost = self._test.score[rows], self._test.cost[rows]
        cost, score = _outcomes(self._test, self._sweep, rows)
        found = np.empty((len(single_score), 1 + 2 * _N_COSTS))
        for fold, plan in enumerate(self._plans):
            here = self._fold[rows] == fold
            mine, single = (cost[:, here], score[:, here]), (single_cost[here], single_score[here])
            usual_cost, usual_score = (values[:, self._best] for values in single)
            saved = usual_cost - plan.at_cost @ mine[0] - plan.unspent[:, None]
            found[here, 0] = _height(plan, *mine, *single)
            found[here, 1 : 1 + _N_COSTS] = (plan.at_cost @ mine[1] - usual_score).T
            found[here, 1 + _N_COSTS :] = saved.T / self._usual
        return found

    def _made(self, n_folds: int) -> Sequence[_Plan]:
        """For each fold the plan that the rows of the others make."""
        test = self._test
        other: Matrix = self._fold != np.arange(n_folds)[:, None]
        other = other / other.sum(axis=1, keepdims=True)
        cost: Matrix | float = 0.0
        score: Matrix | float = 0.0
        for rows in _blocks(len(test)):
            found = _outcomes(test, self._sweep, rows)
            cost, score = cost + other[:, rows] @ found[0].T, score + other[:, rows] @ found[1].T
        means = np.asarray(cost), np.asarray(score), other @ test.cost, other @ test.score
        return [self._plan(*each) for each in zip(*means, strict=True)]

    def _plan(
        self, cost: Vector, score: Vector, single_cost: Vector, single_score: Vector
    ) -> _Plan:
        mine = cost_metrics.corners(cost, score)
        zero = cost_metrics.corners(single_cost, single_score)
        at, share = _steps(cost[mine], single_cost[zero], float(single_cost.max()))
        price = share * _slope(single_cost[zero], single_score[zero], at)
        mixed, single = _mixture(cost, mine, at), _mixture(single_cost, zero, at)
        spent = self._share * single_cost[self._unit]
        return _Plan(
            share @ mixed,
            share @ single,
            price @ mixed,
            price @ single,
            float(price @ (np.minimum(at, cost[mine[-1]]) - at)),
            _mixture(cost, mine, spent),
            np.maximum(spent - cost[mine[-1]], 0.0),
        )


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


def _height(
    plan: _Plan, cost: Matrix, score: Matrix, single_cost: Matrix, single_score: Matrix
) -> Vector:
    """Of each row (rows,), above the zero router."""
    height = plan.mixed @ score - single_score @ plan.single
    spent = plan.paid_mixed @ cost - single_cost @ plan.paid_single
    found: Vector = height - (spent - plan.allowed)
    return found


def _outcomes(test: OutcomeTable, sweep: Sweep, rows: slice) -> tuple[Matrix, Matrix]:
    """What the router's choices on rows cost and scored, each (w, rows)."""
    return cost_metrics.outcomes_of(sweep(rows), test.score[rows], test.cost[rows])


def _reached(above: Matrix, saved: Matrix) -> tuple[Vector, Vector]:
    """What is saved (r,) where the quality (r, k) is no longer above, and at which cost that is.

    It is the last of the costs where it is not below, or a place between that and the next; the
    first, where it is below at each.
    """
    last = above.shape[1] - 1
    enough = above >= -_NOISE
    at = np.where(enough.any(axis=1), last - enough[:, ::-1].argmax(axis=1), 0)
    rows, then = np.arange(len(above)), np.minimum(at + 1, last)
    here, beyond = np.maximum(above[rows, at], 0.0), np.minimum(above[rows, then], 0.0)
    place = at + np.where(here > beyond, here / np.maximum(here - beyond, _NOISE), 0.0)
    place = np.clip(place, 0, last)
    return _at(saved, place), place


def _at(values: Matrix, place: Vector) -> Vector:
    """Of each row of values (r, k), that at a place (r,) from 0 to k - 1."""
    low = np.minimum(place.astype(int), values.shape[1] - 2)
    rows, share = np.arange(len(values)), place - low
    found: Vector = (1 - share) * values[rows, low] + share * values[rows, low + 1]
    return found
