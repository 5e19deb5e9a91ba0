"""Nearest neighbours: how did each model do on the most similar training queries?

k-nearest-neighbour routing as in RouterBench (arXiv 2403.12031) and TO-Router (arXiv 2408.12320),
with the neighbours' mean shrunk towards each model's overall mean: a few neighbours say little.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shared_core.encoders.base import Encoder, Vectors
from shared_core.errors import ConfigError
from shared_core.policies.base import Matrix, Policy
from shared_core.policies.cost_quality import CostQuality
from shared_core.pool import Candidate, ModelPool
from shared_core.routers.predictive.base import PredictiveRouter, Progress
from shared_core.routers.predictive.cross_validation import advantage_error, folds

N_FOLDS: Final = 5
_KS: Final = (10, 20, 40, 60, 80, 120, 160, 240, 320)
_SHRINKAGES: Final = (5.0, 10.0, 20.0, 40.0, 80.0)
_TUNING_ROWS: Final = 3000
_SIMILARITIES_AT_ONCE: Final = 1 << 24

Indices = NDArray[np.int64]


class KNNRouter(PredictiveRouter):
    """Shrunk k-nearest neighbours on exact cosine similarity.

    Args:
        pool, policy, encoder, seed: see PredictiveRouter.
        k: neighbours; chosen by cross-validation when not given.
        shrinkage: weight of a model's overall mean, counted in average neighbours; chosen by
            cross-validation when not given.
    """

    def __init__(
        self,
        pool: ModelPool | Iterable[Candidate | str],
        policy: Policy = CostQuality(),
        encoder: Encoder | None = None,
        seed: int = 0,
        k: int | None = None,
        shrinkage: float | None = None,
    ) -> None:
        if k is not None and k < 1:
            raise ConfigError(f"k is a number of neighbours from 1 up, not {k}")
        if shrinkage is not None and shrinkage < 0:
            raise ConfigError(f"shrinkage is a weight from 0 up, not {shrinkage}")
        super().__init__(pool, policy, encoder, seed)
        self.k = k
        self.shrinkage = shrinkage

    def _fit(self, vectors: Vectors, quality: Matrix, cost: Matrix, progress: Progress) -> None:
        self.vectors_ = np.ascontiguousarray(vectors, np.float32)
        self.outcomes_ = np.stack([quality, cost]).astype(np.float64)
        self.means_ = np.nanmean(self.outcomes_, axis=1)
        self.k_, self.shrinkage_ = self._tuned(progress)

    def _predict(self, vectors: Vectors) -> tuple[Matrix, Matrix]:
        parts = [
            self._from_similarity(vectors[rows] @ self.vectors_.T, self.k_, (self.shrinkage_,))[0]
            for rows in _chunks(len(vectors), len(self.vectors_))
        ]
        quality, cost = np.concatenate(parts, axis=1) if parts else np.zeros((2, 0, len(self.pool)))
        return quality, cost

    def _from_similarity(
        self, similarity: Vectors, k: int, shrinkages: Sequence[float]
    ) -> list[Matrix]:
        """Per shrinkage, outcomes (2, n, m) from similarities (n, training rows)."""
        nearest, weight = _neighbours(similarity, k)
        seen = self.outcomes_[:, nearest]
        known = np.isfinite(seen)
        weights = np.where(known, weight[..., None], 0.0)
        total = weights.sum(axis=2)
        found = (weights * np.where(known, seen, 0.0)).sum(axis=2)
        means = self.means_[:, None, :]
        return [
            (found + s * means) / (total + s) if s else _plain(found, total, means)
            for s in shrinkages
        ]

    def _tuned(self, progress: Progress) -> tuple[int, float]:
        """The settings given, the others by cross-validated error of the predicted advantage."""
        ks = _KS if self.k is None else (self.k,)
        shrinkages = _SHRINKAGES if self.shrinkage is None else (self.shrinkage,)
        if len(ks) == len(shrinkages) == 1:
            return ks[0], shrinkages[0]
        progress("choosing k and shrinkage by cross-validation")
        errors = self._errors(ks, shrinkages)
        k_index, s_index = np.unravel_index(np.argmin(errors), errors.shape)
        return min(ks[k_index], len(self.vectors_)), shrinkages[s_index]

    def _errors(self, ks: Sequence[int], shrinkages: Sequence[float]) -> Matrix:
        fold = folds([row.tobytes() for row in self.vectors_], N_FOLDS, self.seed)
        judged = np.random.default_rng(self.seed).permutation(len(fold))[:_TUNING_ROWS]
        errors = np.zeros((len(ks), len(shrinkages)))
        for part in _chunks(len(judged), len(fold)):
            rows = judged[part]
            similarity = self.vectors_[rows] @ self.vectors_.T
            similarity[fold[rows][:, None] == fold[None, :]] = -1.0
            errors += len(rows) * np.array(
                [self._errors_at(rows, similarity, k, shrinkages) for k in ks]
            )
        return errors / len(judged)

    def _errors_at(
        self, rows: Indices, similarity: Vectors, k: int, shrinkages: Sequence[float]
    ) -> list[float]:
        quality = self.outcomes_[0, rows]
        found = self._from_similarity(similarity, k, shrinkages)
        return [advantage_error(predicted[0], quality) for predicted in found]

    @classmethod
    def test_parameters(cls) -> Sequence[Mapping[str, Any]]:
        return [{"k": 5, "shrinkage": 2.0}, {}]


def _chunks(n: int, width: int) -> Iterator[slice]:
    """Slices of n rows small enough that rows x width stays in memory."""
    step = max(1, _SIMILARITIES_AT_ONCE // max(width, 1))
    return (slice(start, start + step) for start in range(0, n, step))


def _neighbours(similarity: Vectors, k: int) -> tuple[Indices, Matrix]:
    """The k nearest (n, k) and their weights: similarity less half the farthest's, with mean 1."""
    k = min(k, similarity.shape[1])
    nearest = np.argpartition(-similarity, k - 1, axis=1)[:, :k]
    near = np.maximum(np.take_along_axis(similarity, nearest, axis=1).astype(np.float64), 0.0)
    weight = near - near.min(axis=1, keepdims=True) / 2 + 1e-9
    return nearest, weight / weight.mean(axis=1, keepdims=True)


def _plain(found: Matrix, total: Matrix, means: Matrix) -> Matrix:
    """The neighbours' mean without shrinkage; a model none of them knows keeps its overall mean."""
    return np.where(total > 0, found / np.where(total > 0, total, 1.0), means)
