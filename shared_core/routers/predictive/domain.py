"""Which domain is a query of, and how does each model do there?

A gate tells how likely each domain is; a ridge regression in each domain tells how the models do: a
mixture of linear experts (Jacobs, Jordan, Nowlan and Hinton, 1991), whose domains are known in
training. The experts learn from what gates say of rows that these were not fitted on, so they know
how far to trust it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from shared_core.checks import check_counts
from shared_core.encoders.base import Encoder, Vectors, unit
from shared_core.encoders.shape import WIDTH
from shared_core.learned import Learned, declared
from shared_core.policies.base import Matrix, Policy
from shared_core.policies.cost_quality import CostQuality
from shared_core.pool import Candidate, ModelPool
from shared_core.routers.predictive import gate, neighbours
from shared_core.routers.predictive.base import Progress
from shared_core.routers.predictive.cross_validation import Folds
from shared_core.routers.predictive.gate import Gate
from shared_core.routers.predictive.k_means import k_means
from shared_core.routers.predictive.reading import Reading
from shared_core.routers.predictive.regression import RegressionRouter

_MOST_DOMAINS: Final = 32
_FEWEST_ROWS: Final = 20
_MOST_CLUSTERS: Final = 8
_LEADING: Final = 64
_MOST_FEATURES: Final = 1500
_MOST_ROWS: Final = 20_000
"""Rows that are learned from; more take memory and teach little."""


class Seen(NamedTuple):
    """Vectors beside the form (n, d), and each row's label where the table names domains."""

    design: Vectors
    labels: tuple[str, ...] | None


class DomainRouter(RegressionRouter):
    """A ridge regression for each domain, weighed by how likely the domain is.

    Domains are the labels of the table's column ``dataset``; rare ones count as one, and those with
    many rows are divided by what their texts are about, as is a table without labels. Queries to be
    routed need no label.

    Args:
        pool, policy, encoder, seed: see PredictiveRouter.
        alpha: strength of the penalty; chosen by cross-validation when not given.
        rows_per_cluster: rows of a label from which on it is divided, into one part for each so
            many, at most 8.
    """

    learned = declared(
        RegressionRouter.learned,
        gate_=Learned("vector+form+1 domain"),
        axes_=Learned("vector seen"),
        weights_=Learned("domain+domain*seen+domain*form 2*models"),
    )

    ALPHAS = (2.0, 6.0, 20.0, 60.0, 200.0)

    def __init__(
        self,
        pool: ModelPool | Iterable[Candidate | str],
        policy: Policy = CostQuality(),
        encoder: Encoder | None = None,
        seed: int = 0,
        alpha: float | None = None,
        rows_per_cluster: int = 1000,
    ) -> None:
        check_counts(rows_per_cluster=rows_per_cluster)
        super().__init__(pool, policy, encoder, seed, alpha)
        self.rows_per_cluster = rows_per_cluster

    def _see(self, reading: Reading) -> Any:
        return Seen(super()._see(reading), reading.labels)

    def _fit(self, vectors: Seen, quality: Matrix, cost: Matrix, progress: Progress) -> None:
        rng = np.random.default_rng(self.seed)
        rows = np.sort(rng.permutation(len(quality))[:_MOST_ROWS])
        seen = vectors.design[rows]
        labels = ("",) * len(rows) if vectors.labels is None else [vectors.labels[i] for i in rows]
        self._settle_scale(seen)
        progress("telling domains apart")
        domain = _domains(labels, seen[:, :-WIDTH], self.rows_per_cluster, rng)
        n_domains = int(domain.max()) + 1
        self.axes_ = neighbours.principal_axes(seen[:, :-WIDTH])[:, : _width(n_domains)]
        design = self._design(seen)
        self.gate_ = gate.fit(design, domain, n_domains).weights
        fold = self._folds(vectors.design)[rows]
        likely = gate.left_out(design, domain, n_domains, fold)
        features = self._by_domain(likely, design)
        self._regress(features, fold, quality[rows], cost[rows], progress)

    def _predict(self, vectors: Seen) -> tuple[Matrix, Matrix]:
        return super()._predict(vectors.design)

    def _places(self, reading: Reading) -> Vectors:
        likely = Gate(self.gate_)(self._design(self._see(reading).design))
        return unit(np.hstack([reading.vectors, likely]))

    def _places_width(self, sizes: Mapping[str, int]) -> int:
        return sizes["vector"] + sizes["domain"]

    def _features(self, design: Vectors) -> Vectors:
        return self._by_domain(Gate(self.gate_)(design), design)

    def _by_domain(self, likely: Vectors, design: Vectors) -> Vectors:
        """What each expert sees, times how likely its domain (n, k) is."""
        one = np.ones((len(design), 1), np.float32)
        told = np.hstack([one, design[:, :-WIDTH] @ self.axes_, design[:, -WIDTH:]])
        return (likely[:, :, None] * told[:, None, :]).reshape(len(design), -1)

    @classmethod
    def test_parameters(cls) -> Sequence[Mapping[str, Any]]:
        return [{"alpha": 0.5, "rows_per_cluster": 40}, {"alpha": 0.5}]


def _width(n_domains: int) -> int:
    """Leading dimensions of the vectors that each expert sees."""
    return int(np.clip(_MOST_FEATURES // n_domains - 1 - WIDTH, 0, _LEADING))


def _domains(
    labels: Sequence[str], vectors: Vectors, rows_per_cluster: int, rng: np.random.Generator
) -> Folds:
    """A number (n,) for each row's domain."""
    frequent = Counter(labels).most_common(_MOST_DOMAINS)
    kept = [label for label, count in frequent if count >= _FEWEST_ROWS]
    own = np.array([label if label in kept else "" for label in labels])
    found, begun = np.zeros(len(labels), np.int64), 0
    for label in np.unique(own):
        rows = np.flatnonzero(own == label)
        n_clusters = int(np.clip(round(len(rows) / rows_per_cluster), 1, _MOST_CLUSTERS))
        centers = k_means(vectors[rows], n_clusters, rng)
        found[rows] = begun + np.argmax(vectors[rows] @ centers.T, axis=1)
        begun += n_clusters
    occurring: Folds = np.unique(found, return_inverse=True)[1].astype(np.int64)
    return occurring
