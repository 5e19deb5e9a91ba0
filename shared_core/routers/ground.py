"""Known ground: the odds that a query is of a kind that was trained on.

Two signs, each blind where the other sees: the distance to the nearest training queries, in what
they are about and in their form; and how clearly a classifier of the training domains prefers one
of them (Hendrycks and Gimpel, 2017). How much each counts is learned by logistic regression: the
same queries are known while their domain is there, and strange when it is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared_core.encoders.base import Vectors
from shared_core.encoders.shape import Shapes
from shared_core.policies.base import Matrix
from shared_core.routers.predictive import reading, ridge
from shared_core.routers.predictive.cross_validation import Folds
from shared_core.routers.predictive.regression import FORM_WEIGHT

_NEAREST: Final = 10
_ALPHA: Final = 3.0
_ROUNDS: Final = 25
_SUREST: Final = 30.0

Vector = NDArray[np.float64]


class Ground(NamedTuple):
    """What is kept of N training queries.

    Args:
        form: (2, s) mean and spread of the texts' form.
        places: (N, f) their vectors and weighted form.
        domains: (f + 1, D) a regression's weights for each domain, the last its offset.
        odds: (3,) a logistic regression's weights of the two signs, and its offset.
    """

    form: Shapes
    places: Vectors
    domains: Matrix
    odds: Vector

    def place(self, vectors: Vectors, shapes: Shapes) -> Vectors:
        """Where texts lie (n, f), from their vectors (n, d) and form (n, s)."""
        return placed(vectors, shapes, self.form)

    def log_odds(self, places: Vectors) -> Vector:
        """Logarithm (n,) of how much likelier each is on known ground than not."""
        known = ridge.Ridge(self.domains[:-1], self.domains[-1])
        return log_odds(_signs(places, self.places, known), self.odds)


def placed(vectors: Vectors, shapes: Shapes, form: Shapes) -> Vectors:
    """Vectors (n, d) beside the weighted form (n, s)."""
    scaled = reading.scaled(shapes, *form)
    return np.hstack([vectors, np.float32(FORM_WEIGHT) * scaled]).astype(np.float32)


def survey(form: Shapes, places: Vectors, domains: Folds, odds: Vector) -> Ground:
    """The ground of training queries whose ``domains`` (N,) are numbered."""
    known = _recognition(places, domains)
    return Ground(form, places, np.vstack([known.weights, known.offset]), odds)


def left_out_signs(
    placed_without: Callable[[int], Vectors], domains: Folds, group: Folds
) -> Matrix:
    """The signs of known ground (N, 2) of each query, its group not being known.

    Args:
        placed_without: group -> where all queries lie (N, f) for an encoder that does not know it.
        domains: (N,) numbered.
        group: (N,) what is left out together.
    """
    found = np.zeros((len(group), 2))
    for held in np.unique(group):
        here, rest, places = group == held, group != held, placed_without(int(held))
        known = _recognition(places[rest], domains[rest])
        found[here] = _signs(places[here], places[rest], known)
    return found


def learned_odds(seen: Matrix, unseen: Matrix) -> Vector:
    """Weights (3,) that tell signs (n, 2) of known queries from those of strange ones."""
    signs = np.vstack([seen, unseen])
    middle, spread = signs.mean(axis=0), np.maximum(signs.std(axis=0), 1e-9)
    weights = _logistic((signs - middle) / spread, np.repeat([1.0, 0.0], [len(seen), len(unseen)]))
    scaled = weights[:-1] / spread
    return np.append(scaled, weights[-1] - scaled @ middle)


def log_odds(signs: Matrix, odds: Vector) -> Vector:
    """Log odds (n,) of known ground from signs (n, 2), at most so sure as to stay finite."""
    found: Vector = np.clip(signs @ odds[:-1] + odds[-1], -_SUREST, _SUREST)
    return found


def _logistic(features: Matrix, truth: Vector) -> Vector:
    """Logistic regression (f + 1,), the offset last, by Newton's method with a slight penalty."""
    x = np.column_stack([features, np.ones(len(features))])
    weights, penalty = np.zeros(x.shape[1]), np.eye(x.shape[1])
    for _ in range(_ROUNDS):
        chance = 1 / (1 + np.exp(-np.clip(x @ weights, -_SUREST, _SUREST)))
        curvature = (x * (chance * (1 - chance))[:, None]).T @ x + penalty
        weights += np.linalg.solve(curvature, x.T @ (truth - chance) - weights)
    return weights


def _recognition(places: Vectors, domains: Folds) -> ridge.Ridge:
    """A regression on each domain's indicator."""
    return ridge.fit(places, (domains[:, None] == np.unique(domains)).astype(np.float64), _ALPHA)


def _signs(places: Vectors, known: Vectors, domains: ridge.Ridge) -> Matrix:
    """Nearness, and by how much the likeliest domain is ahead of the next (n, 2)."""
    distance = np.sqrt(np.maximum(_squares(places, known), 0.0))
    if distance.shape[1] > _NEAREST:
        distance = np.partition(distance, _NEAREST - 1, axis=1)[:, :_NEAREST]
    ranked = np.sort(np.pad(domains(places), ((0, 0), (1, 0))), axis=1)
    return np.column_stack([-distance.mean(axis=1), ranked[:, -1] - ranked[:, -2]])


def _squares(places: Vectors, known: Vectors) -> Vector:
    """Squared distances (n, k)."""
    lengths = np.einsum("nf,nf->n", places, places)[:, None] + np.einsum("kf,kf->k", known, known)
    found: Vector = lengths - 2 * places @ known.T
    return found
