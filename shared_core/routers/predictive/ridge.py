"""Ridge regression of many targets, its strength chosen by cross-validation, in numpy.

The Gram matrix of all rows less that of a fold is the Gram matrix of the rest: trying a strength on
every fold costs a solution of the normal equations each, however many rows there are.

Where targets are unknown, each has normal equations of its own, of the rows that know it. Conjugate
gradients solve them (Hestenes and Stiefel, 1952), eased by what would be true if every row knew as
much as the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared_core.policies.base import Matrix
from shared_core.routers.predictive.cross_validation import Folds, advantage_error
from shared_core.routers.predictive.learnable import means

Features = NDArray[np.floating[Any]]

Known = NDArray[np.bool]

_COMMON: Final = 5.0
"""Variance of what targets have in common, over that of what sets one apart."""
_ROUNDS: Final = 30
_LEAST: Final = 1e-300
_CLOSE: Final = 1e-3
"""Of the normal equations' first error, what may be left."""


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


class _Gaps(NamedTuple):
    """Rows (n, d), less their mean, some of whose targets are unknown; axes of their Gram matrix.

    The first ``akin`` targets are expected to have much in common, such as how hard a query is: a
    penalty on that is slighter than one on what sets them apart (Evgeniou and Pontil, 2004). Else,
    where each row knows another target, each would tell what is common by a few rows of its own,
    and their errors would look like differences.
    """

    rows: Matrix
    squares: Matrix
    axes: Matrix
    akin: int

    @classmethod
    def of(cls, features: Features, akin: int) -> _Gaps:
        rows = features.astype(np.float64)
        rows -= rows.mean(axis=0)
        return cls(rows, *np.linalg.eigh(rows.T @ rows), akin)

    def solved(self, targets: Matrix, alphas: Sequence[float]) -> list[Matrix]:
        """Weights (d, t) for each strength; targets (n, t) count where they are finite."""
        found, weights = [], np.zeros((self.rows.shape[1], targets.shape[1]))
        for alpha in alphas:
            weights = self._descended(targets, alpha, weights)
            found.append(weights)
        return found

    def _descended(self, targets: Matrix, alpha: float, begun: Matrix) -> Matrix:
        """The weights that solve the equations, from such as are near."""
        known = np.isfinite(targets)
        weights, whole = begun.copy(), self.rows.T @ _apart(targets, known)
        rest = self.rows.T @ _apart(targets - self.rows @ weights, known)
        rest -= alpha * self._held(weights)
        share = known.mean(axis=0)
        direction = eased = self._eased(rest, share, alpha)
        enough = _CLOSE**2 * self._sums(whole * self._eased(whole, share, alpha))
        size = self._sums(rest * eased)
        for _ in range(_ROUNDS):
            if (size <= enough).all():
                break
            image = self.rows.T @ _apart(self.rows @ direction, known)
            image += alpha * self._held(direction)
            step = size / np.maximum(self._sums(direction * image), _LEAST)
            weights += step * direction
            rest -= step * image
            eased = self._eased(rest, share, alpha)
            before, size = size, self._sums(rest * eased)
            direction = eased + size / np.maximum(before, _LEAST) * direction
        return weights

    def _eased(self, values: Matrix, share: Matrix, alpha: float) -> Matrix:
        """The weights (d, t) of these products, did every row know a share (t,) of each target."""
        told, n = self.axes.T @ values, self.akin
        found = told / (self.squares[:, None] * share + alpha)
        if n:
            squares = self.squares * share[:n].mean()
            common = told[:, :n].mean(axis=1, keepdims=True)
            found[:, :n] = (told[:, :n] - common) / (squares + alpha)[:, None]
            found[:, :n] += common / (squares + alpha / (1 + _COMMON * n))[:, None]
        weights: Matrix = self.axes @ found
        return weights

    def _held(self, weights: Matrix) -> Matrix:
        """Weights (d, t) as the penalty pulls at them."""
        held, share = weights.copy(), _COMMON * self.akin / (1 + _COMMON * self.akin)
        if self.akin:
            held[:, : self.akin] -= share * weights[:, : self.akin].mean(axis=1, keepdims=True)
        return held

    def _sums(self, values: Matrix) -> Matrix:
        """Of each column (t,); those that are akin have one together."""
        found: Matrix = values.sum(axis=0)
        found[: self.akin] = found[: self.akin].sum()
        return found


def _apart(values: Matrix, known: Known) -> Matrix:
    """Values (n, t) less the mean of the known ones of each column; unknown ones are 0."""
    level = np.where(known, values, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    less: Matrix = np.where(known, values - level, 0.0)
    return less


def fit(features: Features, targets: Matrix, alpha: float, akin: int = 0) -> Ridge:
    """Least squares with a penalty ``alpha`` on the weights; the offset is free.

    Args:
        features: (n, d).
        targets: (n, t), each known in some row; NaN is unknown.
        alpha: strength of the penalty, from above 0.
        akin: how many of the targets, the first, have much in common; where none is unknown,
            nothing comes of it.
    """
    if np.isfinite(targets).all():
        return _Sums.of(features, targets).solved(alpha)
    (weights,) = _Gaps.of(features, akin).solved(targets, [alpha])
    return Ridge(weights, np.nanmean(targets - features @ weights, axis=0))


def left_out(features: Features, targets: Matrix, alpha: float, fold: Folds) -> Matrix:
    """Predictions (n, t) of each row by the fit to the other folds; targets are all known."""
    (found,) = _by_others(features, targets, fold, [alpha])
    return found


def choose_alpha(
    features: Features, targets: Matrix, judged: int, fold: Folds, alphas: Sequence[float]
) -> float:
    """The strength whose held-out predictions have the smallest error of the advantage.

    Args:
        features: (n, d).
        targets: (n, t); NaN is unknown; the error looks at the first ``judged`` columns.
        fold: (n,) the fold of each row.
        alphas: the strengths to try.
    """
    wanted = targets[:, :judged]
    predicted = _by_others if np.isfinite(wanted).all() else _by_others_with_gaps
    found = predicted(features, wanted, fold, alphas)
    errors = [advantage_error(one, wanted) for one in found]
    return float(alphas[int(np.argmin(errors))])


def _by_others(
    features: Features, targets: Matrix, fold: Folds, alphas: Sequence[float]
) -> list[Matrix]:
    """For each strength, predictions (n, t) of each row by the fit to the other folds."""
    total, found = _Sums.of(features, targets), [np.empty_like(targets) for _ in alphas]
    for held in np.unique(fold):
        rows = fold == held
        rest = total.without(_Sums.of(features[rows], targets[rows]))
        for one, alpha in zip(found, alphas, strict=True):
            one[rows] = rest.solved(alpha)(features[rows])
    return found


def _by_others_with_gaps(
    features: Features, targets: Matrix, fold: Folds, alphas: Sequence[float]
) -> list[Matrix]:
    """As above; to the fit, targets of the row's own fold are unknown, too."""
    gaps, found = _Gaps.of(features, targets.shape[1]), [np.empty_like(targets) for _ in alphas]
    for held in np.unique(fold):
        rows = fold == held
        told = np.where(rows[:, None], np.nan, targets)
        for one, weights in zip(found, gaps.solved(told, alphas), strict=True):
            reached = gaps.rows @ weights
            one[rows] = (reached + means(told - reached))[rows]
    return found


def outcomes(quality: Matrix, cost: Matrix, cost_unit: float) -> Matrix:
    """Targets (n, 2m): quality, and cost in units; NaN is unknown."""
    found: Matrix = np.hstack([quality, cost / cost_unit])
    return found
