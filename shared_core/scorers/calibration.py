"""From any score to a probability: isotonic regression and Platt's sigmoid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from shared_core.decision import Answer
from shared_core.errors import DataError, NotFitted
from shared_core.query import Query
from shared_core.scorers.base import Scorer, Scoring
from shared_core.scorers.likelihood import MeanLogprob

Vector = NDArray[np.float64]
_STEPS = 60
_HALVINGS = 30
_RIDGE = 1e-3


def isotonic(score: Vector, quality: Vector) -> tuple[Vector, Vector]:
    """Corners (x, y) of the non-decreasing step function nearest to quality over score.

    Pool adjacent violators; equal scores share one value.
    """
    xs, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    sums = np.bincount(inverse, weights=quality)
    blocks: list[tuple[float, int, int]] = []  # sum, count, number of corners
    for total, count in zip(sums.tolist(), counts.tolist(), strict=True):
        blocks.append((total, count, 1))
        while len(blocks) > 1 and blocks[-2][0] * blocks[-1][1] >= blocks[-1][0] * blocks[-2][1]:
            right, left = blocks.pop(), blocks.pop()
            blocks.append((left[0] + right[0], left[1] + right[1], left[2] + right[2]))
    ys = np.concatenate([np.full(corners, total / count) for total, count, corners in blocks])
    return xs, ys


def platt(score: Vector, quality: Vector) -> tuple[float, float]:
    """Slope and intercept of P = 1 / (1 + exp(-(slope * score + intercept))) (Platt, 1999).

    By Newton's method on the slightly regularised log-likelihood of the standardised scores, with
    steps that are halved until it rises; quality may lie between 0 and 1.
    """
    middle, spread = float(score.mean()), float(score.std()) or 1.0
    x = np.stack([(score - middle) / spread, np.ones_like(score)], axis=1)
    weight = np.zeros(2)
    for _ in range(_STEPS):
        p = np.exp(-np.logaddexp(0, -(x @ weight)))
        gradient = x.T @ (p - quality) + _RIDGE * weight
        hessian = (x * (p * (1 - p))[:, None]).T @ x + _RIDGE * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        for _ in range(_HALVINGS):
            if _loss(x, quality, weight - step) <= _loss(x, quality, weight):
                break
            step = step / 2
        weight = weight - step
        if np.abs(step).max() < 1e-9:
            break
    slope = float(weight[0]) / spread
    return slope, float(weight[1]) - slope * middle


def _loss(x: Vector, quality: Vector, weight: Vector) -> float:
    """What Platt's sigmoid minimises: the negative log-likelihood and the ridge."""
    told = x @ weight
    return float((np.logaddexp(0, told) - quality * told).sum() + _RIDGE / 2 * weight @ weight)


@dataclass(frozen=True)
class Calibrated(Scorer):
    """Another scorer's score as the probability that the answer is good.

    Args:
        inner: the other scorer.
        kind: ``isotonic`` takes any rising form; ``platt`` a sigmoid, for few examples.
        learned: corners x and y of the isotonic line, or slope and intercept; see ``fitted``.
        prior: the probability where the inner scorer cannot tell.
    """

    inner: Scorer
    kind: Literal["isotonic", "platt"] = "isotonic"
    learned: tuple[tuple[float, ...], ...] = field(default=(), repr=False)
    prior: float = float("nan")

    @property
    def is_quick(self) -> bool:  # type: ignore[override]
        return self.inner.is_quick

    @property
    def asks(self) -> bool:  # type: ignore[override]
        return self.inner.asks

    def fitted(self, score: Vector, quality: Vector) -> Self:
        """A copy that has learned from the inner scorer's scores (n,) and true quality (n,).

        Raises:
            DataError: no score is known.
        """
        known = np.isfinite(score) & np.isfinite(quality)
        if not known.any():
            raise DataError("no answer has both a score and a quality: nothing to calibrate on")
        if self.kind == "platt":
            learned = tuple((value,) for value in platt(score[known], quality[known]))
        else:
            learned = tuple(tuple(v.tolist()) for v in isotonic(score[known], quality[known]))
        return replace(self, learned=learned, prior=float(np.nanmean(quality)))

    def probability(self, score: float) -> float:
        """What a score of the inner scorer means; NaN means the prior."""
        if not self.learned:
            raise NotFitted("this scorer is not calibrated yet: take fitted(scores, quality)")
        if np.isnan(score):
            return self.prior
        first, second = self.learned
        if self.kind == "platt":
            return float(np.exp(-np.logaddexp(0, -(first[0] * score + second[0]))))
        return float(np.interp(score, first, second))

    def score(self, query: Query, answer: Answer, others: Sequence[Answer] = ()) -> float:
        return self.probability(self.inner.score(query, answer, others))

    def flow(self, query: Query, answer: Answer, others: Sequence[Answer] = ()) -> Scoring:
        return self.probability((yield from self.inner.flow(query, answer, others)))

    @classmethod
    def test_parameters(cls) -> Sequence[Mapping[str, Any]]:
        learned = ((0.0, 0.5, 1.0), (0.1, 0.4, 0.9))
        return [{"inner": MeanLogprob(), "learned": learned, "prior": 0.5}]
