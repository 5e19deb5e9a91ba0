"""Cost-quality metrics as pure functions of arrays (RouterBench, arXiv 2403.12031).

A *point* is (mean cost, mean quality) over queries; a *curve* is the points of one router at many
cost weights. Arrays are (n queries, m models) unless said otherwise.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared_core.policies.base import Matrix

Vector = NDArray[np.float64]
Choices = NDArray[np.int64]

N_WEIGHTS: Final = 64


def cost_weights(n: int = N_WEIGHTS) -> Vector:
    """The sweep: 0 and ``n`` weights from 0.001 to 1000, evenly spaced in their logarithm."""
    return np.concatenate([[0.0], np.geomspace(1e-3, 1e3, n)])


def sweep(quality: Matrix, cost: Matrix, cost_unit: float) -> Choices:
    """The model (w, n) chosen at each cost weight, last the cheapest, from predictions (n, m)."""
    chosen = [np.argmax(quality - w * cost / cost_unit, axis=1) for w in cost_weights()]
    return np.stack([*chosen, np.argmin(cost, axis=1)])


def outcomes_of(choices: Choices, score: Matrix, cost: Matrix) -> tuple[Matrix, Matrix]:
    """What the choices (w, n) cost and scored, per query: two arrays (w, n)."""
    rows = np.arange(len(score))
    return cost[rows, choices], score[rows, choices]


def hull(cost: Vector, quality: Vector) -> tuple[Vector, Vector]:
    """Corners of the points' non-decreasing concave hull: what mixing them at random can reach."""
    corners: list[tuple[float, float]] = []
    order = np.lexsort((-quality, cost))
    for point in zip(cost[order].tolist(), quality[order].tolist(), strict=True):
        if corners and point[1] <= corners[-1][1]:
            continue
        while len(corners) > 1 and _is_under(corners[-2], corners[-1], point):
            corners.pop()
        corners.append(point)
    found = np.array(corners)
    return found[:, 0], found[:, 1]


def _is_under(
    left: tuple[float, float], middle: tuple[float, float], right: tuple[float, float]
) -> bool:
    """Whether the middle point lies on or under the chord from left to right."""
    rise, run = middle[1] - left[1], middle[0] - left[0]
    return rise * (right[0] - left[0]) <= (right[1] - left[1]) * run


def aiq_range(cost: Vector, quality: Vector, low: float, high: float) -> float:
    """Average improvement in quality: mean height of the curve's hull over costs low to high.

    ``low`` and ``high`` are the mean costs of the cheapest and the dearest single model; beyond its
    ends the hull is held flat. With ``low == high`` it is the hull's height there.
    """
    x, y = hull(cost, quality)
    if high <= low:
        return float(np.interp(low, x, y))
    grid = np.unique(np.concatenate([[low, high], x[(x > low) & (x < high)]]))
    return float(np.trapezoid(np.interp(grid, x, y), grid) / (high - low))


def cost_at_quality(cost: Vector, quality: Vector, wanted: float) -> float | None:
    """Smallest mean cost at which the curve's hull reaches a quality; None when it never does."""
    x, y = hull(cost, quality)
    if y[-1] < wanted:
        return None
    return float(x[0]) if wanted <= y[0] else float(np.interp(wanted, y, x))
