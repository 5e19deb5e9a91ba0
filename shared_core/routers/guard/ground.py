"""Known ground: the odds that a query is of a kind that was trained on.

Two signs, each blind where the other sees: how clearly a classifier of the training domains prefers
one of them (Hendrycks and Gimpel, 2017), and how usual the query would be there. For the latter its
distance to the nearest queries of that domain, in what they are about and in their form, is ranked
among their own (conformal p-value, Vovk et al., 2005): what is far in a dense domain may be near in
a loose one. In standard deviations both count the same. How much that tells is learned by logistic
regression: the same queries are known while their domain is there, and strange when it is left out.
"""

from __future__ import annotations

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
_SAME: Final = 3e-3

Vector = NDArray[np.float64]


class Ground(NamedTuple):
    """What is kept of N training queries, in the order of their domains.

    Args:
        form: (2, s) mean and spread of the texts' form.
        places: (N, f) their vectors and weighted form.
        domain: (N,) numbers from 0 up, ascending.
        remote: (N,) how far each is from its nearest of the same domain.
        recognition: (f + 1, D) a regression's weights for each domain, the last its offset.
        odds: (3,) what the two signs count, and an offset.
    """

    form: Shapes
    places: Vectors
    domain: Folds
    remote: Vector
    recognition: Matrix
    odds: Vector

    def place(self, vectors: Vectors, shapes: Shapes) -> Vectors:
        """Where texts lie (n, f), from their vectors (n, d) and form (n, s)."""
        return placed(vectors, shapes, self.form)

    def log_odds(self, places: Vectors) -> Vector:
        """Logarithm (n,) of how much likelier each is on known ground than not."""
        return log_odds(self.signs(places), self.odds)

    def signs(self, places: Vectors) -> Matrix:
        """How usual each query is in its likeliest domain, and how far that is ahead (n, 2)."""
        told = ridge.Ridge(self.recognition[:-1], self.recognition[-1])(places)
        likeliest, usual = told.argmax(axis=1), np.zeros(len(told))
        for one in np.unique(likeliest):
            here, own = likeliest == one, slice(*np.searchsorted(self.domain, [one, one + 1]))
            distance = _distances(places[here], self.places[own])
            usual[here] = self._usual(_nearness(distance, _neighbours(own)), self.remote[own])
        ranked = np.sort(np.pad(told, ((0, 0), (1, 0))), axis=1)
        return np.column_stack([usual, ranked[:, -1] - ranked[:, -2]])

    def _usual(self, distance: Vector, remote: Vector) -> Vector:
        """Logarithm (n,) of the share of a domain's queries that are as remote or more.

        Where none is, it goes on falling by one for each standard deviation.
        """
        closer = np.searchsorted(np.sort(remote), distance)
        share = (1 + len(remote) - closer) / (1 + len(remote))
        beyond = np.maximum(distance - remote.max(), 0.0) / max(self.remote.std(), _SAME)
        found: Vector = np.log(share) - np.minimum(beyond, _SUREST)
        return found


def placed(vectors: Vectors, shapes: Shapes, form: Shapes) -> Vectors:
    """Vectors (n, d) beside the weighted form (n, s)."""
    scaled = reading.scaled(shapes, *form)
    return np.hstack([vectors, np.float32(FORM_WEIGHT) * scaled]).astype(np.float32)


def survey(form: Shapes, places: Vectors, domains: Folds) -> Ground:
    """The ground of N training queries and their domains (N,); its odds have yet to be learned."""
    order = np.argsort(domains, kind="stable")
    places, domain = places[order], np.unique(domains[order], return_inverse=True)[1]
    remote, numbers = np.zeros(len(domain)), np.arange(domain.max() + 1)
    for one in numbers:
        own = slice(*np.searchsorted(domain, [one, one + 1]))
        distance = _distances(places[own], places[own])
        np.fill_diagonal(distance, np.inf)
        if len(distance) > 1:
            remote[own] = _nearness(distance, _neighbours(own))
    known = ridge.fit(places, (domain[:, None] == numbers).astype(np.float64), _ALPHA)
    recognition = np.vstack([known.weights, known.offset])
    return Ground(form, places, domain, remote, recognition, np.zeros(3))


def learned_odds(seen: Matrix, unseen: Matrix) -> Vector:
    """Weights (3,) that tell signs (n, 2) of known queries from those of strange ones."""
    signs = np.vstack([seen, unseen])
    middle, spread = signs.mean(axis=0), np.maximum(signs.std(axis=0), 1e-9)
    told = ((signs - middle) / spread).sum(axis=1)
    slope, offset = _logistic(told, np.repeat([1.0, 0.0], [len(seen), len(unseen)]))
    scaled = max(slope, 0.0) / spread
    return np.append(scaled, offset - scaled @ middle)


def log_odds(signs: Matrix, odds: Vector) -> Vector:
    """Log odds (n,) of known ground from signs (n, 2), at most so sure as to stay finite."""
    found: Vector = np.clip(signs @ odds[:-1] + odds[-1], -_SUREST, _SUREST)
    return found


def _logistic(told: Vector, truth: Vector) -> Vector:
    """Slope and offset of a logistic regression, by Newton's method with a slight penalty."""
    x, weights = np.column_stack([told, np.ones(len(told))]), np.zeros(2)
    for _ in range(_ROUNDS):
        chance = 1 / (1 + np.exp(-np.clip(x @ weights, -_SUREST, _SUREST)))
        curvature = (x * (chance * (1 - chance))[:, None]).T @ x + np.eye(2)
        weights += np.linalg.solve(curvature, x.T @ (truth - chance) - weights)
    return weights


def _neighbours(own: slice) -> int:
    """How many of a domain's queries count as near: fewer where it has hardly any."""
    return max(min(_NEAREST, int(own.stop - own.start) - 1), 1)


def _nearness(distance: Vectors, k: int) -> Vector:
    """Mean distance (n,) to the k nearest, from the distances (n, N) to all."""
    nearest: Vector = np.partition(distance, k - 1, axis=1)[:, :k].mean(axis=1).astype(np.float64)
    return nearest


def _distances(places: Vectors, known: Vectors) -> Vectors:
    """Distances (n, k); what is the same but for rounding is at the least."""
    lengths = np.einsum("nf,nf->n", places, places)[:, None] + np.einsum("kf,kf->k", known, known)
    found: Vectors = np.sqrt(np.maximum(lengths - 2 * places @ known.T, np.float32(_SAME**2)))
    return found
