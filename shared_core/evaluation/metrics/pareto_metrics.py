"""Routers beside each other on one cost-quality plane (LLMRouterBench, arXiv 2601.07206).

Points are mean costs (k,) and mean qualities (k,).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shared_core.evaluation.metrics.cost_metrics import points


def pareto_front(cost: ArrayLike, quality: ArrayLike) -> NDArray[np.bool]:
    """(k,) whether no other point is at least as good and as cheap, and better in one of the two.

    Equal points are all on the front or all off it. Errors as for ``pareto_dist``.

    Args:
        cost, quality: the points' mean costs (k,) and mean qualities (k,).
    """
    costs, qualities = points(cost, quality)
    order = np.lexsort((-qualities, costs))
    best_before = -np.inf
    on_front = np.zeros(len(costs), dtype=bool)
    for group in np.split(order, np.flatnonzero(np.diff(costs[order])) + 1):
        top = qualities[group[0]]
        if top > best_before:
            on_front[group[qualities[group] == top]] = True
            best_before = top
    return on_front


def pareto_dist(
    cost: ArrayLike, quality: ArrayLike, front_cost: ArrayLike, front_quality: ArrayLike
) -> float:
    """Mean distance of a router's points to the nearest point of the joint Pareto front.

    Both axes are scaled by the front's extent first, so that neither USD nor points of quality
    decide alone; an axis on which the front has no extent is left as it is. 0: every point is on
    the front.

    Args:
        cost, quality: the router's points (k,).
        front_cost, front_quality: points of all compared routers; those off the front are ignored.

    Raises:
        DataError: no points, other than as many costs as qualities, or a number that is not finite.
    """
    costs, qualities = points(cost, quality)
    all_costs, all_qualities = points(front_cost, front_quality)
    front = pareto_front(all_costs, all_qualities)
    x, y = all_costs[front], all_qualities[front]
    dx = (costs[:, None] - x) / (np.ptp(x) or 1.0)
    dy = (qualities[:, None] - y) / (np.ptp(y) or 1.0)
    return float(np.hypot(dx, dy).min(axis=1).mean())


def pareto_ratio(
    cost: ArrayLike, quality: ArrayLike, front_cost: ArrayLike, front_quality: ArrayLike
) -> float:
    """Share of a router's points that no point of the others dominates.

    Arguments and errors as for ``pareto_dist``.
    """
    costs, qualities = points(cost, quality)
    others = points(front_cost, front_quality)
    x, y = np.concatenate([costs, others[0]]), np.concatenate([qualities, others[1]])
    return float(pareto_front(x, y)[: len(costs)].mean())
