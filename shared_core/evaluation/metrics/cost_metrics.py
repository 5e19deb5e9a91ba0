"""Cost-quality metrics as pure functions of arrays (RouterBench, arXiv 2403.12031).

A *point* is (mean cost, mean quality) over queries; a *curve* is the points of one router at many
cost weights, (k,) and (k,). Arrays are (n queries, m models) unless said otherwise. Costs are USD.
Whatever takes points raises DataError where they are none: different lengths, not finite.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shared_core.errors import DataError
from shared_core.policies.base import Matrix, most_useful

Vector = NDArray[np.float64]
Choices = NDArray[np.int64]

N_WEIGHTS: Final = 64
_NOISE: Final = 1e-9
"""Differences below this are rounding: means of the same values, summed in another order."""


def area(x: Vector, y: Vector) -> float:
    """Under straight lines through the points (k,), by the trapezoidal rule."""
    return float(((x[1:] - x[:-1]) * (y[1:] + y[:-1])).sum() / 2)


def cost_weights(n: int = N_WEIGHTS) -> Vector:
    """The sweep: 0 and ``n`` weights from 0.001 to 1000, evenly spaced in their logarithm."""
    return np.concatenate([[0.0], np.geomspace(1e-3, 1e3, n)])


def sweep(quality: Matrix, cost: Matrix, cost_unit: float) -> Choices:
    """The model (w, n) chosen at each cost weight, last the cheapest, from predictions (n, m)."""
    units = cost / cost_unit
    chosen = [most_useful(quality - w * units, cost) for w in cost_weights()]
    return np.stack([*chosen, np.argmin(cost, axis=1)])


def outcomes_of(choices: Choices, score: Matrix, cost: Matrix) -> tuple[Matrix, Matrix]:
    """What the choices (w, n) cost and scored, per query: two arrays (w, n)."""
    rows = np.arange(len(score))
    return cost[rows, choices], score[rows, choices]


def hull(cost: ArrayLike, quality: ArrayLike) -> tuple[Vector, Vector]:
    """Corners of the points' non-decreasing concave hull: what mixing them at random can reach."""
    x, y = points(cost, quality)
    found = corners(x, y)
    return x[found], y[found]


def points(cost: ArrayLike, quality: ArrayLike) -> tuple[Vector, Vector]:
    """Points as two arrays (k,).

    Raises:
        DataError: there is none, one has no partner, or one is not finite.
    """
    costs, qualities = np.asarray(cost, float).ravel(), np.asarray(quality, float).ravel()
    if len(costs) != len(qualities) or not len(costs):
        raise DataError(f"{len(costs)} costs and {len(qualities)} qualities are no points")
    if not (np.isfinite(costs).all() and np.isfinite(qualities).all()):
        raise DataError("a point's cost or quality is not finite")
    return costs, qualities


def corners(cost: Vector, quality: Vector) -> Choices:
    """Which of the points are corners of their hull, the cheapest first."""
    found: list[int] = []
    points = list(zip(cost.tolist(), quality.tolist(), strict=True))
    for i in np.lexsort((-quality, cost)).tolist():
        if found and points[i][1] <= points[found[-1]][1]:
            continue
        while len(found) > 1 and _is_under(points[found[-2]], points[found[-1]], points[i]):
            found.pop()
        found.append(i)
    return np.array(found, np.int64)


def _is_under(
    left: tuple[float, float], middle: tuple[float, float], right: tuple[float, float]
) -> bool:
    """Whether the middle point lies on or under the chord from left to right."""
    rise, run = middle[1] - left[1], middle[0] - left[0]
    return rise * (right[0] - left[0]) <= (right[1] - left[1]) * run


def aiq_range(cost: ArrayLike, quality: ArrayLike, low: float, high: float) -> float:
    """Average improvement in quality: mean height of the curve's hull over costs low to high.

    ``low`` and ``high`` are the mean costs of the cheapest and the dearest single model; beyond its
    ends the hull is held flat. With ``low == high`` it is the hull's height there.

    Raises:
        DataError: no points, or ``low`` is above ``high``.
    """
    x, y = hull(cost, quality)
    if not low <= high:
        raise DataError(f"costs from {low:.4g} to {high:.4g} are no range")
    if high == low:
        return float(np.interp(low, x, y))
    grid = np.concatenate([[low], x[(x > low) & (x < high)], [high]])
    return area(grid, np.interp(grid, x, y)) / (high - low)


def cost_at_quality(cost: ArrayLike, quality: ArrayLike, wanted: float) -> float | None:
    """Smallest mean cost at which the curve's hull reaches a quality; None when it never does.

    Raises:
        DataError: no points, or the wanted quality is not finite.
    """
    x, y = hull(cost, quality)
    if not np.isfinite(wanted):
        raise DataError(f"no curve reaches a quality of {wanted}")
    enough = wanted - _NOISE
    if y[-1] < enough:
        return None
    return float(x[0]) if enough <= y[0] else float(np.interp(enough, y, x))


def perf_gain(quality: ArrayLike, best_single: float) -> float:
    """PerfGain (LLMRouterBench, arXiv 2601.07206): best quality on the curve / best single - 1.

    Raises:
        DataError: the best single model's quality is 0, or the curve is none.
    """
    _check_positive("the best single model's quality", best_single)
    _, reached = points(np.zeros(np.size(quality)), quality)
    return float(reached.max()) / best_single - 1


def cost_save(
    cost: ArrayLike, quality: ArrayLike, best_single: float, best_single_cost: float
) -> float | None:
    """CostSave (LLMRouterBench): 1 - cheapest cost at the best single model's quality / its cost.

    Mixing points of the curve at random counts; None when the curve never gets that good.

    Raises:
        DataError: the best single model costs nothing, so nothing can be saved.
    """
    relative = qnc(cost, quality, best_single, best_single_cost)
    return None if relative is None else 1 - relative


def qnc(
    cost: ArrayLike, quality: ArrayLike, best_single: float, best_single_cost: float
) -> float | None:
    """Quality-neutral cost: that at the best model's quality / the best model's cost.

    From UniRoute (arXiv 2502.08773). 1 means nothing saved, above 1 dearer; None when the curve
    never gets that good.

    Raises:
        DataError: the best single model costs nothing.
    """
    _check_positive("the best single model's cost", best_single_cost)
    found = cost_at_quality(cost, quality, best_single)
    return None if found is None else found / best_single_cost


def cost_efficiency(
    quality: float, cost: float, cheapest_quality: float, cheapest_cost: float
) -> float | None:
    """Quality gained over the cheapest model per extra USD; None where no more is spent."""
    if cost <= cheapest_cost:
        return None
    return (quality - cheapest_quality) / (cost - cheapest_cost)


def _check_positive(what: str, value: float) -> None:
    if not value > 0:
        raise DataError(f"{what} is {value:.4g}: nothing can be measured against it")
