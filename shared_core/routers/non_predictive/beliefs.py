"""What a score tells about the model that was heard, and about all the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from shared_core.policies.base import Matrix

Vector = NDArray[np.float64]
_NOISE = 1e-6


@dataclass(frozen=True)
class Beliefs:
    """Expected quality of m models for one query in s imagined courses, and how scores move it.

    Quality and scores vary together around what is expected, so every score moves the expectation
    of all models linearly: the ex-post estimates of arXiv 2410.10347, as best linear estimates. A
    score not yet heard is imagined as a coin of the same mean and spread, which is exact for a
    judge that says yes or no and stays within 0..1 for any other.

    Args:
        mean: expected quality, then expected score (s, 2m).
        covariance: of both around their means (2m, 2m).
        vagueness: mean score * (1 - score) of each model (m,); 0 for verdicts of yes or no.
    """

    mean: Matrix
    covariance: Matrix
    vagueness: Vector

    @property
    def quality(self) -> Matrix:
        """Expected quality (s, m), 0..1: a line knows no bounds, quality does."""
        return np.clip(self.mean[:, : len(self.vagueness)], 0.0, 1.0)

    def after(self, model: int, score: float) -> Self:
        """The beliefs once this model's answer scored so."""
        return self._moved(model, score - self._expected_score[None, :, model])

    def imagine(self, model: int, width: float = 1.0) -> tuple[Vector, Self]:
        """How likely (s,) this model scores high, and 2s courses: it scores low, it scores high.

        Args:
            width: how far apart low and high are, in standard deviations of the score.
        """
        chance = self._expected_score[:, model]
        reach = min(1.0, width * float(self._reach[model]))
        return chance, self._moved(model, np.stack([-chance * reach, (1 - chance) * reach]))

    def best_with_one_more(self, heard: Sequence[int]) -> Matrix:
        """Expected quality (s, m) of the best of the answers heard and the one of each model.

        Worth a shortcut of its own, since most of what is imagined comes at the end of a course.
        """
        m = len(self.vagueness)
        chance = self._expected_score
        gain = self.covariance[:m, m:] / self.covariance.diagonal()[m:]
        surprise = np.stack([-chance, 1 - chance])[:, :, None, :] * self._reach
        quality = np.clip(self.mean[:, :m, None] + surprise * gain, 0.0, 1.0)
        there = np.eye(m, dtype=bool)
        there[heard] = True
        low, high = np.where(there, quality, -np.inf).max(axis=2)
        best: Matrix = (1 - chance) * low + chance * high
        return best

    def spread(self, model: int) -> float:
        """Standard deviation of this model's quality around what is expected."""
        return float(np.sqrt(self.covariance[model, model]))

    def _moved(self, model: int, surprise: Matrix) -> Self:
        """The beliefs (c * s) once the score was off by ``surprise`` (c, s) in each of c cases."""
        at = len(self.vagueness) + model
        gain = self.covariance[:, at] / self.covariance[at, at]
        mean = (self.mean + surprise[:, :, None] * gain).reshape(-1, len(gain))
        left = self.covariance - np.outer(gain, self.covariance[at])
        left[at, at] = max(left[at, at], _NOISE)
        return type(self)(mean, left, self.vagueness)

    @property
    def _expected_score(self) -> Matrix:
        return np.clip(self.mean[:, len(self.vagueness) :], 0.0, 1.0)

    @property
    def _reach(self) -> Vector:
        """1: the score is 0 or 1; 0: it is what was expected. In between, it gives the spread."""
        variance = self.covariance.diagonal()[len(self.vagueness) :]
        reach: Vector = np.sqrt(variance / (variance + self.vagueness))
        return reach


@dataclass(frozen=True)
class Experience:
    """What n training rows of m models teach about quality, predictions and scores.

    Args:
        gap: slope and intercept (2, m) of score less quality over predicted quality.
        covariance: (2m, 2m) of what is left of quality and of score.
        vagueness: mean score * (1 - score) (m,).
    """

    gap: Matrix
    covariance: Matrix
    vagueness: Vector

    @classmethod
    def of(cls, quality: Matrix, expected: Matrix, score: Matrix) -> Self:
        """Learn it.

        The expected score is the expected quality plus the gap: where the score is the quality,
        there is none, and one score settles its model's quality wholly.

        Args:
            quality: true quality (n, m).
            expected: quality (n, m) predicted for rows that the predictor did not see.
            score: the scorer's scores (n, m), 0..1; NaN where it cannot tell, which teaches
                nothing.
        """
        columns = zip(expected.T, (score - quality).T, strict=True)
        gap = np.array([_line(x, y) for x, y in columns]).T
        off = np.nan_to_num(score - (expected + gap[0] * expected + gap[1]))
        covariance = np.cov(np.hstack([quality - expected, off]), rowvar=False)
        known = np.maximum(np.isfinite(score).sum(axis=0), 1)
        vagueness = np.nan_to_num(score * (1 - score)).sum(axis=0) / known
        return cls(gap, covariance + _NOISE * np.eye(len(covariance)), vagueness)

    def beliefs(self, columns: Matrix | NDArray[np.int64], expected: Vector) -> Beliefs:
        """What to expect of these models, of which so much quality (k,) is predicted."""
        both = np.concatenate([columns, columns + len(self.vagueness)])
        score = expected + self.gap[0, columns] * expected + self.gap[1, columns]
        mean = np.concatenate([expected, score])[None]
        return Beliefs(mean, self.covariance[np.ix_(both, both)], self.vagueness[columns])


def _line(x: Vector, y: Vector) -> tuple[float, float]:
    """Slope and intercept of y over x by least squares, where y is known."""
    known = np.isfinite(y)
    if not known.any():
        return 0.0, 0.0
    centre = float(x[known].mean())
    x, y = x[known] - centre, y[known]
    spread = float((x**2).mean())
    slope = float((x * y).mean() / spread) if spread > _NOISE else 0.0
    return slope, float(y.mean() - slope * centre)
