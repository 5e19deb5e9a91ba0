"""The guard's rehearsal: each training domain in turn is taken for one that was never seen.

The router learns anew without the domain, and what of the encoder was trained along does, too. Else
it would know words of it that it does not know of a really new one; without these a text looks more
familiar. Rows of every domain left out, by which what is known is recognised, are read in the same
way.

Of logs, what a choice would have brought is mostly unknown, and estimated as in ``gain``. A model's
mean in its place would be that of what it was asked elsewhere: what it loses in the domain that is
left out would not show.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from shared_core.encoders.base import Vectors
from shared_core.encoders.shape import Shapes
from shared_core.errors import ConfigError, DataError
from shared_core.outcomes.table import OutcomeTable
from shared_core.policies.base import Matrix, Policy, Predictions
from shared_core.routers.guard import ground, trust
from shared_core.routers.guard.ground import Ground, Vector
from shared_core.routers.guard.retraining import Anew
from shared_core.routers.guard.trust import NEVER, Tried
from shared_core.routers.predictive.base import PredictiveRouter, Progress
from shared_core.routers.predictive.cross_validation import Folds, folds
from shared_core.routers.predictive.gain import estimated
from shared_core.routers.predictive.k_means import k_means
from shared_core.routers.predictive.reading import Reading, scale

_FEWEST: Final = 3
_CLUSTERS: Final = 8
_FOLDS: Final = 5
_ROUNDS: Final = 16
"""Domains are left out one by one, and several at once where there are more than this."""
_WEIGHTS: Final = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
"""Cost weights for which trust is learned beside the policy's own."""


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
    router: PredictiveRouter,
    table: OutcomeTable,
    chance: Matrix,
    anew: Anew | None,
    promise: Promise,
    progress: Progress,
) -> tuple[Ground, Matrix]:
    """The ground of the training queries, and (3, k) how much is asked of a choice on it.

    The rows of the latter are k cost weights, the threshold at each, and the usual gain.

    Args:
        router: fitted on the table, or on more rows.
        table: N training rows, priced.
        chance: (N, m) how likely each of their outcomes was to become known.
        anew: its encoder trained on some of them, where it was trained along.
        promise: what must hold.
        progress: told in words what is being done.
    """
    stage = _Stage.of(router, table, chance, anew)
    fold = folds(table.origins, _FOLDS, router.seed)
    never = stage.ground(stage.seen), np.array([[0.0], [NEVER], [0.0]])
    if min(len(np.unique(group)) for group in (stage.domains, fold)) < 2:
        progress("trusts no choice: there is nothing that could be left out")
        return never
    try:
        (seen, told), (unseen, strange) = (
            stage.left_out(group, progress) for group in (fold, stage.domains % _ROUNDS)
        )
    except (DataError, ConfigError) as error:
        progress(f"trusts no choice: without a part of the rows nothing is learned ({error})")
        return never
    odds = ground.learned_odds(seen, unseen)
    known = _Left(told, ground.log_odds(seen, odds), fold)
    new = _Left(strange, ground.log_odds(unseen, odds), stage.domains)
    asked = [_asked(known, new, one, promise) for one in _policies(router.policy)]
    return stage.ground(stage.seen)._replace(odds=odds), np.array(asked).T


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


class _Stage(NamedTuple):
    """Where domains are left out.

    Args:
        router: learns anew without them.
        anew: its encoder, too, where it was trained along.
        seen: the texts as the router reads them.
        form: (2, s) mean and spread of their form.
        outcomes: quality and cost (N, m); NaN is unknown.
        chance: (N, m) how likely they were to become known.
        domains: (N,) each row's.
    """

    router: PredictiveRouter
    anew: Anew | None
    seen: Reading
    form: Shapes
    outcomes: tuple[Matrix, Matrix]
    chance: Matrix
    domains: Folds

    @classmethod
    def of(
        cls, router: PredictiveRouter, table: OutcomeTable, chance: Matrix, anew: Anew | None
    ) -> _Stage:
        seen = Reading(table.queries, router.encoder_, table.domains, table.origins)
        outcomes, form = (table.score, table.cost), np.stack(scale(seen.shape))
        return cls(router, anew, seen, form, outcomes, chance, _domains(seen, router.seed))

    def ground(self, seen: Reading, rows: Folds | slice = slice(None)) -> Ground:
        """The ground of these of the rows."""
        return ground.survey(self.form, self._places(seen)[rows], self.domains[rows])

    def _places(self, seen: Reading) -> Vectors:
        return ground.placed(seen.vectors, seen.shape, self.form)

    def left_out(self, group: Folds, progress: Progress) -> tuple[Matrix, Matrix]:
        """The signs of known ground (N, 2) of each row, its group not being known, and what is
        told: quality and cost in units (4, N, m) as predicted without the group, and as they were,
        so far as that is known.

        Args:
            group: (N,) what is left out together.
            progress: told which.
        """
        signs, told = np.zeros((len(group), 2)), np.zeros((2, *self.outcomes[0].shape))
        numbers = np.unique(group)
        for number, one in enumerate(numbers, 1):
            progress(f"learning without a part of the rows ({number} of {len(numbers)})")
            rest, held = np.flatnonzero(group != one), np.flatnonzero(group == one)
            seen = self._without(rest)
            signs[held] = self.ground(seen, rest).signs(self._places(seen)[held])
            known = (_with_every_model(values, rest) for values in self.outcomes)
            twin = self.router.again(seen.rows(rest), *known)
            told[:, held] = twin._predict(twin._see(seen.rows(held)))
        unit = self.router.cost_unit_
        predicted = Predictions(self.router.pool.names, told[0], told[1], unit)
        found = np.concatenate([told, estimated(predicted, *self.outcomes, self.chance)])
        found[1::2] /= unit
        return signs, found

    def _without(self, rest: Folds) -> Reading:
        """All texts as they are read by who knows these only."""
        if self.anew is None:
            return self.seen
        return self.seen.read_by(self.anew([self.seen.texts[i] for i in rest]))


def _with_every_model(values: Matrix, rest: Folds) -> Matrix:
    """These rows of the values; models of which nothing is known there are at their mean."""
    known = np.isfinite(values[rest]).any(axis=0)
    return np.where(known, values[rest], np.nanmean(values, axis=0))


def _domains(seen: Reading, seed: int) -> Folds:
    """A number (n,) for each row's domain: its label, or its cluster where labels are lacking."""
    if seen.labels is not None and len(named := np.unique(seen.labels)) >= _FEWEST:
        return np.searchsorted(named, seen.labels)
    vectors = seen.vectors
    centers = k_means(vectors, min(_CLUSTERS, len(vectors)), np.random.default_rng(seed))
    nearest: Folds = np.argmax(vectors @ centers.T, axis=1)
    return nearest
