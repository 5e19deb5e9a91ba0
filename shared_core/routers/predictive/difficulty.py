"""Item response theory: a query has a difficulty, a model an ability and a discrimination.

The two-parameter logistic model (Birnbaum, 1968), as IRT routers use it (arXiv 2506.01048): from
outcomes each training query's difficulty is estimated along with the models' parameters, and a
regression on the text predicts the difficulty of new queries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from shared_core.encoders.base import Vectors
from shared_core.policies.base import Matrix
from shared_core.routers.predictive import ridge
from shared_core.routers.predictive.base import Progress
from shared_core.routers.predictive.regression import RegressionRouter

_ROUNDS: Final = 40
_PRIOR: Final = 1.0


class DifficultyRouter(RegressionRouter):
    """P(right) = logistic(discrimination x (ability - difficulty)).

    Args:
        pool, policy, encoder, seed: see PredictiveRouter.
        alpha: strength of the penalty of the difficulty's regression on the text; chosen by
            cross-validation when not given.
    """

    def _fit(self, vectors: Vectors, quality: Matrix, cost: Matrix, progress: Progress) -> None:
        progress("estimating difficulties")
        ability, slope, difficulty = _two_parameter(quality)
        self._settle_scale(vectors)
        design = self._design(vectors)
        both_ways = np.column_stack([difficulty, -difficulty])
        self.alpha_ = self._chosen(design, both_ways, self._folds(vectors), progress)
        fitted = ridge.fit(design, difficulty[:, None], self.alpha_)
        self.weights_, self.offset_ = fitted.weights.astype(np.float32), fitted.offset
        self.doubt_ = float(np.var(difficulty - fitted(design)[:, 0]))
        self.abilities_, self.slopes_ = ability, slope
        self.costs_ = np.nanmean(cost, axis=0)
        self.shift_ = np.nanmean(quality, axis=0) - self._quality(design).mean(axis=0)

    def _predict(self, vectors: Vectors) -> tuple[Matrix, Matrix]:
        quality = self._quality(self._design(vectors)) + self.shift_
        return quality, np.tile(self.costs_, (len(vectors), 1))

    def _quality(self, design: Vectors) -> Matrix:
        """Chance (n, m) to be right, what is not known of the difficulty averaged out."""
        difficulty = (design @ self.weights_ + self.offset_).astype(np.float64)
        logit = self.slopes_ * (self.abilities_ - difficulty)
        return _logistic(logit / np.sqrt(1 + np.pi / 8 * self.slopes_**2 * self.doubt_))

    @classmethod
    def test_parameters(cls) -> Sequence[Mapping[str, Any]]:
        return [{"alpha": 3.0}]


def _logistic(logit: Matrix) -> Matrix:
    chance: Matrix = 1 / (1 + np.exp(-np.clip(logit, -30, 30)))
    return chance


def _two_parameter(quality: Matrix) -> tuple[Matrix, Matrix, Matrix]:
    """Ability (m,), discrimination (m,), difficulty (n,) by alternating damped Newton steps."""
    known = np.isfinite(quality)
    seen = np.where(known, quality, 0.0)
    n, m = quality.shape
    ability, slope, difficulty = np.zeros(m), np.ones(m), np.zeros(n)
    for _ in range(_ROUNDS):
        chance = _logistic(slope * (ability - difficulty[:, None]))
        error, spread = np.where(known, seen - chance, 0.0), known * chance * (1 - chance)
        pull = -(error * slope).sum(axis=1) - _PRIOR * difficulty
        difficulty = difficulty + pull / ((spread * slope**2).sum(axis=1) + _PRIOR)
        difficulty -= difficulty.mean()
        away = ability - difficulty[:, None]
        pull = (error * slope).sum(axis=0)
        ability = ability + 0.5 * pull / ((spread * slope**2).sum(axis=0) + 1)
        step = ((error * away).sum(axis=0) - (slope - 1)) / ((spread * away**2).sum(axis=0) + 1)
        slope = np.clip(slope + 0.5 * step, 0.1, 4.0)
    return ability, slope, difficulty
