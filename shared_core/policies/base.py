"""What a router predicts, and the callable that weighs it."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from shared_core.errors import ConfigError

Matrix = NDArray[np.float64]


def most_useful(utility: Matrix, cost: Matrix) -> NDArray[np.int64]:
    """Column (n,) of the model with the highest utility (n, m), as a router takes it.

    Of several the cheapest, by expected cost (n, m), and of those the first.
    """
    is_best = utility >= utility.max(axis=1, keepdims=True)
    chosen: NDArray[np.int64] = np.where(is_best, cost, np.inf).argmin(axis=1)
    return chosen


@dataclass(frozen=True)
class Predictions:
    """What each model would give for each query.

    Args:
        models: the m models, naming the columns.
        quality: (n, m) expected quality, 0..1.
        cost: (n, m) expected cost in USD.
        cost_unit: USD that count as one unit of cost: the mean cost of the dearest model seen in
            training, so that weights mean the same for any pool.
    """

    models: tuple[str, ...]
    quality: Matrix
    cost: Matrix
    cost_unit: float

    def of(self, models: Sequence[str]) -> Predictions:
        """These predictions for some of the models, in the order given."""
        if tuple(models) == self.models:
            return self
        place = {name: column for column, name in enumerate(self.models)}
        columns = [place[name] for name in models]
        return Predictions(
            tuple(models), self.quality[:, columns], self.cost[:, columns], self.cost_unit
        )


class Policy(ABC):
    """Turns predictions into utility (n, m): the higher, the more the model is worth it.

    A policy is a frozen dataclass of JSON-ready fields, which is all that saving it takes.
    """

    @abstractmethod
    def __call__(self, predictions: Predictions) -> Matrix:
        """Utility (n, m) of each model for each query."""

    def weighing(self, cost_weight: float | None) -> Self:
        """This policy with another cost weight, such as a single query's; None keeps its own.

        Raises:
            ConfigError: it has no cost weight, or none of that value.
        """
        if cost_weight is None:
            return self
        if not (dataclasses.is_dataclass(self) and hasattr(self, "cost_weight")):
            raise ConfigError(f"{type(self).__name__} has no cost_weight to set for one query")
        return dataclasses.replace(self, cost_weight=cost_weight)

    def explain(self) -> str:
        """How it weighs, in a few words, for a decision's reason."""
        return type(self).__name__


class Weighing(NamedTuple):
    """How a router weighs: its policy, and the USD that count as one unit of cost."""

    policy: Policy
    cost_unit: float

    def __call__(self, quality: Mapping[str, float], cost: Mapping[str, float]) -> dict[str, float]:
        """Utility of each model named in ``quality``, from predictions per model."""
        models = tuple(quality)
        expected, price = (np.array([[told[name] for name in models]]) for told in (quality, cost))
        worth = self.policy(Predictions(models, expected, price, self.cost_unit))[0]
        return dict(zip(models, worth.tolist(), strict=True))


def check_policy(policy: object) -> None:
    """ConfigError where something else was given for a policy, such as its weight alone."""
    if not isinstance(policy, Policy):
        raise ConfigError(f"a policy is one like CostQuality(cost_weight=0.1), not {policy!r}")
