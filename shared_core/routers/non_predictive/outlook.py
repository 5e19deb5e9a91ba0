"""What can still be done for one query, and what it is worth."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from shared_core.routers.non_predictive.beliefs import Beliefs, Vector
from shared_core.routers.non_predictive.lookahead import worth_of_asking

AHEAD: Final = 3
"""Answers it looks ahead: fewer miss that two cheap ones in turn may save a dear one."""

_WORTH_A_CALL = 1e-4
_UNUSUAL = 2.1
_CONSIDERED = 6


@dataclass
class Outlook:
    """One query's beliefs and prices, and whose answers are there.

    Args:
        models: the m models.
        beliefs: what is expected of them, in one course: what happened.
        price: cost in quality points (m,); infinite once a model failed.
        cost: predicted cost in USD.
        present: whose answers are there.
    """

    models: tuple[str, ...]
    beliefs: Beliefs
    price: Vector
    cost: dict[str, float]
    present: list[int] = field(default_factory=list)

    @property
    def quality(self) -> dict[str, float]:
        """Expected quality per model, 0..1."""
        return dict(zip(self.models, self._expected.tolist(), strict=True))

    @property
    def ranking(self) -> tuple[str, ...]:
        """The models, the one worth most first."""
        order = np.argsort(-(self._expected - self.price), kind="stable")
        return tuple(self.models[i] for i in order)

    def best_step(self, ahead: int = AHEAD) -> int | None:
        """The model to ask next; None when the best answer that is there will do."""
        rest = self._promising()
        if not rest:
            return None
        worth = worth_of_asking(self.beliefs, self.present, rest, self.price, ahead)[0]
        best = int(worth.argmax())
        if not self.present:
            return best
        least = float(self._expected[self.present].max()) + _WORTH_A_CALL
        return best if worth[best] > least else None

    def is_settled_by(self, model: int) -> bool:
        """Whether its answer would be kept whatever its score, but for odd ones (over 2.1 sd)."""
        _, courses = self.beliefs.imagine(model, _UNUSUAL)
        rest = [k for k in self._promising() if k != model]
        there = [*self.present, model]
        best = courses.quality[:, there].max(axis=1)
        if rest:
            asking = worth_of_asking(courses, there, rest, self.price, 1)
            best = np.maximum(best, asking.max(axis=1))
        return bool((best <= courses.quality[:, model] + _WORTH_A_CALL).all())

    def learn(self, model: int, score: float | None) -> None:
        """The model's answer scored so; NaN: nobody can tell; None: it failed."""
        if score is None:
            self.price = np.where(np.arange(len(self.price)) == model, np.inf, self.price)
            return
        self.present.append(model)
        if not math.isnan(score):
            self.beliefs = self.beliefs.after(model, score)

    def best_present(self) -> int:
        """The best answer that is there, or where none is, the model worth most."""
        if not self.present:
            return int(np.argmax(self._expected - self.price))
        return max(self.present, key=lambda k: self._expected[k])

    @property
    def _expected(self) -> Vector:
        now: Vector = self.beliefs.quality[0]
        return now

    def _promising(self) -> list[int]:
        """Models that can be asked; of many, those that may turn out worth most."""
        rest = [k for k in range(len(self.models)) if self._can_be_asked(k)]
        if len(rest) <= _CONSIDERED:
            return rest
        hope = {k: self._expected[k] + self.beliefs.spread(k) - self.price[k] for k in rest}
        return sorted(rest, key=lambda k: -hope[k])[:_CONSIDERED]

    def _can_be_asked(self, model: int) -> bool:
        return model not in self.present and bool(np.isfinite(self.price[model]))
