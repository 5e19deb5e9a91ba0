"""What the regressions share: vectors beside the texts' form, ridge, its strength by validation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from shared_core.checks import check_above_zero
from shared_core.encoders.base import Encoder, Vectors
from shared_core.encoders.shape import WIDTH
from shared_core.learned import Learned, declared
from shared_core.policies.base import Matrix, Policy
from shared_core.policies.cost_quality import CostQuality
from shared_core.pool import Candidate, ModelPool
from shared_core.routers.predictive import reading, ridge
from shared_core.routers.predictive.base import PredictiveRouter, Progress
from shared_core.routers.predictive.cross_validation import Folds
from shared_core.routers.predictive.reading import Reading

FORM_WEIGHT: Final = 0.3
"""What a standard deviation of a text's form counts beside its unit vector."""


class RegressionRouter(PredictiveRouter):
    """Quality and cost by ridge regression on features that a subclass makes.

    Args:
        pool, policy, encoder, seed: see PredictiveRouter.
        alpha: strength of the penalty; chosen by cross-validation when not given.
    """

    learned = declared(
        PredictiveRouter.learned,
        reading.SCALE,
        weights_=Learned("vector+form 2*models"),
        offset_=Learned("2*models"),
        least_cost_=Learned("models"),
        alpha_=Learned(low=0),
    )

    ALPHAS: tuple[float, ...] = (3.0, 10.0, 30.0, 100.0, 300.0)

    def __init__(
        self,
        pool: ModelPool | Iterable[Candidate | str],
        policy: Policy = CostQuality(),
        encoder: Encoder | None = None,
        seed: int = 0,
        alpha: float | None = None,
    ) -> None:
        if alpha is not None:
            check_above_zero(alpha=alpha)
        super().__init__(pool, policy, encoder, seed)
        self.alpha = alpha

    def _see(self, reading: Reading) -> Any:
        return np.hstack([reading.vectors, reading.shape])

    def _features(self, design: Vectors) -> Vectors:
        """Features (n, f) of the design (n, d): vectors, and the weighted form."""
        return design

    def _fit(self, vectors: Any, quality: Matrix, cost: Matrix, progress: Progress) -> None:
        self._settle_scale(vectors)
        features = self._features(self._design(vectors))
        self._regress(features, self._folds(vectors), quality, cost, progress)

    def _settle_scale(self, seen: Vectors) -> None:
        self.middle_, self.spread_ = reading.scale(seen[:, -WIDTH:])

    def _regress(
        self, features: Vectors, fold: Folds, quality: Matrix, cost: Matrix, progress: Progress
    ) -> None:
        """Learn outcomes (n, m) from features (n, f), with a penalty that is best over folds."""
        targets = ridge.outcomes(quality, cost, self.cost_unit_)
        self.alpha_ = self._chosen(features, targets, fold, progress)
        fitted = ridge.fit(features, targets, self.alpha_, len(self.pool))
        self.weights_, self.offset_ = fitted.weights.astype(np.float32), fitted.offset
        self.least_cost_ = np.nanmin(cost, axis=0)

    def _predict(self, vectors: Any) -> tuple[Matrix, Matrix]:
        found = self._features(self._design(vectors)) @ self.weights_ + self.offset_
        m = len(self.least_cost_)
        quality, cost = found[:, :m].astype(np.float64), found[:, m:].astype(np.float64)
        return quality, np.maximum(cost * self.cost_unit_, self.least_cost_)

    def _design(self, seen: Vectors) -> Vectors:
        return reading.beside_form(seen, self.middle_, self.spread_, FORM_WEIGHT)

    def _chosen(self, features: Vectors, targets: Matrix, fold: Folds, progress: Progress) -> float:
        if self.alpha is not None:
            return self.alpha
        progress("choosing the regression's strength by cross-validation")
        return ridge.choose_alpha(features, targets, len(self.pool), fold, self.ALPHAS)

    @classmethod
    def test_parameters(cls) -> Sequence[Mapping[str, Any]]:
        return [{"alpha": 3.0}, {}]
