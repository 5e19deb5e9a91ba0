"""Cascades: every model that was asked is paid.

Costs are USD per query, qualities the higher the better.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from shared_core.errors import DataError
from shared_core.evaluation.metrics.cost_metrics import Vector, aiq_range
from shared_core.policies.base import Matrix


def paid_cascade(
    order: ArrayLike, accepted: ArrayLike, score: ArrayLike, cost: ArrayLike
) -> tuple[Vector, Vector]:
    """Cost (n,) and quality (n,) of asking models in turn until an answer is accepted.

    Args:
        order: (k,) columns of the models in the order they are asked.
        accepted: (n, m) whether each model's answer would be accepted; the last is always taken.
        score, cost: (n, m) outcomes.

    Raises:
        DataError: nobody is asked, or a column that is not there.
    """
    turns = np.asarray(order, np.int64)
    n_models = np.shape(score)[1]
    if turns.ndim != 1 or not len(turns) or turns.min() < 0 or turns.max() >= n_models:
        raise DataError(f"an order is columns from 0 to {n_models - 1}, not {turns.tolist()}")
    good = np.asarray(accepted, bool)[:, turns].copy()
    good[:, -1] = True
    stop = good.argmax(axis=1)
    rows = np.arange(len(good))
    paid: Vector = np.cumsum(np.asarray(cost, float)[:, turns], axis=1)[rows, stop]
    quality: Vector = np.asarray(score, float)[rows, turns[stop]]
    return paid, quality


def cascade_auc(cost: ArrayLike, quality: ArrayLike, low: float, high: float) -> float:
    """Mean quality over [cheapest, dearest single model] (cascade routing, arXiv 2410.10347).

    The curve is the hull of the cascade's points (k,), held flat beyond its ends.

    Args:
        cost, quality: means at each setting, every asked model paid.
        low, high: mean cost of the cheapest and of the dearest single model.
    """
    return aiq_range(cost, quality, low, high)


def ibc(quality: float, cost: float, small_quality: float, small_cost: float) -> float:
    """Incremental benefit per cost over the small model (AutoMix, arXiv 2310.12963, eq. 1).

    Raises:
        DataError: it costs what the small model costs, so nothing was spent to gain by.
    """
    if cost == small_cost:
        raise DataError("the cost is the small model's: there is no extra cost to divide by")
    return (quality - small_quality) / (cost - small_cost)


def ibc_lift(
    quality: float,
    cost: float,
    small: tuple[float, float],
    large: tuple[float, float],
) -> float:
    """Percent by which the IBC exceeds that of always asking the large model (AutoMix, eq. 2).

    Args:
        quality, cost: means of the cascade.
        small, large: (quality, cost) of each model alone.

    Raises:
        DataError: as for ``ibc``, or what is paid more for the large model gains nothing.
    """
    base = ibc(*large, *small)
    if base <= 0:
        raise DataError("the large model is no better than the small one: no lift over nothing")
    return (ibc(quality, cost, *small) - base) / base * 100


def noisy_verdicts(score: ArrayLike, error_rate: float, seed: int = 0) -> Matrix:
    """RouterBench's judge (n, m): the true score, flipped (1 - score) with probability error_rate.

    The paper's cascades use 0, 0.01, 0.05, 0.1, 0.2 and 0.4: good up to 0.1, bad from 0.2.

    Raises:
        DataError: no probability.
    """
    if not 0 <= error_rate <= 1:
        raise DataError(f"an error rate lies from 0 to 1, not at {error_rate!r}")
    truth = np.asarray(score, float)
    flipped = np.random.default_rng(seed).random(truth.shape) < error_rate
    verdict: Matrix = np.where(flipped, 1 - truth, truth)
    return verdict
