"""Ridge regression of many targets, its strength chosen by cross-validation, in numpy.

The Gram matrix of all rows less that of a fold is the Gram matrix of the rest: trying a strength on
every fold costs a solution of the normal equations each, however many rows there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared_core.policies.base import Matrix
from shared_core.routers.predictive.cross_validation import Folds, advantage_error

Features = NDArray[np.floating[Any]]


class Ridge(NamedTuple):
    """A fitted regression: prediction = features @ weights + offset."""

    weights: Matrix
    offset: Matrix

    def __call__(self, features: Features) -> Matrix:
        """Predictions (n, t) for features (n, d)."""
        predicted: Matrix = features @ self.weights + self.offset
        return predicted


class _Sums(NamedTuple):
    """What the normal equations need of some rows; sums can be added and taken away."""

    n: float
    features: Matrix
    targets: Matrix
    gram: Matrix
    products: Matrix

    @classmethod
    def of(cls, features: Features, targets: Matrix) -> _Sums:
        x, y = features.astype(np.float64), targets.astype(np.float64)
        return cls(len(x), x.sum(axis=0), y.sum(axis=0), x.T @ x, x.T @ y)

    def without(self, other: _Sums) -> _Sums:
        return _Sums(
            self.n - other.n,
            self.features - other.features,
            self.targets - other.targets,
            self.gram - other.gram,
            self.products - other.products,
        )

    def solved(self, alpha: float) -> Ridge:
        n = max(self.n, 1.0)
        middle, level = self.features / n, self.targets / n
        gram = self.gram - n * np.outer(middle, middle) + alpha * np.eye(len(middle))
        lead = self.products - n * np.outer(middle, level)
        weights = np.linalg.solve(gram, lead).astype(np.float64)
        return Ridge(weights, level - middle @ weights)


def fit(features: Features, targets: Matrix, alpha: float) -> Ridge:
    """Least squares with a penalty ``alpha`` on the weights; the offset is free.

    Args:
        features: (n, d).
        targets: (n, t), all known.
        alpha: strength of the penalty, from above 0.
    """
    return _Sums.of(features, targets).solved(alpha)


def left_out(features: Features, targets: Matrix, alpha: float, fold: Folds) -> Matrix:
    """Predictions (n, t) of each row by the fit to the other folds; arguments as below."""
    total, found = _Sums.of(features, targets), np.empty_like(targets)
    for held in np.unique(fold):
        rows = fold == held
        rest = total.without(_Sums.of(features[rows], targets[rows]))
        found[rows] = rest.solved(alpha)(features[rows])
    return found


def choose_alpha(
    features: Features, targets: Matrix, judged: int, fold: Folds, alphas: Sequence[float]
) -> float:
    """The strength whose held-out predictions have the smallest error of the advantage.

    Args:
        features: (n, d).
        targets: (n, t), all known; the error looks at the first ``judged`` columns.
        fold: (n,) the fold of each row.
        alphas: the strengths to try.
    """
    parts = [(features[fold == f], targets[fold == f]) for f in np.unique(fold)]
    sums = [_Sums.of(*part) for part in parts]
    total = _Sums.of(features, targets)

    def error(alpha: float) -> float:
        rests = [total.without(one).solved(alpha) for one in sums]
        found = [rest(x) for rest, (x, _) in zip(rests, parts, strict=True)]
        told = np.concatenate([y[:, :judged] for _, y in parts])
        return advantage_error(np.concatenate(found)[:, :judged], told)

    errors = [error(alpha) for alpha in alphas]
    return float(alphas[int(np.argmin(errors))])


def filled(quality: Matrix, cost: Matrix, cost_unit: float) -> Matrix:
    """Targets (n, 2m): quality, and cost in units; unknown ones take their model's mean."""
    targets = np.hstack([quality, cost / cost_unit])
    return np.where(np.isfinite(targets), targets, np.nanmean(targets, axis=0))
