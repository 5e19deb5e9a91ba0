"""Falls back to the best single model where the router's own doubt says it should not choose.

Two doubts: *distance*, the query is unlike anything trained on; and *margin*, the expected gain
over the best single model is small. How like is like enough, and how much is enough, is learned by
leaving whole domains out: those that the table names, else clusters of its queries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from shared_core.artifacts import Artifact
from shared_core.decision import Flow, RoutingDecision
from shared_core.encoders.base import Vectors
from shared_core.errors import ConfigError, NotFitted
from shared_core.outcomes.table import OutcomeTable
from shared_core.policies.base import Matrix, Policy, Predictions
from shared_core.query import Query
from shared_core.routers.base import Router
from shared_core.routers.predictive import ridge
from shared_core.routers.predictive.base import PredictiveRouter, Progress, cost_unit
from shared_core.routers.predictive.cross_validation import Folds, folds
from shared_core.routers.predictive.k_means import k_means
from shared_core.routers.predictive.linear import LinearRouter

DOMAINS: Final = "dataset"
"""Column of the table that names each row's domain."""

_NEAREST: Final = 10
_FEWEST: Final = 3
_CLUSTERS: Final = 8
_FOLDS: Final = 5
_LEVELS: Final = np.linspace(0, 0.95, 20)
_KEPT_ROWS: Final = 4000
_GOOD_PART: Final = 0.6
"""Of the gain on known ground; the rest is given up for less risk elsewhere."""
_ALWAYS: Final = -1.0
_NEVER: Final = 2.0
"""Similarities that every query reaches, and none."""

Vector = NDArray[np.float64]


class GuardedRouter(Router):
    """Lets ``router`` choose where it is on known ground, else takes the best single model.

    Args:
        router: who chooses; fitted along.
        tolerance: mean utility that choosing may lose in a domain that was not trained on, against
            the best single model.
        caution: standard errors by which no left-out domain may lose more than that.
        familiarity: similarity to the nearest training queries below which it falls back; learned,
            with the smallest expected gain that counts, when not given.
    """

    def __init__(
        self,
        router: PredictiveRouter,
        tolerance: float = 0.003,
        caution: float = 1.0,
        familiarity: float | None = None,
    ) -> None:
        if min(tolerance, caution) < 0:
            raise ConfigError(
                f"tolerance and caution are numbers from 0 up, not {tolerance} and {caution}"
            )
        super().__init__(router.pool)
        self.router = router
        self.tolerance = tolerance
        self.caution = caution
        self.familiarity = familiarity

    def fit(self, outcomes: OutcomeTable, progress: Progress | None = None) -> Self:
        """Fit the router, and learn where to trust it.

        Args:
            outcomes: the training table; a column ``dataset`` names the domains.
            progress: told in words what is being done.

        Raises:
            DataError: as the router's own ``fit``.
        """
        report = progress or (lambda _: None)
        self.router.fit(outcomes, report)
        table = outcomes.of(self.pool.names).priced(self.pool)
        vectors = self.router.encoder_(table.queries)
        rng = np.random.default_rng(self.router.seed)
        self.vectors_ = vectors[np.sort(rng.permutation(len(vectors))[:_KEPT_ROWS])]
        cost = np.nan_to_num(table.cost)
        self.means_ = np.stack([np.nanmean(table.score, axis=0), cost.mean(axis=0)])
        self.cost_unit_ = cost_unit(cost)
        if self.familiarity is not None:
            self.familiarity_, self.margin_ = self.familiarity, 0.0
        else:
            report("leaving domains out, to see where the router can be trusted")
            self.familiarity_, self.margin_ = self._learned(table, vectors)
        return self

    def flow(self, query: Query) -> Flow:
        self._check_fitted()
        decision = yield from self.router.flow(query)
        policy = self.router.policy.weighing(query.cost_weight)
        safe = self.best_single(policy, decision.ranking)
        doubt = None if safe == decision.model else self._doubt(query, decision, safe, policy)
        if doubt is None:
            return decision
        later = tuple(name for name in decision.ranking if name != safe)
        reason = f"unsure ({doubt}): {safe}, the best single model on the training rows"
        return replace(decision, ranking=(safe, *later), router="GuardedRouter", cause="guard",
                       reason=reason)  # fmt: skip

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
        nearness = float(_familiarity(self.router.encoder_([query.text]), self.vectors_)[0])
        if nearness < self.familiarity_:
            return f"unlike the training queries, {nearness:.2f} < {self.familiarity_:.2f}"
        gain = _expected(decision, policy, safe, self.cost_unit_)
        if gain < self.margin_:
            return f"expected gain {gain:.3f} < {self.margin_:.3f}"
        return None

    def _learned(self, table: OutcomeTable, vectors: Vectors) -> tuple[float, float]:
        """Familiarity and margin from which on choosing did no harm in left-out domains."""
        unseen = self._left_out(table, vectors, _domains(table, vectors, self.router.seed))
        seen = self._left_out(table, vectors, folds(table.queries, _FOLDS, self.router.seed))
        return _thresholds(unseen, seen, self.tolerance, self.caution)

    def _left_out(self, table: OutcomeTable, vectors: Vectors, group: Folds) -> list[_Gains]:
        """What choosing would have brought in each group, to fits that never saw it."""
        targets = ridge.filled(table.score, np.nan_to_num(table.cost), self.cost_unit_)
        alpha = ridge.choose_alpha(vectors, targets, len(self.pool), group, LinearRouter.ALPHAS)
        found = ridge.left_out(vectors, targets, alpha, group)
        expected, true = (self._utility(*np.split(one, 2, axis=1)) for one in (found, targets))
        return [_gains(vectors, expected, true, group == held) for held in np.unique(group)]

    def _utility(self, quality: Matrix, units: Matrix) -> Matrix:
        return self.router.policy(Predictions(self.pool.names, quality, units, 1.0))

    @classmethod
    def test_parameters(cls) -> Sequence[Mapping[str, Any]]:
        return [{"router": LinearRouter, "caution": 0.0}]


