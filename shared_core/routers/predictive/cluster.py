"""Cluster tables: how did each model do on the kinds of query that this one is nearest to?

K-means over unlabelled queries and a table of outcomes per cluster, as in UniRoute (arXiv
2502.08773) and Avengers (arXiv 2505.19797); the nearest clusters are weighted by similarity, and a
cluster's table is shrunk towards each model's mean. Where a cluster ends is chance, so several
clusterings are averaged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from shared_core.checks import check_counts, check_from_zero
from shared_core.encoders.base import Encoder, Vectors
from shared_core.learned import Learned, declared
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
        n_clusterings: independent clusterings whose predictions are averaged.
    """

    learned = declared(
        PredictiveRouter.learned,
        centers_=Learned("clustering cluster vector"),
        tables_=Learned("clustering 2 cluster models"),
    )

    def __init__(
        self,
        pool: ModelPool | Iterable[Candidate | str],
        policy: Policy = CostQuality(),
        encoder: Encoder | None = None,
        seed: int = 0,
        n_clusters: int | None = None,
        n_nearest: int = 3,
        shrinkage: float = 20.0,
        n_clusterings: int = 4,
    ) -> None:
        check_counts(n_nearest=n_nearest, n_clusterings=n_clusterings)
        if n_clusters is not None:
            check_counts(n_clusters=n_clusters)
        check_from_zero(shrinkage=shrinkage)
        super().__init__(pool, policy, encoder, seed)
        self.n_clusters = n_clusters
        self.n_nearest = n_nearest
        self.shrinkage = shrinkage
        self.n_clusterings = n_clusterings

    def _fit(self, vectors: Vectors, quality: Matrix, cost: Matrix, progress: Progress) -> None:
        progress("clustering")
        wanted = min(self.n_clusters or int(np.clip(len(vectors) // 40, 4, 128)), len(vectors))
        rng = np.random.default_rng(self.seed)
        self.centers_ = np.stack([k_means(vectors, wanted, rng) for _ in range(self.n_clusterings)])
        outcomes = np.stack([quality, cost])
        self.tables_ = np.stack([self._table(vectors, one, outcomes) for one in self.centers_])

    def _table(self, vectors: Vectors, centers: Vectors, outcomes: Matrix) -> Matrix:
        """Mean outcomes (2, c, m) of each cluster, shrunk."""
        cluster = np.argmax(vectors @ centers.T, axis=1)
        member = np.eye(len(centers))[cluster]
        known = np.isfinite(outcomes)
        means = np.nanmean(outcomes, axis=1)[:, None, :]
        total = np.einsum("nc,onm->ocm", member, np.where(known, outcomes, 0.0))
        count = np.einsum("nc,onm->ocm", member, known)
        weight = self.shrinkage + 1e-9
        shrunk: Matrix = (total + weight * means) / (count + weight)
        return shrunk

    def _predict(self, vectors: Vectors) -> tuple[Matrix, Matrix]:
        pairs = zip(self.centers_, self.tables_, strict=True)
        found = sum(self._weights(vectors, centers) @ table for centers, table in pairs)
        quality, cost = found / len(self.centers_)
        return quality, cost

    def _weights(self, vectors: Vectors, centers: Vectors) -> Matrix:
        """What each cluster counts for a query (n, c)."""
        similarity = (vectors @ centers.T).astype(np.float64)
        kept = np.sort(similarity, axis=1)[:, -min(self.n_nearest, len(centers))]
        near = np.where(similarity >= kept[:, None], similarity, -np.inf)
        weight = np.exp(_SHARPNESS * (near - near.max(axis=1, keepdims=True)))
        shares: Matrix = weight / weight.sum(axis=1, keepdims=True)
        return shares

    @classmethod
    def test_parameters(cls) -> Sequence[Mapping[str, Any]]:
        return [{"n_clusters": 6, "shrinkage": 2.0, "n_clusterings": 2}]
