"""Nearest neighbours: how did each model do on the most similar training queries?

k-nearest-neighbour routing as in RouterBench (arXiv 2403.12031) and TO-Router (arXiv 2408.12320),
with the neighbours' mean shrunk towards each model's overall mean: a few neighbours say little.
Queries are near that are about the same things and look the same, such as equally long ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from shared_core.checks import check_counts, check_from_zero
from shared_core.encoders.base import Encoder, Vectors, unit
from shared_core.encoders.shape import WIDTH
from shared_core.learned import Learned, declared
from shared_core.policies.base import Matrix, Policy
from shared_core.policies.cost_quality import CostQuality
from shared_core.pool import Candidate, ModelPool
from shared_core.routers.predictive import neighbours, reading
from shared_core.routers.predictive.base import PredictiveRouter, Progress
from shared_core.routers.predictive.cross_validation import advantage_error
from shared_core.routers.predictive.neighbours import Indices
from shared_core.routers.predictive.reading import Reading

_KS: Final = (10, 20, 40, 60, 80, 120, 160, 240, 320)
_SHRINKAGES: Final = (5.0, 10.0, 20.0, 40.0, 80.0)
_TUNING_ROWS: Final = 3000
_LITTLE: Final = 1e-9


class KNNRouter(PredictiveRouter):
    """Shrunk k-nearest neighbours by cosine similarity.

    Args:
        pool, policy, encoder, seed: see PredictiveRouter.
        k: neighbours; chosen by cross-validation when not given.
        shrinkage: weight of a model's overall mean, counted in average neighbours; chosen by
            cross-validation when not given.
        form_weight: what a standard deviation of a text's form counts beside its unit vector; 0
            looks at the vectors alone.
    """

    learned = declared(
        PredictiveRouter.learned,
        reading.SCALE,
        axes_=Learned("vector+form vector+form"),
        vectors_=Learned("row vector+form"),
        outcomes_=Learned("2 row models", has_gaps=True),
        means_=Learned("2 models"),
        k_=Learned(kind="i", low=1, high="row+1"),
        shrinkage_=Learned(low=0),
    )

    def __init__(
        self,
        pool: ModelPool | Iterable[Candidate | str],
        policy: Policy = CostQuality(),
        encoder: Encoder | None = None,
        seed: int = 0,
        k: int | None = None,
        shrinkage: float | None = None,
        form_weight: float = 0.15,
    ) -> None:
        if k is not None:
            check_counts(k=k)
        if shrinkage is not None:
            check_from_zero(shrinkage=shrinkage)
        check_from_zero(form_weight=form_weight)
        super().__init__(pool, policy, encoder, seed)
        self.k = k
        self.shrinkage = shrinkage
        self.form_weight = form_weight
        self._known: _Known | None = None

    def _see(self, reading: Reading) -> Vectors:
        return np.hstack([reading.vectors, reading.shape])

    def _fit(self, vectors: Vectors, quality: Matrix, cost: Matrix, progress: Progress) -> None:
        self.middle_, self.spread_ = reading.scale(vectors[:, -WIDTH:])
        placed = self._placed(vectors)
        self.axes_ = neighbours.principal_axes(placed)
        self.vectors_ = placed @ self.axes_
        self.outcomes_ = np.stack([quality, cost])
        self.means_ = np.nanmean(self.outcomes_, axis=1)
        self._known = None
        self.k_, self.shrinkage_ = self._tuned(progress)

    def _predict(self, vectors: Vectors) -> tuple[Matrix, Matrix]:
        leads, found = self._ready().leads, np.zeros((2, len(vectors), self.means_.shape[1]))
        rotated = self._placed(vectors) @ self.axes_
        for rows in neighbours.chunks(len(vectors), len(self.vectors_)):
            near = neighbours.nearest(rotated[rows], self.vectors_, leads, self.k_)
            (found[:, rows],) = self._outcomes(*near, (self.shrinkage_,))
        return found[0], found[1]

    def _ready(self) -> _Known:
        if self._known is None:
            self._known = _Known.of(self.vectors_, self.outcomes_)
        return self._known

    def _placed(self, seen: Vectors) -> Vectors:
        return unit(reading.beside_form(seen, self.middle_, self.spread_, self.form_weight))

    def _outcomes(
        self, nearest: Indices, similarity: Vectors, shrinkages: Sequence[float]
    ) -> list[Matrix]:
        """Per shrinkage the outcomes (2, n, m), from neighbours (n, k) and their similarity."""
        sums = (_weights(similarity)[:, None, :] @ self._ready().outcomes[nearest])[:, 0]
        found, total = sums.reshape(len(nearest), 2, 2, -1).transpose(1, 2, 0, 3)
        means = self.means_[:, None, :]
        # A model that no neighbour knows keeps its mean, even without shrinkage.
        return [(found + (s + _LITTLE) * means) / (total + s + _LITTLE) for s in shrinkages]

    def _tuned(self, progress: Progress) -> tuple[int, float]:
        """The settings given, the others by cross-validated error of the predicted advantage."""
        n = len(self.vectors_)
        ks = sorted({min(k, n) for k in (_KS if self.k is None else (self.k,))})
        shrinkages = _SHRINKAGES if self.shrinkage is None else (self.shrinkage,)
        if len(ks) == len(shrinkages) == 1:
            return ks[0], shrinkages[0]
        progress("choosing k and shrinkage by cross-validation")
        errors = self._errors(ks, shrinkages)
        k_index, s_index = np.unravel_index(np.argmin(errors), errors.shape)
        return ks[k_index], shrinkages[s_index]

    def _errors(self, ks: Sequence[int], shrinkages: Sequence[float]) -> Matrix:
        """Cross-validated error (ks, shrinkages)."""
        fold = self._folds(self.vectors_)
        judged = np.random.default_rng(self.seed).permutation(len(fold))[:_TUNING_ROWS]
        errors = np.zeros((len(ks), len(shrinkages)))
        for part in neighbours.chunks(len(judged), len(fold)):
            rows = judged[part]
            similarity = self.vectors_[rows] @ self.vectors_.T
            similarity[fold[rows][:, None] == fold] = -1.0
            nearest, near = neighbours.top(similarity, ks[-1])
            for i, k in enumerate(ks):
                found = self._outcomes(nearest[:, :k], near[:, :k], shrinkages)
                quality = self.outcomes_[0, rows]
                errors[i] += [len(rows) * advantage_error(one[0], quality) for one in found]
        return errors / len(judged)

    @classmethod
    def test_parameters(cls) -> Sequence[Mapping[str, Any]]:
        return [{"k": 5, "shrinkage": 2.0}, {}]


class _Known(NamedTuple):
    """The learned arrays as a search for neighbours wants them; worked out once, not saved.

    ``outcomes`` (r, 4m) are each row's quality and cost, 0 where unknown, and 1 where known.
    """

    leads: Vectors
    outcomes: Matrix

    @classmethod
    def of(cls, vectors: Vectors, outcomes: Matrix) -> _Known:
        is_known = np.isfinite(outcomes)
        told = np.where(is_known, outcomes, 0.0)
        return cls(neighbours.leading(vectors), np.hstack([*told, *is_known]))


def _weights(similarity: Vectors) -> Matrix:
    """Weights (n, k) with mean 1: similarity less half that of the farthest of the k."""
    near = np.maximum(similarity.astype(np.float64), 0.0)
    weight = near - near[:, -1:] / 2 + _LITTLE
    heavy: Matrix = weight / weight.mean(axis=1, keepdims=True)
    return heavy
