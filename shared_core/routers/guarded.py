"""Falls back to the best single model where the router's own doubt says it should not choose.

Two doubts: *distance*, the query is unlike anything trained on; and *disagreement*, the expected
gain over the best single model is less than what fits on other rows disagree about. How like is
like enough is learned by leaving whole clusters of queries out, which is how new domains look.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from shared_core.artifacts import Artifact
from shared_core.decision import Flow, RoutingDecision
from shared_core.encoders.base import Vectors
from shared_core.errors import ConfigError, NotFitted
from shared_core.outcomes.table import OutcomeTable
from shared_core.policies.base import Policy, Predictions
from shared_core.query import Query
from shared_core.routers.base import Router
from shared_core.routers.predictive.base import PredictiveRouter, Progress, cost_unit
from shared_core.routers.predictive.k_means import k_means
from shared_core.routers.predictive.linear import LinearRouter

_NEAREST: Final = 10
_CLUSTERS: Final = 8
_LEVELS: Final = 20
_KEPT_ROWS: Final = 4000
_ENSEMBLE: Final = 5

Vector = NDArray[np.float64]


class GuardedRouter(Router):
    """Lets ``router`` choose where it is on known ground, else takes the best single model.

    Args:
        router: who chooses; fitted along.
        caution: standard errors by which the gain on left-out clusters must be above zero, and
            spreads of the ensemble by which an expected gain must be above zero.
        familiarity: similarity to the nearest training queries below which it falls back; learned
            from left-out clusters when not given.
    """

    def __init__(
        self, router: PredictiveRouter, caution: float = 1.0, familiarity: float | None = None
    ) -> None:
        if caution < 0:
            raise ConfigError(f"caution is a number from 0 up, not {caution}")
        super().__init__(router.pool)
        self.router = router
        self.caution = caution
        self.familiarity = familiarity

    def fit(self, outcomes: OutcomeTable, progress: Progress | None = None) -> Self:
        """Fit the router, and learn where to trust it.

        Raises:
            DataError: as the router's own ``fit``.
        """
        report = progress or (lambda _: None)
        self.router.fit(outcomes, report)
        table = outcomes.of(self.pool.names).priced(self.pool)
        vectors = self.router.encoder_(table.queries)
        rng = np.random.default_rng(self.router.seed)
        rows = np.sort(rng.permutation(len(vectors))[:_KEPT_ROWS])
        self.vectors_ = vectors[rows]
        report("leaving clusters out, to see where the router can be trusted")
        cost = np.nan_to_num(table.cost)
        self.means_ = np.stack([np.nanmean(table.score, axis=0), cost.mean(axis=0)])
        self.cost_unit_ = cost_unit(cost)
        self.ensemble_ = [self._fitted_on_part(outcomes, i) for i in range(_ENSEMBLE)]
        self.familiarity_ = (
            self._learned(outcomes, table.score, vectors)
            if self.familiarity is None
            else self.familiarity
        )
        return self

    def flow(self, query: Query) -> Flow:
        if not hasattr(self, "familiarity_"):
            raise NotFitted("this GuardedRouter has not learned yet: call fit(outcomes) or load")
        decision = yield from self.router.flow(query)
        doubt = self._doubt(query, decision)
        if doubt is None:
            return decision
        safe = self.best_single(self.router.policy.weighing(query.cost_weight), decision.ranking)
        if safe == decision.model:
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
        if not hasattr(self, "familiarity_"):
            raise NotFitted("this GuardedRouter has not learned yet: call fit(outcomes) or load")
        return super().artifact()

    def _doubt(self, query: Query, decision: RoutingDecision) -> str | None:
        nearness = float(_familiarity(self.router.encoder_([query.text]), self.vectors_)[0])
        if nearness < self.familiarity_:
            return f"unlike the training queries, {nearness:.2f} < {self.familiarity_:.2f}"
        policy = self.router.policy.weighing(query.cost_weight)
        safe = self.best_single(policy, decision.ranking)
        votes = [policy(one.predict([query.text]).of((decision.model, safe)))[0]
                 for one in self.ensemble_]  # fmt: skip
        gains = np.array([mine - theirs for mine, theirs in votes])
        if decision.model != safe and gains.mean() < self.caution * gains.std():
            return f"fits on parts of the data disagree, {gains.mean():+.3f} ± {gains.std():.3f}"
        return None

    def _fitted_on_part(self, outcomes: OutcomeTable, number: int) -> LinearRouter:
        rng = np.random.default_rng([self.router.seed, number])
        rows = np.sort(rng.choice(len(outcomes), len(outcomes)))
        known = np.unique(np.concatenate([rows, _one_known_each(outcomes.score)]))
        member = LinearRouter(self.pool, encoder=self.router.encoder_)
        return member.fit(outcomes.rows(known))

    def _learned(self, outcomes: OutcomeTable, score: Vector, vectors: Vectors) -> float:
        """The smallest similarity from which on choosing did no harm in left-out clusters."""
        rng = np.random.default_rng(self.router.seed)
        centers = k_means(vectors, min(_CLUSTERS, len(vectors)), rng)
        cluster = np.argmax(vectors @ centers.T, axis=1)
        near, gained = [], []
        for held in np.unique(cluster):
            rest, rows = cluster != held, cluster == held
            if not np.isfinite(score[rest]).any(axis=0).all():
                continue
            near.append(_familiarity(vectors[rows], vectors[rest]))
            gained.append(self._gained(outcomes, score, rest, rows))
        if not near:
            return float("-inf")
        return self._threshold(np.concatenate(near), np.concatenate(gained), vectors)

    def _gained(self, outcomes: OutcomeTable, score: Vector, rest: Any, rows: Any) -> Vector:
        """Quality gained over the best single model by a fit that never saw the cluster."""
        other = LinearRouter(self.pool, encoder=self.router.encoder_)
        other.fit(outcomes.rows(rest))
        quality = other.predict([outcomes.queries[i] for i in np.flatnonzero(rows)]).quality
        best = int(np.nanargmax(np.nanmean(score[rest], axis=0)))
        chosen = score[rows][np.arange(len(quality)), quality.argmax(axis=1)]
        gained: Vector = np.nan_to_num(chosen - score[rows][:, best])
        return gained

    def _threshold(self, near: Vector, gained: Vector, vectors: Vectors) -> float:
        inside = _familiarity(vectors[: _KEPT_ROWS // 4], self.vectors_, itself=True)
        for level in np.quantile(inside, np.linspace(0, 0.5, _LEVELS)):
            judged = gained[near >= level]
            if len(judged) < 2:
                return float(level)
            error = judged.std(ddof=1) / np.sqrt(len(judged))
            if judged.mean() >= self.caution * error * (judged.std() > 0):
                return float(level)
        return float(np.quantile(inside, 0.5))

    @classmethod
    def test_parameters(cls) -> Sequence[Mapping[str, Any]]:
        return [{"router": LinearRouter, "caution": 0.0}]


def _familiarity(vectors: Vectors, known: Vectors, itself: bool = False) -> Vector:
    """Mean similarity (n,) to the nearest known queries; without itself where it is among them."""
    similarity = np.sort(vectors @ known.T, axis=1)[:, ::-1]
    near = similarity[:, itself : _NEAREST + itself].astype(np.float64)
    return near.mean(axis=1) if near.shape[1] else np.zeros(len(vectors))


def _one_known_each(score: Vector) -> NDArray[np.int64]:
    """For each model a row whose outcome is known, so that no part of the data lacks one."""
    first: NDArray[np.int64] = np.argmax(np.isfinite(score), axis=0)
    return first
