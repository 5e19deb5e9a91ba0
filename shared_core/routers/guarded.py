"""Falls back to the best single model where the router's own doubt says it should not choose.

Three doubts: the query is strange; the expected gain over the best single model is small; or among
the training queries next to it, choosing is not proved to pay. How strange is too strange, and how
much is enough, is learned by leaving whole domains out: those that the table names, else clusters
of its queries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import product
from typing import Any, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from shared_core.artifacts import Artifact
from shared_core.decision import Flow, RoutingDecision
from shared_core.encoders.base import Vectors
from shared_core.encoders.shape import shape
from shared_core.errors import ConfigError, NotFitted
from shared_core.outcomes.table import OutcomeTable
from shared_core.policies.base import Policy, Predictions
from shared_core.query import Query
from shared_core.routers import ground
from shared_core.routers.base import Router
from shared_core.routers.ground import Bools, Ground, Vector
from shared_core.routers.predictive import reading, ridge
from shared_core.routers.predictive.base import PredictiveRouter, Progress, cost_unit
from shared_core.routers.predictive.cross_validation import Folds, folds
from shared_core.routers.predictive.k_means import k_means
from shared_core.routers.predictive.linear import LinearRouter

DOMAINS: Final = "dataset"
"""Column of the table that names each row's domain."""

_FEWEST: Final = 3
_CLUSTERS: Final = 8
_FOLDS: Final = 5
_LEVELS: Final = np.linspace(0, 0.95, 14)
_KEPT_ROWS: Final = 4000
_GOOD_PART: Final = 0.6
"""Of the gain on known ground; the rest is given up for less risk elsewhere."""
_NEVER: Final = 2.0
"""A familiarity that no query has."""

_GROUND: Final = tuple(f"ground_{name}_" for name in Ground._fields)


