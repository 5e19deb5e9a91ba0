"""A new model without retraining: it is described as a mixture of the models known already.

On a few anchor queries that the pool answered too, the new model's scores are regressed on theirs,
shrunk towards the pool's average. For any other query the mixture of the predictions is its
prediction; what the mixture misses on the anchors gives the level and the uncertainty.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared_core.encoders.base import Encoder
from shared_core.errors import DataError
from shared_core.outcomes.table import OutcomeTable
from shared_core.policies.base import Matrix
from shared_core.routers.predictive.k_means import k_means

FEWEST: Final = 20
_PENALTY_PER_MODEL: Final = 4.0

Vector = NDArray[np.float64]


class Extension(NamedTuple):
    """How the new model follows from the m known ones.

    Args:
        weights: (m,) of the known models' quality.
        level: what is added to the mixture.
        cost_ratio: the new model's cost over the known models' mean cost.
        error: standard error of the level, in quality points.
        n: anchor queries used.
    """

    weights: Vector
    level: float
    cost_ratio: float
    error: float
    n: int


def learn(known: OutcomeTable, new: OutcomeTable) -> Extension:
    """The extension for one new model.

    Args:
        known: the pool's outcomes on the anchors.
        new: the new model's outcomes on the same anchors, a single column.

    Raises:
        DataError: fewer than 20 anchors whose outcomes are all known.
    """
    rows = np.isfinite(known.score).all(axis=1) & np.isfinite(new.score[:, 0])
    if rows.sum() < FEWEST:
        raise DataError(f"{rows.sum()} anchors with every score known; it takes {FEWEST} or more")
    scores, wanted = known.score[rows], new.score[rows, 0]
    weights = _shrunk(scores - scores.mean(axis=0), wanted - wanted.mean())
    missed = wanted - scores @ weights
    error = float(missed.std(ddof=1) / np.sqrt(rows.sum()))
    ratio = _ratio(new.cost[rows, 0], known.cost[rows])
    return Extension(weights, float(missed.mean()), ratio, error, int(rows.sum()))


def _shrunk(scores: Matrix, wanted: Vector) -> Vector:
    """Ridge weights (m,), drawn towards the same weight for every known model."""
    m = scores.shape[1]
    alike = np.full(m, 1 / m)
    gram = scores.T @ scores + _PENALTY_PER_MODEL * np.eye(m)
    rest = scores.T @ (wanted - scores @ alike)
    weights: Vector = alike + np.linalg.solve(gram, rest)
    return weights


def _ratio(new: Vector, known: Matrix) -> float:
    both = np.isfinite(new) & np.isfinite(known).all(axis=1)
    if not both.any():
        return float("nan")
    return float(new[both].mean() / max(known[both].mean(), 1e-30))


def choose_anchors(
    outcomes: OutcomeTable, encoder: Encoder, n: int, seed: int = 0
) -> NDArray[np.int64]:
    """Rows to ask a new model: from each of ``n`` clusters the most typical.

    Rows on which models disagree would tell more each, but they are not like the others, and the
    new model's level would come out wrong.

    Args:
        outcomes: the pool's outcomes.
        encoder: a fitted encoder, such as a trained router's ``encoder_``.
        n: how many, at most.
        seed: of the clustering.
    """
    vectors = encoder(outcomes.queries)
    centers = k_means(vectors, min(n, len(vectors)), np.random.default_rng(seed))
    similarity = vectors @ centers.T
    cluster = similarity.argmax(axis=1)
    worth = similarity[np.arange(len(vectors)), cluster]
    best = [np.flatnonzero(cluster == c)[worth[cluster == c].argmax()] for c in np.unique(cluster)]
    return np.sort(np.array(best, np.int64))
