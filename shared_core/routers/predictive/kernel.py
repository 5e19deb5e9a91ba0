"""Kernel ridge regression: smooth, not straight, in what a text is about and what it looks like.

A Gaussian kernel through random Fourier features (Rahimi and Recht, 2007), so that training takes
time in proportion to the rows and a decision takes one product with a fixed matrix.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from shared_core.checks import check_counts
from shared_core.encoders.base import Encoder, Vectors
from shared_core.learned import Learned, declared
from shared_core.policies.base import Matrix, Policy
from shared_core.policies.cost_quality import CostQuality
from shared_core.pool import Candidate, ModelPool
from shared_core.routers.predictive.base import Progress
from shared_core.routers.predictive.regression import RegressionRouter

_SHARPNESS: Final = 0.6
"""Inverse width of the kernel, in lengths of a vector."""


class KernelRouter(RegressionRouter):
    """Ridge regression on random Fourier features of the texts' vectors and form.

    Args:
        pool, policy, encoder, seed: see PredictiveRouter.
        alpha: strength of the penalty; chosen by cross-validation when not given.
        n_features: random features; more come nearer the exact kernel.
    """

    learned = declared(
        RegressionRouter.learned,
        directions_=Learned("vector+form wave"),
        phases_=Learned("wave"),
        weights_=Learned("wave 2*models"),
    )

    ALPHAS = (3.0, 10.0, 30.0)

    def __init__(
        self,
        pool: ModelPool | Iterable[Candidate | str],
        policy: Policy = CostQuality(),
        encoder: Encoder | None = None,
        seed: int = 0,
        alpha: float | None = None,
        n_features: int = 768,
    ) -> None:
        check_counts(n_features=n_features)
        super().__init__(pool, policy, encoder, seed, alpha)
        self.n_features = n_features

    def _fit(self, vectors: Vectors, quality: Matrix, cost: Matrix, progress: Progress) -> None:
        rng = np.random.default_rng(self.seed)
        directions = rng.standard_normal((vectors.shape[1], self.n_features), np.float32)
        self.directions_ = directions * np.float32(_SHARPNESS)
        self.phases_ = rng.uniform(0, 2 * np.pi, self.n_features).astype(np.float32)
        super()._fit(vectors, quality, cost, progress)

    def _features(self, design: Vectors) -> Vectors:
        waves = np.cos(design @ self.directions_ + self.phases_)
        features: Vectors = waves * np.float32(np.sqrt(2 / self.n_features))
        return features

    @classmethod
    def test_parameters(cls) -> Sequence[Mapping[str, Any]]:
        return [{"alpha": 0.5, "n_features": 128}]