class _Gains(NamedTuple):
    """Per row (n,): likeness to the training rows, and gain over the best single model."""

    near: Vector
    expected: Vector
    realised: Vector

    def trusted(self, familiarity: float, margin: float) -> NDArray[np.bool]:
        """The rows (n,) that the router may decide with these thresholds."""
        return (self.near >= familiarity) & (self.expected >= margin)

    def kept(self, familiarity: float, margin: float) -> Vector:
        """What is gained (n,) with them."""
        gained: Vector = np.where(self.trusted(familiarity, margin), self.realised, 0.0)
        return gained

    def share(self, familiarity: float, margin: float) -> float:
        """Share of the rows that don't get the best single model."""
        return float((self.trusted(familiarity, margin) & (self.expected > 0)).mean())


def _gains(vectors: Vectors, expected: Matrix, true: Matrix, held: NDArray[np.bool]) -> _Gains:
    """What choosing by expected utility (n, m) brought in the rows that are left out."""
    rows, chosen = np.flatnonzero(held), expected[held].argmax(axis=1)
    safe = int(true[~held].mean(axis=0).argmax())
    return _Gains(
        _familiarity(vectors[held], vectors[~held][:_KEPT_ROWS]),
        expected[rows, chosen] - expected[held, safe],
        true[rows, chosen] - true[held, safe],
    )


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
    levels = (_ALWAYS, *np.quantile(known.near, _LEVELS).tolist())
    return list(product(levels, margins))


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


def _expected(decision: RoutingDecision, policy: Policy, safe: str, unit: float) -> float:
    """The utility that the decision expects above the safe model's."""
    pair = (decision.model, safe)
    quality, cost = (np.array([[of[name] for name in pair]])
                     for of in (decision.quality, decision.cost))  # fmt: skip
    mine, theirs = policy(Predictions(pair, quality, cost, unit))[0]
    return float(mine - theirs)


def _familiarity(vectors: Vectors, known: Vectors) -> Vector:
    """Mean similarity (n,) to the nearest known queries."""
    similarity = vectors @ known.T
    if similarity.shape[1] > _NEAREST:
        similarity = np.partition(similarity, -_NEAREST, axis=1)[:, -_NEAREST:]
    return similarity.mean(axis=1, dtype=np.float64) if similarity.size else np.zeros(len(vectors))
