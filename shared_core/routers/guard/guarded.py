"""Falls back to the best single model where the router should not be trusted to choose.

Where that is, is learned by leaving whole domains out (``unseen``): those that the table names,
else clusters of its queries. ``ground`` tells the odds that a query is not strange, ``trust`` how
much a choice must be worth. Where domains are new, neither what the router expects to gain or lose
in quality nor whether its members agree tells how it will go; so the odds alone must bear it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, Final, Literal, Self, get_args

import numpy as np

from shared_core.artifacts import Artifact
from shared_core.checks import check_from_zero, check_one_of, check_ordered
from shared_core.decision import Flow, RoutingDecision
from shared_core.encoders.lexical import LexicalEncoder
from shared_core.encoders.shape import shape
from shared_core.errors import ConfigError, NotFitted
from shared_core.learned import Learned, declared
from shared_core.outcomes.table import OutcomeTable
from shared_core.policies.base import Matrix, Policy, Predictions
from shared_core.pool import ModelPool
from shared_core.query import Query
from shared_core.routers.base import Router
from shared_core.routers.guard import trust
from shared_core.routers.guard.ground import Ground
from shared_core.routers.guard.retraining import retraining, untrained
from shared_core.routers.guard.unseen import Promise, rehearse, weight_of
from shared_core.routers.predictive.base import PredictiveRouter, Progress
from shared_core.routers.predictive.cross_validation import N_FOLDS, folds
from shared_core.routers.predictive.gain import chances, levels
from shared_core.routers.predictive.learnable import learnable
from shared_core.routers.predictive.linear import LinearRouter
from shared_core.routers.predictive.reading import Reading
from shared_core.routers.weighing import Weigher, weigher_of, within

Fallback = Literal["quality", "utility"]

_KEPT_ROWS: Final = 4000
_GROUND: Final = tuple(f"ground_{name}_" for name in Ground._fields)


class GuardedRouter(Router):
    """Lets ``router`` choose where it is on known ground, else takes the best single model.

    A choice is trusted where its expected gain, times the odds that the query is of a kind trained
    on, is above a threshold. That is learned so that in none of the domains left out in training
    more than ``tolerance`` would have been lost, chance included, nor more than half of what known
    ground gains by it; of that, as much is kept as this allows. It allows little where domains look
    alike and the policy gives up quality for money: nobody can save on what is known but not on
    what looks the same.

    The bound is one on average. A new domain can break it: one in as many as were left out may be
    stranger than they, and where few queries are counted, a single unlucky one is more than
    ``tolerance``.

    Routers around a predictive one, such as those that hear answers, can be guarded too: on strange
    ground nobody is asked but the best single model, elsewhere they decide.

    Args:
        router: who chooses; fitted along.
        tolerance: mean quality that choosing may lose in a domain that was not trained on, against
            the best single model.
        caution: standard deviations of a left-out domain's mean, by chance and by how domains
            differ, for which there must be room below it.
        fallback: ``quality`` takes the model of the best mean quality in training, whatever it
            costs. ``utility`` takes the one that the policy finds most worth it, and promises
            utility instead of quality.
        threshold: what expected gain times odds must be above; learned when not given.

    Raises:
        ConfigError: a number below 0, or no such fallback.
    """

    learned = declared(
        means_=Learned("2 models"),
        cost_unit_=Learned(low=1e-300),
        trust_=Learned("3 weight"),
        ground_form_=Learned("2 form"),
        ground_places_=Learned("row vector+form"),
        ground_remote_=Learned("row", low=0),
        ground_recognition_=Learned("vector+form+1 domain"),
        ground_domain_=Learned("row", kind="i", high="domain", is_ordered=True),
        ground_odds_=Learned("3"),
    )

    def __init__(
        self,
        router: Router,
        tolerance: float = 0.003,
        caution: float = 1.5,
        fallback: Fallback = "quality",
        threshold: float | None = None,
    ) -> None:
        check_from_zero(tolerance=tolerance, caution=caution)
        check_one_of(get_args(Fallback), fallback=fallback)
        if threshold is not None:
            check_ordered(threshold=threshold)
        self.router = router
        self.tolerance = tolerance
        self.caution = caution
        self.fallback: Fallback = fallback
        self.threshold = threshold

    @property
    def pool(self) -> ModelPool:  # type: ignore[override]
        """The router's: with the models that it has gained since it was wrapped."""
        return self.router.pool

    @property
    def inner(self) -> Router:
        """The router, by the name that wrappers share."""
        return self.router

    def fit(self, outcomes: OutcomeTable, progress: Progress | None = None) -> Self:
        """Fit the router, and learn where to trust it.

        Args:
            outcomes: the training table; a column ``dataset`` names the domains.
            progress: told in words what is being done.

        Raises:
            DataError: as the router's own ``fit``.
        """
        report = progress or (lambda _: None)
        reader = self._reader
        along = None if reader.encoder is None else untrained(reader.encoder)
        getattr(self.router, "fit", reader.fit)(outcomes, report)
        table = learnable(outcomes, self.pool)
        chance = _chances(reader, table)
        self.means_ = np.stack([levels(values, chance) for values in (table.score, table.cost)])
        self.cost_unit_ = reader.cost_unit_
        report("leaving domains out, to see where the router can be trusted")
        kept = np.sort(np.random.default_rng(reader.seed).permutation(len(table))[:_KEPT_ROWS])
        encoder = reader.encoder_
        anew = retraining(encoder, along or [isinstance(encoder, LexicalEncoder)])
        promise = Promise(self.tolerance, self.caution, self.fallback == "quality")
        found, self.trust_ = rehearse(reader, table.rows(kept), chance[kept], anew, promise, report)
        for name, value in zip(_GROUND, found, strict=True):
            setattr(self, name, value)
        return self

    def flow(self, query: Query) -> Flow:
        self._check_fitted()
        policy = self._weigher.weighing(query).policy
        if self.router is not self._reader:
            return (yield from self._unless_strange(query, policy))
        decision = yield from self.router.flow(query)
        known = [name for name in decision.ranking if name in self._trained_on]
        if not known or (safe := self.best_single(policy, known)) == decision.model:
            return decision
        gain = _expected(decision, policy, safe, self.cost_unit_)
        if (doubt := self._doubt(query, policy, gain)) is None:
            return decision
        return replace(decision, **self._fallen_back(doubt, safe, decision.ranking))

    def _unless_strange(self, query: Query, policy: Policy) -> Flow:
        """The decision of a router that may ask first: not where the query is strange."""
        eligible, rejected = self.pool.eligible(query)
        known = [name for name in eligible if name in self._trained_on]
        doubt = self._doubt(query, policy, self._trust(policy)[1]) if known else None
        if doubt is None:
            return (yield from self.router.flow(query))
        safe = self.best_single(policy, known)
        return RoutingDecision(**self._fallen_back(doubt, safe, eligible), rejected=rejected)

    def best_single(self, policy: Policy, among: Sequence[str]) -> str:
        """The model to fall back to, of those named: the best on the training rows."""
        means = Predictions(self._trained_on, self.means_[:1], self.means_[1:], self.cost_unit_)
        known = means.of(among)
        worth = known.quality if self.fallback == "quality" else policy(known)
        return among[int(np.argmax(worth[0]))]

    def artifact(self) -> Artifact:
        self._check_fitted()
        return super().artifact()

    def check_learned(self, **sizes: int) -> dict[str, int]:
        known = {"models": len(self._reader.train_means_), **self._reader.encoder_.sizes}
        return super().check_learned(**{**known, **sizes})

    def _check_fitted(self) -> None:
        if not hasattr(self, "trust_"):
            raise NotFitted("this GuardedRouter has not learned yet: call fit(outcomes) or load")

    def _doubt(self, query: Query, policy: Policy, gain: float) -> str | None:
        place = self._ground.place(self._reader.encoder_([query.text]), shape([query.text]))
        odds = self._ground.log_odds(place)
        asked = self._trust(policy)[0] if self.threshold is None else self.threshold
        if float(trust.worth(odds, np.array([gain]))[0]) > asked:
            return None
        if self.threshold is None and asked >= trust.NEVER:
            return "at this cost weight no choice proved worth the risk in training"
        return f"expected gain {gain:.3f}, odds of known ground {np.exp(odds[0]):.2g}"

    def _trust(self, policy: Policy) -> tuple[float, float]:
        """What a choice must be worth, and what one is usually expected to gain."""
        weights, asked, usual = self.trust_
        weight = weight_of(policy)
        return float(np.interp(weight, weights, asked)), float(np.interp(weight, weights, usual))

    def _fallen_back(self, doubt: str, safe: str, ranking: Sequence[str]) -> dict[str, Any]:
        """What a decision says that falls back to the safe model."""
        return {
            "ranking": (safe, *(name for name in ranking if name != safe)),
            "router": type(self).__name__,
            "cause": "guard",
            "reason": f"unsure ({doubt}): {safe}, the best single model in training",
        }

    @cached_property
    def _reader(self) -> PredictiveRouter:
        """The predictive router in the router, or itself: the guard reads texts as it does."""
        for found in within(self.router):
            if isinstance(found, PredictiveRouter):
                return found
        raise ConfigError(
            f"{type(self.router).__name__} has no predictive router in it, by whose reading of "
            "texts it could be guarded"
        )

    @cached_property
    def _weigher(self) -> Weigher:
        """Who in the router weighs quality against cost: the guard weighs as it does."""
        return weigher_of(self.router) or self._reader

    @property
    def _trained_on(self) -> tuple[str, ...]:
        """The models of the training rows; those that came later follow them in the pool."""
        return self.pool.names[: self.means_.shape[1]]

    @property
    def _ground(self) -> Ground:
        return Ground(*(getattr(self, name) for name in _GROUND))

    @classmethod
    def test_parameters(cls) -> Sequence[Mapping[str, Any]]:
        return [{"router": LinearRouter, "caution": 0.0}]


def _chances(reader: PredictiveRouter, table: OutcomeTable) -> Matrix:
    """How likely (n, m) each outcome was to become known."""
    known = np.isfinite(table.score) & np.isfinite(table.cost)
    reading = Reading(table.queries, reader.encoder_, table.domains, table.origins)
    return chances(reading, known, folds(table.origins, N_FOLDS, reader.seed))


def _expected(decision: RoutingDecision, policy: Policy, safe: str, unit: float) -> float:
    """The utility that the decision expects above the safe model's."""
    pair = (decision.model, safe)
    quality, cost = (np.array([[of[name] for name in pair]])
                     for of in (decision.quality, decision.cost))  # fmt: skip
    mine, theirs = policy(Predictions(pair, quality, cost, unit))[0]
    return float(mine - theirs)
