"""What a score tells about the model that was heard, and about all the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from shared_core.policies.base import Matrix

Vector = NDArray[np.float64]
NOISE = 1e-6
"""Least variance of what is not settled."""


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

    def of(self, models: Sequence[int]) -> Self:
        """The same beliefs of some of the models."""
        m = len(self.vagueness)
        both = [*models, *(m + k for k in models)]
        return type(self)(
            self.mean[:, both], self.covariance[np.ix_(both, both)], self.vagueness[list(models)]
        )

    def courses(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Self:
        """The same beliefs of some of the courses."""
        return type(self)(self.mean[rows], self.covariance, self.vagueness)

    def after(self, model: int, score: float | Vector) -> Self:
        """The beliefs once this model's answer scored so, the same or (s,) in each course."""
        return self._moved(model, score - self._expected_score(model)[None])

    def imagine(self, model: int, width: float = 1.0) -> tuple[Vector, Self]:
        """How likely (s,) this model scores high, and 2s courses: it scores low, it scores high.

        Args:
            width: how far apart low and high are, in standard deviations of the score.
        """
        chance = self._expected_score(model)
        at = len(self.vagueness) + model
        most = reach(self.covariance[at, at], self.vagueness[model])
        by = min(1.0, width * float(most))
        return chance, self._moved(model, np.stack([-chance * by, (1 - chance) * by]))

    @property
    def spread(self) -> Vector:
        """Standard deviation (m,) of each model's quality around what is expected."""
        found: Vector = np.sqrt(self.covariance.diagonal()[: len(self.vagueness)])
        return found

    def _moved(self, model: int, surprise: Matrix) -> Self:
        """The beliefs (c * s) once the score was off by ``surprise`` (c, s) in each of c cases."""
        at = len(self.vagueness) + model
        gain = self.covariance[:, at] / self.covariance[at, at]
        mean = (self.mean + surprise[:, :, None] * gain).reshape(-1, len(gain))
        left = self.covariance - np.outer(gain, self.covariance[at])
        left[at, at] = max(left[at, at], NOISE)
        return type(self)(mean, left, self.vagueness)

    def _expected_score(self, model: int) -> Vector:
        return np.clip(self.mean[:, len(self.vagueness) + model], 0.0, 1.0)


def reach(variance: Vector, vagueness: Vector) -> Vector:
    """1: the score is 0 or 1; 0: it is what was expected. In between, it gives the spread."""
    found: Vector = np.sqrt(variance / (variance + vagueness))
    return found
