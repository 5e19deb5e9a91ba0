"""Item response theory: what a query demands, and how well each model meets it.

The multidimensional two-parameter logistic model (Reckase, 1985), as IRT routers use it (arXiv
2506.01048): from outcomes each training query's demands are estimated along with the models'
parameters, and a regression on the text predicts the demands of new queries. With one dimension
that is a query's difficulty; with several, models can be good at different things.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from shared_core.checks import check_counts
from shared_core.encoders.base import Encoder, Vectors
from shared_core.learned import Learned, declared
from shared_core.policies.base import Matrix, Policy
from shared_core.policies.cost_quality import CostQuality
from shared_core.pool import Candidate, ModelPool
from shared_core.routers.predictive import ridge
from shared_core.routers.predictive.base import PredictiveRouter, Progress
from shared_core.routers.predictive.reading import SCALE
from shared_core.routers.predictive.regression import RegressionRouter

_ROUNDS: Final = 40
_STEP: Final = 0.5


class DifficultyRouter(RegressionRouter):
    """P(right) = logistic(level of the model + what it can . what the query demands).

    Args:
        pool, policy, encoder, seed: see PredictiveRouter.
        alpha: strength of the penalty of the demands' regression on the text; chosen by
            cross-validation when not given.
        dimensions: in how many ways queries can be easy or difficult; no more than models.
    """

    learned = declared(
        PredictiveRouter.learned,
        SCALE,
        abilities_=Learned("models demand"),
        levels_=Learned("models"),
        weights_=Learned("vector+form demand"),
        offset_=Learned("demand"),
        doubt_=Learned("models", low=0),
        costs_=Learned("models"),
        shift_=Learned("models"),
        alpha_=Learned(low=0),
    )

    def __init__(
        self,
        pool: ModelPool | Iterable[Candidate | str],
        policy: Policy = CostQuality(),
        encoder: Encoder | None = None,
        seed: int = 0,
        alpha: float | None = None,
        dimensions: int = 4,
    ) -> None:
        check_counts(dimensions=dimensions)
        super().__init__(pool, policy, encoder, seed, alpha)
        self.dimensions = dimensions

    def _fit(self, vectors: Vectors, quality: Matrix, cost: Matrix, progress: Progress) -> None:
        progress("estimating what queries demand and models can")
        demands, models = _estimated(quality, min(self.dimensions, quality.shape[1]))
        self.abilities_, self.levels_ = models
        self._settle_scale(vectors)
        design = self._design(vectors)
        logits = models.logits(demands)
        self.alpha_ = self._chosen(design, logits, self._folds(vectors), progress)
        fitted = ridge.fit(design, demands, self.alpha_)
        self.weights_, self.offset_ = fitted.weights.astype(np.float32), fitted.offset
        missed = (demands - fitted(design)) @ self.abilities_.T
        self.doubt_ = (missed**2).mean(axis=0)
        self.costs_ = np.nanmean(cost, axis=0)
        self.shift_ = np.nanmean(quality, axis=0) - self._quality(design).mean(axis=0)

    def _predict(self, vectors: Vectors) -> tuple[Matrix, Matrix]:
        quality = self._quality(self._design(vectors)) + self.shift_
        return quality, np.tile(self.costs_, (len(vectors), 1))

    def _quality(self, design: Vectors) -> Matrix:
        """Chance (n, m) to be right, what is not known of the demands averaged out."""
        demands = (design @ self.weights_ + self.offset_).astype(np.float64)
        logits = _Models(self.abilities_, self.levels_).logits(demands)
        return _logistic(logits / np.sqrt(1 + np.pi / 8 * self.doubt_))

    @classmethod
    def test_parameters(cls) -> Sequence[Mapping[str, Any]]:
        return [{"alpha": 3.0}, {"alpha": 3.0, "dimensions": 1}]


def _logistic(logit: Matrix) -> Matrix:
    chance: Matrix = 1 / (1 + np.exp(-np.clip(logit, -30, 30)))
    return chance


class _Models(NamedTuple):
    """What m models can: abilities (m, k) in k dimensions, and levels (m,)."""

    abilities: Matrix
    levels: Matrix

    def logits(self, demands: Matrix) -> Matrix:
        """Logit (n, m) of being right, for demands (n, k)."""
        found: Matrix = demands @ self.abilities.T + self.levels
        return found

    @classmethod
    def at_first(cls, quality: Matrix, k: int) -> _Models:
        """All alike in the first dimension; in the others as their outcomes differ most."""
        m = quality.shape[1]
        apart = np.nan_to_num(quality - np.nanmean(quality, axis=0))
        apart -= apart.mean(axis=1, keepdims=True)
        squares, directions = np.linalg.eigh(apart.T @ apart)
        leading = directions[:, np.argsort(-squares)[: k - 1]]
        return cls(np.hstack([np.ones((m, 1)), np.sqrt(m) * leading]), np.zeros(m))


def _estimated(quality: Matrix, k: int) -> tuple[Matrix, _Models]:
    """Demands (n, k) and models, the likeliest ones, by alternating Newton steps."""
    known = np.isfinite(quality)
    seen = np.where(known, quality, 0.0)
    models, demands = _Models.at_first(quality, k), np.zeros((len(quality), k))
    for _ in range(_ROUNDS):
        demands = demands + _towards_demands(seen, known, demands, models)
        demands -= demands.mean(axis=0)
        models = _better(seen, known, demands, models)
    return demands, models


def _towards_demands(seen: Matrix, known: Any, demands: Matrix, models: _Models) -> Matrix:
    """A Newton step (n, k); demands are normal about 0."""
    error, spread = _missed(seen, known, demands, models)
    abilities = models.abilities
    curvature = np.einsum("nm,mk,ml->nkl", spread, abilities, abilities) + np.eye(demands.shape[1])
    slope = error @ abilities - demands
    step: Matrix = np.linalg.solve(curvature, slope[:, :, None])[:, :, 0]
    return step


def _better(seen: Matrix, known: Any, demands: Matrix, models: _Models) -> _Models:
    """The models after half a Newton step; abilities are normal about 1 and then 0, levels 0."""
    error, spread = _missed(seen, known, demands, models)
    k = demands.shape[1]
    told = np.hstack([demands, np.ones((len(demands), 1))])
    held = np.column_stack([models.abilities - np.eye(1, k), np.zeros(len(models.levels))])
    curvature = np.einsum("nm,nk,nl->mkl", spread, told, told, optimize=True) + np.eye(k + 1)
    slope = error.T @ told - held
    step = _STEP * np.linalg.solve(curvature, slope[:, :, None])[:, :, 0]
    return _Models(models.abilities + step[:, :k], models.levels + step[:, k])


def _missed(seen: Matrix, known: Any, demands: Matrix, models: _Models) -> tuple[Matrix, Matrix]:
    """Outcome less chance, and the chance's variance (n, m); 0 where the outcome is unknown."""
    chance = _logistic(models.logits(demands))
    return np.where(known, seen - chance, 0.0), known * chance * (1 - chance)
