"""Matrix factorisation: a query and a model meet in a few hidden dimensions.

RouteLLM (arXiv 2406.18665, section 4.2) scores a model's vector against a projected query by a
bilinear form. Here the form is fitted to outcomes by reduced-rank ridge regression, which has a
closed solution: no learning rate, no epochs, the same result every time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from shared_core.checks import check_counts
from shared_core.encoders.base import Encoder, Vectors
from shared_core.policies.base import Matrix, Policy
from shared_core.policies.cost_quality import CostQuality
from shared_core.pool import Candidate, ModelPool
from shared_core.routers.predictive.base import Progress
from shared_core.routers.predictive.regression import RegressionRouter


class MatrixFactorizationRouter(RegressionRouter):
    """Quality = a model's mean + projected query . model's vector.

    Args:
        pool, policy, encoder, seed: see PredictiveRouter.
        alpha: strength of the penalty; chosen by cross-validation when not given.
        rank: hidden dimensions, at most the number of models.
    """

    def __init__(
        self,
        pool: ModelPool | Iterable[Candidate | str],
        policy: Policy = CostQuality(),
        encoder: Encoder | None = None,
        seed: int = 0,
        alpha: float | None = None,
        rank: int = 4,
    ) -> None:
        check_counts(rank=rank)
        super().__init__(pool, policy, encoder, seed, alpha)
        self.rank = rank

    def _fit(self, vectors: Vectors, quality: Matrix, cost: Matrix, progress: Progress) -> None:
        super()._fit(vectors, quality, cost, progress)
        m = len(self.pool)
        fitted = self._features(self._design(vectors)) @ self.weights_[:, :m]
        squares = (fitted - fitted.mean(axis=0)).T @ (fitted - fitted.mean(axis=0))
        models = np.linalg.eigh(squares.astype(np.float64))[1][:, -self.rank :]
        level = np.nanmean(quality, axis=0)
        weights = self.weights_.astype(np.float64)
        weights[:, :m] = weights[:, :m] @ models @ models.T
        middle = self._features(self._design(vectors)).mean(axis=0)
        self.offset_[:m] = level - middle @ weights[:, :m]
        self.weights_ = weights.astype(np.float32)

    @classmethod
    def test_parameters(cls) -> Sequence[Mapping[str, Any]]:
        return [{"alpha": 3.0}]
