"""A weak and a strong model: how much of the gap does a score recover (RouteLLM, arXiv 2406.18665).

These are the paper's exact definitions; ``routellm_metrics`` does what its code does. A *score*
says, per query, how much the strong model is worth; the queries with the highest scores go to it
first. Queries of equal score are sent there in random order: the curve is straight between the
point before and the point after them, whatever the order of the rows.

Arrays are (n queries,); quality is on any scale, the higher the better.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from shared_core.errors import DataError
from shared_core.evaluation.metrics.cost_metrics import Vector, area

_NOISE: Final = 1e-9
"""Differences below this are rounding: 0/1 outcomes reach a share exactly."""


def calls_curve(score: ArrayLike, strong: ArrayLike, weak: ArrayLike) -> tuple[Vector, Vector]:
    """Share of calls to the strong model (k + 1,), 0 to 1, and mean quality (k + 1,) there.

    Args:
        score: per query, the higher the sooner it goes to the strong model; k distinct values.
        strong, weak: quality of each model's answers.

    Raises:
        DataError: different lengths, no query, or a value that is not finite.
    """
    ranked, strong_quality, weak_quality = _vectors(score=score, strong=strong, weak=weak)
    order = np.argsort(-ranked, kind="stable")
    gains = np.cumsum((strong_quality - weak_quality)[order])
    ends = np.flatnonzero(np.append(np.diff(ranked[order]) != 0, True))
    share = np.append(0.0, (ends + 1) / len(order))
    return share, weak_quality.mean() + np.append(0.0, gains[ends] / len(order))


def performance_gap_recovered(quality: ArrayLike, strong: float, weak: float) -> Vector:
    """PGR: 0 at the weak model's mean quality, 1 at the strong model's.

    Args:
        quality: mean qualities to place, any shape.
        strong, weak: mean quality of each model.

    Raises:
        DataError: the strong model is not the better one, so there is no gap.
    """
    if not strong > weak:
        raise DataError(
            f"no gap to recover: the strong model's mean quality is {strong:.4g}, "
            f"the weak one's {weak:.4g}"
        )
    return (np.asarray(quality, float) - weak) / (strong - weak)


def apgr(score: ArrayLike, strong: ArrayLike, weak: ArrayLike) -> float:
    """Average PGR over all shares of calls, the exact integral (variant ``paper``).

    0.5 is what a random score gets, 1 and more is possible where the weak model is sometimes the
    better one. Arguments and errors as for ``calls_curve`` and ``performance_gap_recovered``.
    """
    share, recovered = _recovered(score, strong, weak)
    return area(share, recovered)


def cpt(score: ArrayLike, strong: ArrayLike, weak: ArrayLike, target: float) -> float:
    """CPT: smallest percentage of calls to the strong model with PGR >= target (``paper``).

    In percent, 0 to 100, as the papers print it. Arguments and errors as for ``apgr``.

    Args:
        target: PGR wanted, 0 to 1: 0.5 for CPT(50 %), 0.8 for CPT(80 %).
    """
    share, recovered = _recovered(score, strong, weak)
    if not 0 <= target <= 1:
        raise DataError(f"a target PGR lies from 0 to 1, not at {target!r}")
    reached = recovered >= target - _NOISE
    reached[-1] = True  # all calls strong recover it all, whatever rounding says
    first = int(np.argmax(reached))
    if first == 0:
        return 0.0
    (x0, x1), (y0, y1) = share[first - 1 : first + 1], recovered[first - 1 : first + 1]
    return float(100 * (x0 + (x1 - x0) * min(1.0, (target - y0) / (y1 - y0))))


def optimal_quality(share: ArrayLike, strong: ArrayLike, weak: ArrayLike) -> Vector:
    """Best mean quality that calls to the strong model at these shares (0 to 1) can reach.

    It never spends calls that do not pay, so it does not fall as the share grows.
    """
    strong_quality, weak_quality = _vectors(strong=strong, weak=weak)
    gains = np.sort(np.maximum(strong_quality - weak_quality, 0.0))[::-1]
    grid = np.arange(len(gains) + 1) / len(gains)
    height = np.append(0.0, np.cumsum(gains)) / len(gains)
    return np.asarray(weak_quality.mean() + np.interp(np.asarray(share, float), grid, height))


def _recovered(score: ArrayLike, strong: ArrayLike, weak: ArrayLike) -> tuple[Vector, Vector]:
    share, quality = calls_curve(score, strong, weak)
    ends = float(np.mean(np.asarray(strong, float))), float(np.mean(np.asarray(weak, float)))
    return share, performance_gap_recovered(quality, *ends)


def _vectors(**columns: ArrayLike) -> list[Vector]:
    found = {name: np.asarray(values, float) for name, values in columns.items()}
    sizes = {name: values.shape for name, values in found.items()}
    first = next(iter(sizes.values()))
    if len(first) != 1 or not first[0] or any(size != first for size in sizes.values()):
        raise DataError(f"needed are arrays of one length, one number per query, not {sizes}")
    for name, values in found.items():
        if not np.isfinite(values).all():
            raise DataError(f"{name} holds numbers that are not finite: leave those queries out")
    return list(found.values())
