"""The guard's rehearsal: each training domain in turn is taken for one that was never seen.

What of the encoder was trained along is trained anew without the domain. Else it would know words
of it that it does not know of a really new one; without these a text looks more familiar. Rows of
every domain left out, by which what is known is recognised, are read in the same way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared_core.encoders.base import Vectors
from shared_core.encoders.shape import shape
from shared_core.outcomes.table import OutcomeTable
from shared_core.policies.base import Matrix, Policy, Predictions
from shared_core.routers import ground, trust
from shared_core.routers.ground import Ground, Vector
from shared_core.routers.predictive import reading, ridge
from shared_core.routers.predictive.cross_validation import Folds, folds
from shared_core.routers.predictive.k_means import k_means
from shared_core.routers.predictive.linear import LinearRouter
from shared_core.routers.retraining import Anew
from shared_core.routers.trust import NEVER, Tried

_FEWEST: Final = 3
_CLUSTERS: Final = 8
_FOLDS: Final = 5
_ROUNDS: Final = 16
"""Domains are left out one by one, and several at once where there are more than this."""
_WEIGHTS: Final = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
"""Cost weights for which trust is learned beside the policy's own."""

Held = NDArray[np.bool_]
"""Which rows are left out (N,)."""


class Promise(NamedTuple):
    """What must not be lost in a new domain, and with how much room for chance."""

    tolerance: float
    caution: float
    by_quality: bool


class _Left(NamedTuple):
    """Rows left out group by group: told (4, N, m), log odds (N,), and their groups (N,)."""

    told: Matrix
    odds: Vector
    group: Folds

    def tried(self, policy: Policy, by_quality: bool) -> list[Tried]:
        """What choosing would have brought in each group, to fits that never saw it."""
        found = []
        for held in np.unique(self.group):
            here = self.group == held
            quality, units = self.told[2:, ~here]
            models = tuple(map(str, range(quality.shape[1])))
            value = quality if by_quality else policy(Predictions(models, quality, units, 1.0))
            safe, told = int(value.mean(axis=0).argmax()), self.told[:, here]
            found.append(trust.tried(told, self.odds[here], policy, safe, by_quality))
        return found


def rehearse(
    table: OutcomeTable,
    vectors: Vectors,
    anew: Anew | None,
    unit: float,
    policy: Policy,
    promise: Promise,
    seed: int,
) -> tuple[Ground, Matrix]:
    """The ground of the training queries, and (3, k) how much is asked of a choice on it.

    The rows of the latter are k cost weights, the threshold at each, and the usual gain.

    Args:
        table: N training rows, priced.
        vectors: (N, d) of their texts.
        anew: reads them by an encoder trained on some of them, where it was trained along.
        unit: USD that count as one unit of cost.
        policy: what is worth it.
        promise: what must hold.
        seed: of folds and clusters.
    """
    shapes = shape(table.queries)
    form = np.stack(reading.scale(shapes))
    places = ground.placed(vectors, shapes, form)
    domains, fold = _domains(table, vectors, seed), folds(table.queries, _FOLDS, seed)
    found = ground.survey(form, places, domains)
    if min(len(np.unique(group)) for group in (domains, fold)) < 2:
        never = np.array([[0.0], [NEVER], [0.0]])  # nothing can be left out to learn from
        return found, never

    def without(held: Held) -> tuple[Ground, Vectors]:
        there = places
        if anew is not None:
            rest = [text for text, gone in zip(table.queries, held, strict=True) if not gone]
            there = ground.placed(anew(rest), shapes, form)
        return ground.survey(form, there[~held], domains[~held]), there

    targets = ridge.filled(table.score, np.nan_to_num(table.cost), unit)
    models = targets.shape[1] // 2
    alpha = ridge.choose_alpha(places, targets, models, fold, LinearRouter.ALPHAS)
    (seen, told), (unseen, strange) = (
        _left_out(without, targets, alpha, group) for group in (fold, domains % _ROUNDS)
    )
    odds = ground.learned_odds(seen, unseen)
    known = _Left(told, ground.log_odds(seen, odds), fold)
    new = _Left(strange, ground.log_odds(unseen, odds), domains)
    asked = [_asked(known, new, one, promise) for one in _policies(policy)]
    return found._replace(odds=odds), np.array(asked).T


def weight_of(policy: Policy) -> float:
    """The policy's cost weight; 0 where it has none."""
    return float(getattr(policy, "cost_weight", 0.0))


def _policies(own: Policy) -> list[Policy]:
    """The policy at each weight to learn for, the lowest first; as it is where it has none."""
    if not hasattr(own, "cost_weight"):
        return [own]
    return [own.weighing(weight) for weight in sorted({weight_of(own), *_WEIGHTS})]


def _asked(
    seen: _Left, unseen: _Left, policy: Policy, promise: Promise
) -> tuple[float, float, float]:
    """Weight, threshold and usual gain."""
    tolerance, caution, by_quality = promise
    known, strange = (one.tried(policy, by_quality) for one in (seen, unseen))
    asked = trust.threshold(strange, known, tolerance, caution)
    return weight_of(policy), asked, trust.usual_gain(known)


def _left_out(
    without: Callable[[Held], tuple[Ground, Vectors]],
    targets: Matrix,
    alpha: float,
    group: Folds,
) -> tuple[Matrix, Matrix]:
    """The signs of known ground (N, 2) of each row, its group not being known, and what is told.

    That is quality and cost in units (4, N, m) as predicted without the row's group, and as they
    were. A ridge regression, as strong as is best on known ground, stands in for the router, which
    may take long to fit.

    Args:
        without: rows left out -> the ground of the others, and where all rows lie.
        targets: (N, 2m) quality, and cost in units.
        alpha: strength of the regression.
        group: (N,) what is left out together.
    """
    signs, told = np.zeros((len(group), 2)), np.zeros_like(targets)
    for one in np.unique(group):
        held, rest = group == one, group != one
        known, there = without(held)
        signs[held] = known.signs(there[held])
        told[held] = ridge.fit(there[rest], targets[rest], alpha)(there[held])
    return signs, np.stack([half for each in (told, targets) for half in np.split(each, 2, axis=1)])


def _domains(table: OutcomeTable, vectors: Vectors, seed: int) -> Folds:
    """A number (n,) for each row's domain: its label, or its cluster where labels are lacking."""
    if table.domains is not None and len(named := np.unique(table.domains)) >= _FEWEST:
        return np.searchsorted(named, table.domains)
    centers = k_means(vectors, min(_CLUSTERS, len(vectors)), np.random.default_rng(seed))
    nearest: Folds = np.argmax(vectors @ centers.T, axis=1)
    return nearest
