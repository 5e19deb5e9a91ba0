"""Quality minus a price for cost: the cost weight is the one knob."""

from __future__ import annotations

from dataclasses import dataclass

from shared_core.checks import is_number
from shared_core.errors import ConfigError
from shared_core.policies.base import Matrix, Policy, Predictions


@dataclass(frozen=True)
class CostQuality(Policy):
    """Utility = quality - cost_weight * cost / cost_unit (RouterBench, arXiv 2403.12031, eq. 1).

    Args:
        cost_weight: quality points one gives up to save a whole call to the dearest model.
            0 looks at quality only; 0.1 pays the dearest model where it promises 0.1 more;
            a large weight always takes the cheapest.
    """

    cost_weight: float = 0.1

    def __post_init__(self) -> None:
        if not (is_number(self.cost_weight) and self.cost_weight >= 0):
            raise ConfigError(f"cost_weight is a number from 0 up, not {self.cost_weight!r}")

    def __call__(self, predictions: Predictions) -> Matrix:
        return predictions.quality - self.cost_weight * predictions.cost / predictions.cost_unit

    def explain(self) -> str:
        return f"quality - {self.cost_weight:.3g} x cost"
