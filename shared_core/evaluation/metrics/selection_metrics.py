"""What a router's choices say by themselves: how good, how varied, how sure.

``choices`` (n,) are column numbers; ``score`` (n, m) is quality, the higher the better.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from shared_core.errors import DataError
from shared_core.evaluation.metrics.cost_metrics import Vector

ARENA_BETA: Final = 0.1
ARENA_CHEAPEST: Final = 0.0044
ARENA_DEAREST: Final = 200.0

_NOT_ITS_OWN: Final = ("guard", "default")
"""Causes of decisions that somebody else made for the router."""


def traffic(choices: ArrayLike, n_models: int) -> Vector:
    """Share (m,) of the queries that each model gets.

    Raises:
        DataError: no choices of one of so many models each.
    """
    picked = _choices(choices, n_models)
    return np.bincount(picked, minlength=n_models) / len(picked)


def selection_entropy(choices: ArrayLike, n_models: int) -> float:
    """Entropy of the traffic in nats: 0 for a collapsed router, log(m) for even traffic."""
    share = traffic(choices, n_models)
    used = share[share > 0]
    return float(-(used * np.log(used)).sum()) + 0.0


def gap_at_oracle(quality: float, oracle: float) -> float:
    """1 - quality / oracle quality (LLMRouterBench): 0 is perfect.

    Raises:
        DataError: the oracle's quality is 0, so no share of it can be named.
    """
    if oracle <= 0:
        raise DataError("the oracle's quality is 0: the gap to it has no meaning")
    return 1 - quality / oracle


def regret(choices: ArrayLike, score: ArrayLike) -> float:
    """Mean quality lost against the best model of each query, in units of the score.

    Raises:
        DataError: no choices of one of the models for each query, or a score that is not finite.
    """
    qualities = np.asarray(score, float)
    picked = _choices(choices, qualities.shape[1])
    if len(picked) != len(qualities) or not np.isfinite(qualities).all():
        raise DataError(f"{len(picked)} choices take as many rows of finite scores")
    return float((qualities.max(axis=1) - qualities[np.arange(len(picked)), picked]).mean())


def arena_score(accuracy: float, cost_per_1k: float) -> float:
    """RouterArena's score, 0 to 1: accuracy weighed against cost (their S with beta = 0.1).

    S = (1 + beta) A C / (beta A + C), C = 1 at 0.0044 USD per 1,000 queries, 0 at 200 USD, evenly
    in the cost's logarithm, and held at the ends.

    Args:
        accuracy: mean quality A, 0 to 1.
        cost_per_1k: USD per 1,000 queries.

    Raises:
        DataError: accuracy outside 0..1 or a negative cost.
    """
    if not 0 <= accuracy <= 1 or not cost_per_1k >= 0:
        raise DataError(f"accuracy {accuracy!r} (0..1) or cost {cost_per_1k!r} (>= 0) is odd")
    held = min(max(cost_per_1k, ARENA_CHEAPEST), ARENA_DEAREST)
    cheapness = np.log2(ARENA_DEAREST / held) / np.log2(ARENA_DEAREST / ARENA_CHEAPEST)
    weighed = ARENA_BETA * accuracy + cheapness
    return float((1 + ARENA_BETA) * accuracy * cheapness / weighed) if weighed else 0.0


def tied_share(utility: ArrayLike) -> float:
    """Share of the queries on which two or more models are equally worth it, utility (n, m).

    Such ties go to the cheapest of them, and of those to the first in the order of the pool.
    """
    worth = np.asarray(utility, float)
    if worth.shape[1] < 2:
        return 0.0
    return float(((worth == worth.max(axis=1, keepdims=True)).sum(axis=1) > 1).mean())


def abstained_share(causes: Sequence[str]) -> float:
    """Share of decisions made in the router's place: by a guard, or by default where it failed.

    Raises:
        DataError: there is no decision.
    """
    if not causes:
        raise DataError("no decision: nobody could have abstained")
    return sum(cause in _NOT_ITS_OWN for cause in causes) / len(causes)


def _choices(choices: ArrayLike, n_models: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    picked = np.asarray(choices, np.int64)
    if picked.ndim != 1 or not len(picked):
        raise DataError(f"choices are one column number per query, not {picked.shape}")
    if picked.min() < 0 or picked.max() >= n_models:
        raise DataError(
            f"choices are columns from 0 to {n_models - 1}, not {picked.min()} to {picked.max()}"
        )
    return picked
