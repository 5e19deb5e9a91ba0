"""Cluster tables: how did each model do on the kinds of query that this one is nearest to?

K-means over unlabelled queries and a table of outcomes per cluster, as in UniRoute (arXiv
2502.08773) and Avengers (arXiv 2505.19797); the nearest clusters are weighted by similarity, and a
cluster's table is shrunk towards each model's mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from shared_core.encoders.base import Encoder, Vectors
from shared_core.errors import ConfigError
from shared_core.policies.base import Matrix, Policy
from shared_core.policies.cost_quality import CostQuality
from shared_core.pool import Candidate, ModelPool
from shared_core.routers.predictive.base import PredictiveRouter, Progress
from shared_core.routers.predictive.k_means import k_means

_SHARPNESS: Final = 10.0


class ClusterRouter(PredictiveRouter):
    """Shrunk outcome tables of the nearest clusters.

    Args:
        pool, policy, encoder, seed: see PredictiveRouter.
        n_clusters: clusters; one for each 40 rows, from 4 to 128, when not given.
        n_nearest: clusters that are weighed for a query.
        shrinkage: weight of a model's overall mean, counted in queries.
    """

    def __init__(
        self,
        pool: ModelPool | Iterable[Candidate | str],
        policy: Policy = CostQuality(),
        encoder: Encoder | None = None,
        seed: int = 0,
        n_clusters: int | None = None,
        n_nearest: int = 3,
        shrinkage: float = 20.0,
    ) -> None:
        if min(n_clusters or 1, n_nearest) < 1 or shrinkage < 0:
            raise ConfigError("n_clusters and n_nearest count from 1 up, shrinkage from 0 up")
        super().__init__(pool, policy, encoder, seed)
        self.n_clusters = n_clusters
        self.n_nearest = n_nearest
        self.shrinkage = shrinkage

    def _fit(self, vectors: Vectors, quality: Matrix, cost: Matrix, progress: Progress) -> None:
        progress("clustering")
        wanted = self.n_clusters or int(np.clip(len(vectors) // 40, 4, 128))
        rng = np.random.default_rng(self.seed)
        self.centers_ = k_means(vectors, min(wanted, len(vectors)), rng)
        cluster = np.argmax(vectors @ self.centers_.T, axis=1)
        member = np.eye(len(self.centers_))[cluster]
        outcomes = np.stack([quality, cost])
        known = np.isfinite(outcomes)
        means = np.nanmean(outcomes, axis=1)[:, None, :]
        total = np.einsum("nc,onm->ocm", member, np.where(known, outcomes, 0.0))
        count = np.einsum("nc,onm->ocm", member, known)
        weight = self.shrinkage + 1e-9
        self.tables_ = (total + weight * means) / (count + weight)

    def _predict(self, vectors: Vectors) -> tuple[Matrix, Matrix]:
        similarity = (vectors @ self.centers_.T).astype(np.float64)
        kept = np.sort(similarity, axis=1)[:, -min(self.n_nearest, len(self.centers_))]
        near = np.where(similarity >= kept[:, None], similarity, -np.inf)
        weight = np.exp(_SHARPNESS * (near - near.max(axis=1, keepdims=True)))
        weight /= weight.sum(axis=1, keepdims=True)
        quality, cost = weight @ self.tables_
        return quality, cost

    @classmethod
    def test_parameters(cls) -> Sequence[Mapping[str, Any]]:
        return [{"n_clusters": 6, "shrinkage": 2.0}]
