"""What a score tells about the model that was heard, and about all the others."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np

from shared_core.policies.base import Matrix

_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(9)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()
_USUAL = 2.1
_WORTH_A_CALL = 1e-4


@dataclass(frozen=True)
class Beliefs:
    """Expected quality (m,) of every model for one query, and how it moves with what is heard.

    Quality and scores are taken to be jointly normal around the predictions, so every score moves
    the expectation of all models linearly (the ex-post estimates of arXiv 2410.10347).

    Args:
        mean: expected quality (m,), then expected score (m,).
        covariance: (2m, 2m) of both.
    """

    mean: Matrix
    covariance: Matrix

    @property
    def quality(self) -> Matrix:
        """Expected quality (m,), 0..1: a normal distribution knows no bounds, quality does."""
        return np.clip(self.mean[: len(self.mean) // 2], 0.0, 1.0)

    def after(self, model: int, score: float) -> Self:
        """The beliefs once this model's answer scored so."""
        at = len(self.mean) // 2 + model
        variance = self.covariance[at, at]
        gain = self.covariance[:, at] / variance
        mean = self.mean + gain * (score - self.mean[at])
        return type(self)(mean, self.covariance - np.outer(gain, self.covariance[at]))

    def shift(self, model: int) -> Matrix:
        """How far one standard deviation of this model's score would move each quality (m,)."""
        half = len(self.mean) // 2
        at = half + model
        deviation = np.sqrt(max(self.covariance[at, at], 1e-12))
        moved: Matrix = self.covariance[:half, at] / deviation
        return moved

    def value_of_asking(self, model: int, heard: list[int], price: Matrix) -> float:
        """Expected quality less price when this model is asked and then the best thing done.

        The best thing is to keep the best answer, or to ask one more.
        """
        kept, gone_on = self._afterwards(model, heard, price)
        return float(_WEIGHTS @ np.maximum(kept.max(axis=1), gone_on) - price[model])

    def is_settled_by(self, model: int, heard: list[int], price: Matrix) -> bool:
        """Whether its answer would be kept whatever its score, but for odd ones (beyond 2.1 sd)."""
        kept, gone_on = self._afterwards(model, heard, price)
        usual = np.abs(_NODES) < _USUAL
        rivals = np.maximum(kept[:, :-1].max(axis=1, initial=-np.inf), gone_on)
        return bool((kept[:, -1] >= rivals)[usual].all())

    def _afterwards(self, model: int, heard: list[int], price: Matrix) -> tuple[Matrix, Matrix]:
        """At each node: quality of the answers that are there, and the best of going on."""
        middle = self.mean[: len(self.mean) // 2]
        moved = np.clip(middle + _NODES[:, None] * self.shift(model), 0.0, 1.0)
        rest = [k for k in range(len(price)) if k != model and k not in heard]
        gone_on = (moved[:, rest] - price[rest]).max(axis=1, initial=-np.inf)
        return moved[:, [*heard, model]], gone_on


@dataclass
class Outlook:
    """One query's beliefs and prices, and whose answers are there.

    Args:
        models: the m models.
        beliefs: what is expected of them.
        price: (m,) cost in quality points; infinite once a model failed.
        cost: predicted cost in USD.
    """

    models: tuple[str, ...]
    beliefs: Beliefs
    price: Matrix
    cost: dict[str, float]
    present: list[int] = field(default_factory=list)

    @property
    def quality(self) -> dict[str, float]:
        """Expected quality per model, 0..1."""
        return dict(zip(self.models, self.beliefs.quality.tolist(), strict=True))

    @property
    def ranking(self) -> tuple[str, ...]:
        """The models, the one worth most first."""
        order = np.argsort(-(self.beliefs.quality - self.price), kind="stable")
        return tuple(self.models[i] for i in order)

    def best_step(self) -> int | None:
        """The model to ask next; None when the best answer that is there will do."""
        rest = [k for k in range(len(self.models)) if self._can_be_asked(k)]
        value = {k: self.beliefs.value_of_asking(k, self.present, self.price) for k in rest}
        best = max(value, key=lambda k: value[k], default=None)
        if best is None or not self.present:
            return best
        least = float(self.beliefs.quality[self.present].max()) + _WORTH_A_CALL
        return best if value[best] > least else None

    def is_settled_by(self, model: int) -> bool:
        """Whether its answer would be kept whatever its score."""
        return self.beliefs.is_settled_by(model, self.present, self.price)

    def learn(self, model: int, score: float | None) -> None:
        """The model's answer scored so; None: it failed."""
        if score is None:
            self.price = np.where(np.arange(len(self.price)) == model, np.inf, self.price)
            return
        self.present.append(model)
        self.beliefs = self.beliefs.after(model, score)

    def best_present(self) -> int:
        """The best answer that is there, or where none is, the model worth most."""
        worth = self.beliefs.quality
        if not self.present:
            return int(np.argmax(worth - self.price))
        return max(self.present, key=lambda k: worth[k])

    def _can_be_asked(self, model: int) -> bool:
        return model not in self.present and bool(np.isfinite(self.price[model]))


def covariance_of(quality: Matrix, expected: Matrix, score: Matrix) -> tuple[Matrix, Matrix]:
    """What ``Beliefs`` need, from n training rows of m models.

    Args:
        quality: true quality (n, m).
        expected: quality (n, m) predicted for rows that the predictor did not see.
        score: the scorer's scores (n, m); NaN where it cannot tell, which teaches nothing.

    Returns:
        Slope and intercept (2, m) of the score over expected quality, and the covariance (2m, 2m)
        of what is left of quality and score, with a little noise so that it can be inverted.
    """
    line = np.stack([_line(expected[:, j], score[:, j]) for j in range(quality.shape[1])], axis=1)
    left = np.concatenate([quality - expected, score - (line[0] * expected + line[1])], axis=1)
    covariance = np.cov(np.nan_to_num(left), rowvar=False)
    return line, covariance + 1e-6 * np.eye(len(covariance))


def _line(x: Matrix, y: Matrix) -> tuple[float, float]:
    known = np.isfinite(y)
    if not known.any():
        return 0.0, 0.0
    centre = float(x[known].mean())
    x, y = x[known] - centre, y[known]
    spread = float((x**2).mean())
    slope = float((x * y).mean() / spread) if spread > 1e-12 else 0.0
    return slope, float(y.mean() - slope * centre)
