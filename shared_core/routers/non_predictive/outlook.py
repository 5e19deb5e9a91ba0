"""What can still be done for one query, and what it is worth."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from shared_core.routers.non_predictive.beliefs import Beliefs, Vector
from shared_core.routers.non_predictive.lookahead import (
    AHEAD,
    STOP,
    WORTH_A_CALL,
    next_steps,
    promising,
    worth_of_asking,
)

_UNUSUAL = 2.1


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
        step = int(next_steps(self.beliefs, self.present, self._rest(), self.price, ahead)[0])
        return None if step == STOP else step

    def is_settled_by(self, model: int, is_last: bool = False) -> bool:
        """Whether its answer would be kept whatever its score, but for odd ones (over 2.1 sd).

        Args:
            is_last: nobody can be asked after it.
        """
        _, courses = self.beliefs.imagine(model, _UNUSUAL)
        rest = [] if is_last else [k for k in self._rest() if k != model]
        if rest:
            rest = promising(self.beliefs, rest, self.price)[0].tolist()
        there = [*self.present, model]
        best = courses.quality[:, there].max(axis=1)
        if rest:
            asking = worth_of_asking(courses, there, rest, self.price, 1)
            best = np.maximum(best, asking.max(axis=1))
        return bool((best <= courses.quality[:, model] + WORTH_A_CALL).all())

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

    def _rest(self) -> list[int]:
        """Models that can be asked."""
        can = np.isfinite(self.price)
        can[self.present] = False
        rest: list[int] = np.flatnonzero(can).tolist()
        return rest