class GuardedRouter(Router):
    """Lets ``router`` choose where it is on known ground, else takes the best single model.

    Routers that hear answers can be guarded too, where a predictive router is in them: on strange
    ground nobody is asked but the best single model, elsewhere what was heard decides.

    Args:
        router: who chooses; fitted along.
        tolerance: mean utility that choosing may lose in a domain that was not trained on, against
            the best single model.
        caution: standard errors by which no left-out domain may lose more than that.
        familiarity: share of the training queries that must be stranger than a query for the
            router to choose; learned, with the smallest expected gain that counts, when not given.
        proof: standard errors by which choosing must have gained among the training queries
            nearest to a query.
    """

    def __init__(
        self,
        router: Router,
        tolerance: float = 0.003,
        caution: float = 1.0,
        familiarity: float | None = None,
        proof: float = 2.0,
    ) -> None:
        if min(tolerance, caution, proof) < 0:
            raise ConfigError(
                "tolerance, caution and proof are numbers from 0 up, not "
                f"{tolerance}, {caution} and {proof}"
            )
        super().__init__(router.pool)
        self.router = router
        self.tolerance = tolerance
        self.caution = caution
        self.familiarity = familiarity
        self.proof = proof

    def fit(self, outcomes: OutcomeTable, progress: Progress | None = None) -> Self:
        """Fit the router, and learn where to trust it.

        Args:
            outcomes: the training table; a column ``dataset`` names the domains.
            progress: told in words what is being done.

        Raises:
            DataError: as the router's own ``fit``.
        """
        report = progress or (lambda _: None)
        getattr(self.router, "fit", self._reader.fit)(outcomes, report)
        table = outcomes.of(self.pool.names).priced(self.pool)
        cost = np.nan_to_num(table.cost)
        self.means_ = np.stack([np.nanmean(table.score, axis=0), cost.mean(axis=0)])
        self.cost_unit_ = cost_unit(cost)
        report("leaving domains out, to see where the router can be trusted")
        kept = np.random.default_rng(self._reader.seed).permutation(len(table))[:_KEPT_ROWS]
        self._learn(table.rows(np.sort(kept)))
        return self

    def flow(self, query: Query) -> Flow:
        self._check_fitted()
        if self.router is not self._reader:
            return (yield from self._unless_strange(query))
        decision = yield from self.router.flow(query)
        policy = self._reader.policy.weighing(query.cost_weight)
        known = [name for name in decision.ranking if name in self.pool]
        if not known or (safe := self.best_single(policy, known)) == decision.model:
            return decision
        if (doubt := self._doubt(query, decision, safe, policy)) is None:
            return decision
        return replace(decision, **_fallback(doubt, safe, decision.ranking))

    def _unless_strange(self, query: Query) -> Flow:
        """The decision of a router that may ask first: not where the query is strange."""
        eligible, rejected = self.pool.eligible(query)
        if (doubt := self._strangeness(self._place(query))) is None:
            return (yield from self.router.flow(query))
        safe = self.best_single(self._reader.policy.weighing(query.cost_weight), eligible)
        return RoutingDecision(**_fallback(doubt, safe, eligible), rejected=rejected)

    def best_single(self, policy: Policy, among: Sequence[str]) -> str:
        """The model that is worth most on the training rows, of those named."""
        means = Predictions(self.pool.names, self.means_[:1], self.means_[1:], self.cost_unit_)
        worth = policy(means.of(among))[0]
        return among[int(np.argmax(worth))]

    def artifact(self) -> Artifact:
        self._check_fitted()
        return super().artifact()

    def _check_fitted(self) -> None:
        if not hasattr(self, "familiarity_"):
            raise NotFitted("this GuardedRouter has not learned yet: call fit(outcomes) or load")

    def _doubt(
        self, query: Query, decision: RoutingDecision, safe: str, policy: Policy
    ) -> str | None:
        here = self._place(query)
        if (strange := self._strangeness(here)) is not None:
            return strange
        gain = _expected(decision, policy, safe, self.cost_unit_)
        if gain < self.margin_:
            return f"expected gain {gain:.3f} < {self.margin_:.3f}"
        if decision.model not in self.pool:
            return None  # came later: no training query tells of it
        models = tuple(name for name in decision.ranking if name in self.pool)
        columns = [self.pool.names.index(name) for name in models]
        mean, error = self._ground.proof(here, policy, models, columns, models.index(safe))
        if mean <= self.proof * error:
            return f"choosing gained {mean:+.3f}, give or take {error:.3f}, on queries like it"
        return None

    def _place(self, query: Query) -> Vectors:
        return self._ground.place(self._reader.encoder_([query.text]), shape([query.text]))

    def _strangeness(self, place: Vectors) -> str | None:
        known = float(self._ground.familiarity(place)[0])
        if known >= self.familiarity_:
            return None
        return f"strange: familiarity {known:.2f} < {self.familiarity_:.2f}"

    @cached_property
    def _reader(self) -> PredictiveRouter:
        """The predictive router in the router, or itself: the guard reads texts as it does."""
        found: Router | None = self.router
        while not isinstance(found, PredictiveRouter):
            if (found := getattr(found, "inner", None)) is None:
                raise ConfigError(f"{type(self.router).__name__} has no predictive router in it, "
                                  "by whose reading of texts it could be guarded")  # fmt: skip
        return found

    @property
    def _ground(self) -> Ground:
        return Ground(*(getattr(self, name) for name in _GROUND))

    def _learn(self, table: OutcomeTable) -> None:
        """The ground, and familiarity and margin from which on choosing did no harm."""
        vectors, shapes = self._reader.encoder_(table.queries), shape(table.queries)
        form = np.stack(reading.scale(shapes))
        places = ground.placed(vectors, shapes, form)
        domains = _domains(table, vectors, self._reader.seed)
        fold = folds(table.queries, _FOLDS, self._reader.seed)
        told = self._told(table, places, fold)
        found = ground.survey(form, places, domains, fold, told)
        for name, value in zip(_GROUND, found, strict=True):
            setattr(self, name, value)
        if self.familiarity is not None:
            self.familiarity_, self.margin_ = self.familiarity, 0.0
            return
        if min(len(np.unique(one)) for one in (domains, fold)) < 2:
            self.familiarity_, self.margin_ = _NEVER, 0.0  # nothing can be left out to learn from
            return
        unseen = self._left_out(found, self._told(table, places, domains), domains, domains)
        seen = self._left_out(found, told, domains, fold)
        self.familiarity_, self.margin_ = _thresholds(unseen, seen, self.tolerance, self.caution)

    def _told(self, table: OutcomeTable, places: Vectors, group: Folds) -> NDArray[np.float32]:
        """Quality and cost in units (4, N, m) as predicted without the row's group, and as known.

        A ridge regression stands in for the router, which may take long to fit.
        """
        targets = ridge.filled(table.score, np.nan_to_num(table.cost), self.cost_unit_)
        alpha = ridge.choose_alpha(places, targets, len(self.pool), group, LinearRouter.ALPHAS)
        found = ridge.left_out(places, targets, alpha, group)
        halves = [half for one in (found, targets) for half in np.split(one, 2, axis=1)]
        return np.stack(halves).astype(np.float32)

    def _left_out(
        self, known: Ground, told: NDArray[np.float32], domains: Folds, group: Folds
    ) -> list[_Gains]:
        """What choosing would have brought in each group, to fits that never saw it."""
        near = known.ranked(ground.left_out_signs(known.places, domains, group))
        return [self._gains(known, told, near, group == held) for held in np.unique(group)]

    def _gains(self, known: Ground, told: NDArray[np.float32], near: Vector, held: Bools) -> _Gains:
        policy, models = self._reader.policy, self.pool.names
        quality, units = known.told[2:, ~held].astype(np.float64)
        safe = int(policy(Predictions(models, quality, units, 1.0)).mean(axis=0).argmax())
        beside = ground.gains(known.told[:, ~held], policy, models, safe)[1]
        rows = ground.neighbours(known.places[held], known.places[~held], ground.size(len(near)))
        around = beside[rows]
        error = around.std(axis=1) / np.sqrt(around.shape[1])
        expected, realised = ground.gains(told[:, held], policy, models, safe)
        return _Gains(near[held], expected, realised, around.mean(axis=1) > self.proof * error)

    @classmethod
    def test_parameters(cls) -> Sequence[Mapping[str, Any]]:
        return [{"router": LinearRouter, "caution": 0.0}]


