"""What training rows teach of quality, predictions and scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from shared_core.policies.base import Matrix
from shared_core.routers.non_predictive.beliefs import NOISE, Beliefs, Vector


@dataclass(frozen=True)
class Experience:
    """What n training rows of m models teach about quality, predictions and scores.

    Args:
        gap: slope and intercept (2, m) of score less predicted quality, over predicted quality.
        covariance: (2m, 2m) of what is left of quality and of score.
        vagueness: mean score * (1 - score) (m,).
    """

    gap: Matrix
    covariance: Matrix
    vagueness: Vector

    @classmethod
    def of(cls, quality: Matrix, expected: Matrix, score: Matrix) -> Self:
        """Learn it.

        What the prediction tells of the score is taken out first: only the rest is news.

        Args:
            quality: true quality (n, m).
            expected: quality (n, m) predicted for rows that the predictor did not see.
            score: the scorer's scores (n, m), 0..1; NaN where it cannot tell, which teaches
                nothing.
        """
        columns = zip(expected.T, (score - expected).T, strict=True)
        gap = np.array([_line(x, y) for x, y in columns]).T
        off = np.nan_to_num(score - (expected + gap[0] * expected + gap[1]))
        known = np.maximum(np.isfinite(score).sum(axis=0), 1)
        vagueness = np.nan_to_num(score * (1 - score)).sum(axis=0) / known
        return cls(gap, _covariance(quality - expected, off), vagueness)

    def beliefs(self, columns: Matrix | NDArray[np.int64], expected: Matrix) -> Beliefs:
        """What to expect of these models, of which so much quality (k,) or (s, k) is predicted."""
        both = np.concatenate([columns, columns + len(self.vagueness)])
        quality = np.atleast_2d(expected)
        score = quality + self.gap[0, columns] * quality + self.gap[1, columns]
        mean = np.hstack([quality, score])
        return Beliefs(mean, self.covariance[np.ix_(both, both)], self.vagueness[columns])


def _covariance(quality: Matrix, score: Matrix) -> Matrix:
    """Covariance (2m, 2m) of what is left of quality and score (n, m).

    That of the rows, shrunk towards scores that tell of other models only what their own quality
    tells: by as much as the rows leave unsure (Schaefer and Strimmer, 2005). Unshrunk, the best of
    many chance relations looks worth a call.
    """
    m, n = quality.shape[1], len(quality)
    left = np.hstack([quality, score])
    left = left - left.mean(axis=0)
    found = left.T @ left / max(n - 1, 1)
    target = _own_quality_alone(found, m)
    scale = np.sqrt(np.maximum(found.diagonal(), NOISE))
    unit = left / scale
    doubt = ((unit**2).T @ unit**2 / n - (unit.T @ unit / n) ** 2) / n
    apart = ((found - target) / np.outer(scale, scale)) ** 2
    shrunk = apart > 0
    trust = 1 - min(1.0, float(doubt[shrunk].sum() / max(apart[shrunk].sum(), NOISE)))
    shared: Matrix = trust * found + (1 - trust) * target + NOISE * np.eye(2 * m)
    return shared


def _own_quality_alone(covariance: Matrix, m: int) -> Matrix:
    """The same quality and the same tie of each score to it, and no other tie of a score."""
    quality = covariance[:m, :m]
    tie = covariance[:m, m:].diagonal() / np.maximum(quality.diagonal(), NOISE)
    scores = quality * np.outer(tie, tie)
    np.fill_diagonal(scores, covariance.diagonal()[m:])
    return np.block([[quality, quality * tie], [(quality * tie).T, scores]])


def _line(x: Vector, y: Vector) -> tuple[float, float]:
    """Slope and intercept of y over x by least squares, where y is known."""
    known = np.isfinite(y)
    if not known.any():
        return 0.0, 0.0
    centre = float(x[known].mean())
    x, y = x[known] - centre, y[known]
    spread = float((x**2).mean())
    slope = float((x * y).mean() / spread) if spread > NOISE else 0.0
    return slope, float(y.mean() - slope * centre)
