"""Quality minus a price for cost: the cost weight is the one knob."""

from __future__ import annotations

from dataclasses import dataclass

from shared_core.checks import check_from_zero
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
        check_from_zero(cost_weight=self.cost_weight)

    def __call__(self, predictions: Predictions) -> Matrix:
        return predictions.quality - self.cost_weight * predictions.cost / predictions.cost_unit

    def explain(self) -> str:
        return f"quality - {self.cost_weight:.3g} x cost"
