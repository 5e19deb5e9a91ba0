"""Telling domains apart: multinomial logistic regression, in numpy."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared_core.encoders.base import Vectors
from shared_core.routers.predictive.cross_validation import Folds

_PENALTY: Final = 0.3
_FREE: Final = 1e-3
"""Penalty on the offsets, which only keeps them finite."""
_STEPS: Final = 30

Floats = NDArray[np.float32]


class Gate(NamedTuple):
    """A fitted regression; its weights are (d + 1, k), the offsets last."""

    weights: Floats

    def __call__(self, design: Vectors) -> Floats:
        """How likely each of the k domains is, (n, k), for a design (n, d)."""
        return _shares(design @ self.weights[:-1] + self.weights[-1])


def fit(design: Vectors, domain: Folds, n_domains: int) -> Gate:
    """The gate to ``n_domains`` domains that explains best which one (n,) each row is of.

    Steps are taken by a bound of the curvature that stays the same (Böhning, 1992), with momentum
    (Nesterov, 1983), so that the only matrix to invert is inverted once.
    """
    seen = np.hstack([design, np.ones((len(design), 1), np.float32)]).astype(np.float32)
    penalty = np.full((seen.shape[1], 1), _PENALTY, np.float32)
    penalty[-1] = _FREE
    curvature = (seen.T @ seen).astype(np.float64) / 2 + np.diag(penalty[:, 0])
    inverse = np.linalg.inv(curvature).astype(np.float32)
    wanted = np.eye(n_domains, dtype=np.float32)[domain]
    weights = ahead = np.zeros((seen.shape[1], n_domains), np.float32)
    pace = 1.0
    for _ in range(_STEPS):
        slope = seen.T @ (_shares(seen @ ahead) - wanted) + penalty * ahead
        before, weights = weights, ahead - inverse @ slope
        faster = (1 + np.sqrt(1 + 4 * pace**2)) / 2
        ahead = weights + np.float32((pace - 1) / faster) * (weights - before)
        pace = faster
    return Gate(weights)


def left_out(design: Vectors, domain: Folds, n_domains: int, fold: Folds) -> Floats:
    """What gates say (n, k) of the rows that they were not fitted on."""
    found = np.zeros((len(design), n_domains), np.float32)
    for held in np.unique(fold):
        rows, rest = fold == held, fold != held
        found[rows] = fit(design[rest], domain[rest], n_domains)(design[rows])
    return found


def _shares(odds: Floats) -> Floats:
    raised = np.exp(odds - odds.max(axis=1, keepdims=True))
    shares: Floats = raised / raised.sum(axis=1, keepdims=True)
    return shares
