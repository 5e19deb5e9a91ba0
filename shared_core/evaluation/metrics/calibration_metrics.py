"""Do predicted qualities mean what they say (Guo et al. 2017, arXiv 1706.04599).

``predicted`` and ``actual`` (n,) are qualities from 0 to 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shared_core.errors import DataError
from shared_core.evaluation.metrics.cost_metrics import Vector


@dataclass(frozen=True)
class ReliabilityDiagram:
    """A reliability diagram's bins, those without a prediction left out.

    Args:
        predicted, actual: (b,) means within each bin.
        count: (b,) predictions in it.
    """

    predicted: Vector
    actual: Vector
    count: NDArray[np.int64]

    @property
    def ece(self) -> float:
        """Expected calibration error: mean |predicted - actual| over bins, weighed by count."""
        gaps = np.abs(self.predicted - self.actual)
        return float((gaps * self.count).sum() / self.count.sum())

    @property
    def worst(self) -> float:
        """Maximum calibration error: the largest |predicted - actual| of a bin."""
        return float(np.abs(self.predicted - self.actual).max())


def reliability_diagram(
    predicted: ArrayLike, actual: ArrayLike, n_bins: int = 10
) -> ReliabilityDiagram:
    """Bins of equal width over 0..1; predictions outside count in the bin at that end.

    Raises:
        DataError: different lengths, nothing to bin, or numbers that are not finite.
    """
    guessed, true = np.asarray(predicted, float).ravel(), np.asarray(actual, float).ravel()
    if len(guessed) != len(true) or not len(true) or n_bins < 1:
        raise DataError(f"{len(guessed)} predictions, {len(true)} outcomes, {n_bins} bins")
    if not (np.isfinite(guessed).all() and np.isfinite(true).all()):
        raise DataError("a prediction or an outcome is not finite")
    bins = np.clip((guessed * n_bins).astype(np.int64), 0, n_bins - 1)
    count = np.bincount(bins, minlength=n_bins)
    filled = count > 0
    sums = [np.bincount(bins, weights=values, minlength=n_bins) for values in (guessed, true)]
    means = [(total[filled] / count[filled]) for total in sums]
    return ReliabilityDiagram(means[0], means[1], count[filled])


def expected_calibration_error(predicted: ArrayLike, actual: ArrayLike, n_bins: int = 10) -> float:
    """ECE; arguments and errors as for ``reliability_diagram``."""
    return reliability_diagram(predicted, actual, n_bins).ece
