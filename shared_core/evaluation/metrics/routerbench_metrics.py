"""What RouterBench's own code computes (variant ``routerbench``; arXiv 2403.12031, ``AIQ.py``).

Its hull is made in one pass, so it can still sag; each hull starts at its own cheapest point and is
extended flat to the dearest cost of all routers that are compared; the area is divided by that
cost. Use it to compare with figures from that code, ``cost_metrics.aiq_range`` otherwise.

Points are (k, 2): cost and quality.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from shared_core.errors import DataError
from shared_core.evaluation.metrics.cost_metrics import Vector, area
from shared_core.policies.base import Matrix


def routerbench_hull(points: ArrayLike) -> Matrix:
    """The non-decreasing "convex hull" (h, 2), by rising cost.

    Each cost between the cheapest and the dearest gets the highest of the points and chords there;
    then whatever is lower than its predecessor goes, once. The dearest point stays only where it
    is at least as high as the one before. Of several points at the cheapest or the dearest cost
    one counts: which, numpy's default sort decides, as in their code.

    Raises:
        DataError: fewer than three different costs, where their code fails too.
    """
    found = np.asarray(points, float)
    if found.ndim != 2 or found.shape[1] != 2:
        raise DataError(f"points have the shape (k, 2), not {found.shape}")
    found = found[found[:, 0].argsort()]
    inner = np.unique(found[:, 0])[1:-1]
    if not len(inner):
        raise DataError("RouterBench's hull takes points at three different costs at least")
    corners = [(x, _height(found, x)) for x in inner.tolist()]
    if found[-1, 1] >= corners[-1][1]:
        corners.append((found[-1, 0], found[-1, 1]))
    raised = np.array([tuple(found[0]), *corners])
    falls = np.append(False, raised[1:, 1] < raised[:-1, 1])
    kept: Matrix = raised[~falls]
    return kept


def aiq_routerbench(routers: Sequence[ArrayLike]) -> Vector:
    """AIQ (r,) of routers compared together, each given by its points (k, 2).

    Raises:
        DataError: as for ``routerbench_hull``, or no router.
    """
    hulls = [routerbench_hull(points) for points in routers]
    if not hulls:
        raise DataError("no router to compare")
    dearest = max(float(hull[:, 0].max()) for hull in hulls)
    closed = [np.vstack([hull, [dearest, hull[-1, 1]]]) for hull in hulls]
    if not dearest:  # nothing but free models is worth it: the height there, as in ``aiq_range``
        return np.array([hull[-1, 1] for hull in hulls])
    return np.array([area(hull[:, 0], hull[:, 1]) / dearest for hull in closed])


def _height(points: Matrix, x: float) -> float:
    """Highest of the points at x and of the chords from a cheaper to a dearer point."""
    left, right = points[points[:, 0] < x], points[points[:, 0] > x]
    slope = (right[None, :, 1] - left[:, None, 1]) / (right[None, :, 0] - left[:, None, 0])
    chords = slope * (x - left[:, None, 0]) + left[:, None, 1]
    return float(max(chords.max(), points[points[:, 0] == x, 1].max()))