class _Gains(NamedTuple):
    """Per row (n,): familiarity, gain over the best single model, and whether it is proved."""

    near: Vector
    expected: Vector
    realised: Vector
    proved: Bools

    def trusted(self, familiarity: float, margin: float) -> Bools:
        """The rows (n,) that the router may decide with these thresholds."""
        return self.proved & (self.near >= familiarity) & (self.expected >= margin)

    def kept(self, familiarity: float, margin: float) -> Vector:
        """What is gained (n,) with them."""
        gained: Vector = np.where(self.trusted(familiarity, margin), self.realised, 0.0)
        return gained

    def share(self, familiarity: float, margin: float) -> float:
        """Share of the rows that don't get the best single model."""
        return float((self.trusted(familiarity, margin) & (self.expected > 0)).mean())


def _thresholds(
    unseen: Sequence[_Gains], seen: Sequence[_Gains], tolerance: float, caution: float
) -> tuple[float, float]:
    """The most careful that keep a good part of what can be gained without harm elsewhere."""
    known = _Gains(*(np.concatenate(values) for values in zip(*seen, strict=True)))
    fit = [
        (float(known.kept(*pair).mean()), max(one.share(*pair) for one in unseen), pair)
        for pair in _grid(known)
        if min(_lower(one.kept(*pair), caution) for one in unseen) >= -tolerance
    ]
    most = max((gained for gained, _, _ in fit), default=0.0)
    if most <= 0:
        return _NEVER, 0.0
    good = [one for one in fit if one[0] >= _GOOD_PART * most]
    return min(good, key=lambda one: (one[1], -one[0]))[2]


def _grid(known: _Gains) -> list[tuple[float, float]]:
    """The thresholds to try."""
    margins = np.unique(np.maximum(np.quantile(known.expected, _LEVELS), 0.0)).tolist()
    return list(product(_LEVELS.tolist(), margins))


def _lower(gained: Vector, caution: float) -> float:
    """The mean less ``caution`` standard errors."""
    return float(gained.mean() - caution * gained.std() / np.sqrt(len(gained)))


def _domains(table: OutcomeTable, vectors: Vectors, seed: int) -> Folds:
    """A number (n,) for each row's domain: its label, or its cluster where labels are lacking."""
    labels = table.columns.get(DOMAINS)
    if labels is not None and len(named := np.unique([str(one) for one in labels])) >= _FEWEST:
        return np.searchsorted(named, [str(one) for one in labels])
    centers = k_means(vectors, min(_CLUSTERS, len(vectors)), np.random.default_rng(seed))
    nearest: Folds = np.argmax(vectors @ centers.T, axis=1)
    return nearest


def _fallback(doubt: str, safe: str, ranking: Sequence[str]) -> dict[str, Any]:
    """What a decision says that falls back to the safe model."""
    return {
        "ranking": (safe, *(name for name in ranking if name != safe)),
        "router": "GuardedRouter",
        "cause": "guard",
        "reason": f"unsure ({doubt}): {safe}, the best single model on the training rows",
    }


def _expected(decision: RoutingDecision, policy: Policy, safe: str, unit: float) -> float:
    """The utility that the decision expects above the safe model's."""
    pair = (decision.model, safe)
    quality, cost = (np.array([[of[name] for name in pair]])
                     for of in (decision.quality, decision.cost))  # fmt: skip
    mine, theirs = policy(Predictions(pair, quality, cost, unit))[0]
    return float(mine - theirs)
