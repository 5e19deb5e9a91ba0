"""Known ground: how familiar a query is, and whether choosing paid off where it lies.

Two signs of familiarity, each blind where the other sees: the distance to the nearest training
queries, in what they are about and in their form; and how sure a classifier of the training
domains is of one of them (Hendrycks and Gimpel, 2017). Whether choosing pays is asked of the
nearest training queries, as predicted by fits that never saw them.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared_core.encoders.base import Vectors
from shared_core.encoders.shape import Shapes
from shared_core.policies.base import Matrix, Policy, Predictions
from shared_core.routers.predictive import reading, ridge
from shared_core.routers.predictive.cross_validation import Folds
from shared_core.routers.predictive.regression import FORM_WEIGHT

_NEAREST: Final = 10
_ALPHA: Final = 3.0
_RANKS: Final = 101
_NEIGHBOURS: Final = (10, 100)
_ROWS_PER_NEIGHBOUR: Final = 18

Vector = NDArray[np.float64]
Bools = NDArray[np.bool]


class Ground(NamedTuple):
    """What is kept of N training queries and m models.

    Args:
        form: (2, s) mean and spread of the texts' form.
        places: (N, f) their vectors and weighted form.
        domains: (f + 1, D) a regression's weights for each domain, the last its offset.
        usual: (2,) spread of the two signs of familiarity.
        ranks: (101,) quantiles of the training queries' familiarity, each with its fold left out.
        told: (4, N, m) quality and cost in units as predicted without the row, and as they were.
    """

    form: Shapes
    places: Vectors
    domains: Matrix
    usual: Vector
    ranks: Vector
    told: Vectors

    def place(self, vectors: Vectors, shapes: Shapes) -> Vectors:
        """Where texts lie (n, f), from their vectors (n, d) and form (n, s)."""
        return placed(vectors, shapes, self.form)

    def familiarity(self, places: Vectors) -> Vector:
        """Share (n,) of the training queries that are stranger, 0..1."""
        known = ridge.Ridge(self.domains[:-1], self.domains[-1])
        return self.ranked(_signs(places, self.places, known))

    def ranked(self, signs: Matrix) -> Vector:
        """The same from signs (n, 2)."""
        grid = np.linspace(0, 1, len(self.ranks))
        found: Vector = np.interp((signs / self.usual).sum(axis=1), self.ranks, grid)
        return found

    def proof(self, place: Vectors, policy: Policy, models: tuple[str, ...],
              columns: list[int], safe: int) -> tuple[float, float]:  # fmt: skip
        """Mean gain over the safe model among the nearest training queries, and its error.

        Args:
            place: (1, f).
            policy: what is worth it.
            models: those that may be chosen.
            columns: theirs, out of the m.
            safe: the safe one's place among them.
        """
        rows = neighbours(place, self.places, size(len(self.places)))[0]
        gained = gains(self.told[:, rows][:, :, columns], policy, models, safe)[1]
        return float(gained.mean()), float(gained.std() / np.sqrt(len(gained)))


def placed(vectors: Vectors, shapes: Shapes, form: Shapes) -> Vectors:
    """Vectors (n, d) beside the weighted form (n, s)."""
    scaled = reading.scaled(shapes, *form)
    return np.hstack([vectors, np.float32(FORM_WEIGHT) * scaled]).astype(np.float32)


def survey(form: Shapes, places: Vectors, domains: Folds, fold: Folds,
           told: Vectors) -> Ground:  # fmt: skip
    """The ground of some training queries; ``domains`` and ``fold`` (N,) number them."""
    known = recognition(places, domains)
    signs = left_out_signs(places, domains, fold)
    usual = np.maximum(signs.std(axis=0), 1e-9)
    ranks = np.quantile((signs / usual).sum(axis=1), np.linspace(0, 1, _RANKS))
    return Ground(form, places, np.vstack([known.weights, known.offset]), usual, ranks, told)


def left_out_signs(places: Vectors, domains: Folds, group: Folds) -> Matrix:
    """The signs of familiarity (N, 2) of each query, its group not being known."""
    found = np.zeros((len(places), 2))
    for held in np.unique(group):
        here, rest = group == held, group != held
        if rest.any():
            known = recognition(places[rest], domains[rest])
            found[here] = _signs(places[here], places[rest], known)
    return found


def recognition(places: Vectors, domains: Folds) -> ridge.Ridge:
    """A regression on each domain's indicator."""
    return ridge.fit(places, (domains[:, None] == np.unique(domains)).astype(np.float64), _ALPHA)


def gains(
    told: Vectors, policy: Policy, models: tuple[str, ...], safe: int
) -> tuple[Vector, Vector]:
    """Utility (n,) above the safe model's: expected, and as it came; ``told`` is (4, n, m)."""
    quality, units, scored, paid = told.astype(np.float64)
    expected = policy(Predictions(models, quality, units, 1.0))
    true = policy(Predictions(models, scored, paid, 1.0))
    rows, chosen = np.arange(len(expected)), expected.argmax(axis=1)
    return expected[rows, chosen] - expected[:, safe], true[rows, chosen] - true[:, safe]


def size(n: int) -> int:
    """How many neighbours are asked out of n training queries."""
    return int(np.clip(n // _ROWS_PER_NEIGHBOUR, *_NEIGHBOURS))


def neighbours(places: Vectors, known: Vectors, k: int) -> NDArray[np.int64]:
    """The k nearest (n, k) of the known ones, in no order; all of them when there are fewer."""
    if len(known) <= k:
        return np.tile(np.arange(len(known)), (len(places), 1))
    return np.argpartition(_squares(places, known), k - 1, axis=1)[:, :k]


def _signs(places: Vectors, known: Vectors, domains: ridge.Ridge) -> Matrix:
    """Nearness, and how surely a domain is recognised (n, 2)."""
    distance = np.sqrt(np.maximum(_squares(places, known), 0.0))
    if distance.shape[1] > _NEAREST:
        distance = np.partition(distance, _NEAREST - 1, axis=1)[:, :_NEAREST]
    return np.column_stack([-distance.mean(axis=1), domains(places).max(axis=1)])


def _squares(places: Vectors, known: Vectors) -> Vectors:
    """Squared distances (n, k)."""
    lengths = np.einsum("nf,nf->n", places, places)[:, None] + np.einsum("kf,kf->k", known, known)
    found: Vectors = lengths - 2 * places @ known.T
    return found
