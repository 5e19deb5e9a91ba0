"""What routing by some predictions gained over never choosing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from shared_core.policies.base import Matrix, Predictions

_COST_WEIGHTS: Final = (0.0, *np.geomspace(0.003, 3.0, 13).tolist())
_SURE: Final = 1.96


@dataclass(frozen=True)
class Gain:
    """Utility per query above that of the best single model, averaged over cost weights.

    At each weight the best single model is also what the best mixture of single models reaches, so
    a gain here is a gain over the zero router.
    """

    mean: float
    error: float

    @property
    def low(self) -> float:
        """Lower end of the 95 % interval."""
        return self.mean - _SURE * self.error

    @property
    def high(self) -> float:
        """Upper end of the 95 % interval."""
        return self.mean + _SURE * self.error

    @property
    def is_sure(self) -> bool:
        """Whether the whole interval is above zero."""
        return self.low > 0

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"gain": round(self.mean, 5), "gain_error": round(self.error, 5)}


def gain(predicted: Predictions, score: Matrix, cost: Matrix) -> Gain:
    """The gain of choosing by predictions (n, m) of rows with these outcomes (n, m).

    An unknown outcome is estimated: as predicted, and corrected by what the predictions of that
    model miss where its outcome is known (the doubly robust estimator of Dudík, Langford and Li,
    arXiv 1103.4601). That supposes that each model's outcomes are missing by chance; where all are
    known, nothing is estimated. The error is zero where fewer than two rows have a known outcome.
    """
    known = np.isfinite(score) & np.isfinite(cost)
    if known.any(axis=1).sum() < 2:
        return Gain(0.0, 0.0)
    each = np.mean([_gained(predicted, score, cost, known, w) for w in _COST_WEIGHTS], axis=0)
    return Gain(float(each.mean()), float(each.std(ddof=1) / np.sqrt(len(each))))


def _gained(
    predicted: Predictions, score: Matrix, cost: Matrix, known: Any, weight: float
) -> Matrix:
    price = weight / predicted.cost_unit
    expected = predicted.quality - price * predicted.cost
    utility = _estimated(np.where(known, score - price * cost, 0.0), expected, known)
    chosen = np.take_along_axis(utility, expected.argmax(axis=1)[:, None], axis=1)[:, 0]
    gained: Matrix = chosen - utility[:, utility.mean(axis=0).argmax()]
    return gained


def _estimated(utility: Matrix, expected: Matrix, known: Any) -> Matrix:
    """Utilities (n, m) with the right means; those of a model that is always known, as they are."""
    weight = known / np.maximum(known.mean(axis=0), 1 / len(known))
    estimated: Matrix = expected * (1 - weight) + utility * weight
    return estimated
