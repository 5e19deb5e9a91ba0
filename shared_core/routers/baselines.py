"""Routers that look at no query: what a learned router has to beat."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np

from shared_core.artifacts import Artifact
from shared_core.checks import check_counts
from shared_core.decision import Flow, RoutingDecision
from shared_core.errors import DataError, NotFitted
from shared_core.learned import Learned, declared
from shared_core.outcomes.table import OutcomeTable
from shared_core.policies.base import Policy, Predictions, check_policy
from shared_core.policies.cost_quality import CostQuality
from shared_core.pool import Candidate, ModelPool
from shared_core.query import Query
from shared_core.routers.base import Router

Pool = ModelPool | Iterable[Candidate | str]


class Baseline(Router):
    """A router that looks at no query, or only looks it up."""

    @property
    def is_quick(self) -> bool:
        return True

    def _decision(
        self, ranking: tuple[str, ...], reason: str, rejected: Mapping[str, str]
    ) -> RoutingDecision:
        name = type(self).__name__
        return RoutingDecision(ranking, name, "baseline", reason, rejected=rejected)


class Always(Baseline):
    """Always the same model; the others only when it cannot serve or fails.

    Args:
        pool: the candidates.
        model: which one; the first of the pool when not given.
    """

    def __init__(self, pool: Pool, model: str | None = None) -> None:
        super().__init__(pool)
        if model is not None:
            _ = self.pool[model]  # tells now that there is none
        self.model = model

    def flow(self, query: Query) -> Flow:
        eligible, rejected = self.pool.eligible(query)
        wanted = self.pool.names[0] if self.model is None else self.pool[self.model].name
        ranking = tuple(sorted(eligible, key=lambda name: name != wanted))
        reason = f"always {wanted}"
        if wanted in rejected:
            reason = f"{wanted} {rejected[wanted]}: {ranking[0]} is the next of the pool"
        return self._decision(ranking, reason, rejected)
        yield


class Cheapest(Baseline):
    """The cheapest model that can serve, by the pool's prices."""

    def flow(self, query: Query) -> Flow:
        eligible, rejected = self.pool.eligible(query)
        ranking = tuple(name for name in self.pool.by_price() if name in eligible)
        return self._decision(ranking, "the cheapest that can serve", rejected)
        yield


class Random(Baseline):
    """A model at random, the same for the same text, models and seed.

    Args:
        pool: the candidates.
        seed: of the choice.
    """

    def __init__(self, pool: Pool, seed: int = 0) -> None:
        check_counts(0, seed=seed)
        super().__init__(pool)
        self.seed = seed

    def flow(self, query: Query) -> Flow:
        eligible, rejected = self.pool.eligible(query)
        rng = random.Random(f"{self.seed} {query.text}".encode("utf-8", "surrogatepass"))  # noqa: S311
        ranking = tuple(rng.sample(sorted(eligible), len(eligible)))
        return self._decision(ranking, "at random", rejected)
        yield


class Oracle(Baseline):
    """Knows the outcome of every query it was given: an upper bound, for evaluation only.

    Of a query that was given twice it knows the first outcome. It keeps digests, not texts.

    Args:
        pool: the candidates.
        policy: what is worth it.
    """

    learned = declared(
        score_=Learned("row models", has_gaps=True),
        cost_=Learned("row models"),
        row_of_=Learned("text", kind="i", low=0, high="row"),
    )

    def __init__(self, pool: Pool, policy: Policy = CostQuality(cost_weight=1e-6)) -> None:
        super().__init__(pool)
        check_policy(policy)
        self.policy = policy

    def fit(self, outcomes: OutcomeTable) -> Self:
        """Remember the outcomes that ``flow`` will be asked about."""
        table = outcomes.of(self.pool.names)
        self.score_ = table.score
        self.cost_ = np.nan_to_num(table.cost)
        keys = [_digest(text) for text in table.queries]
        self.row_of_ = {key: row for row, key in reversed(list(enumerate(keys)))}
        return self

    def flow(self, query: Query) -> Flow:
        self._check_fitted()
        row = self.row_of_.get(_digest(query.text))
        if row is None:
            raise DataError("the oracle knows no outcome of this query")
        eligible, rejected = self.pool.eligible(query)
        known = self._outcome(row).of(eligible)
        order = np.argsort(-self.policy(known)[0], kind="stable")
        ranking = tuple(eligible[i] for i in order)
        return replace(
            self._decision(ranking, "knows the outcome", rejected),
            quality=dict(zip(eligible, known.quality[0].tolist(), strict=True)),
            cost=dict(zip(eligible, known.cost[0].tolist(), strict=True)),
        )
        yield

    def artifact(self) -> Artifact:
        self._check_fitted()
        return super().artifact()

    def _check_fitted(self) -> None:
        if not hasattr(self, "row_of_"):
            raise NotFitted("the oracle knows no outcomes yet: call fit(outcomes) first")

    def _outcome(self, row: int) -> Predictions:
        unit = float(self.cost_.mean(axis=0).max()) or 1.0
        quality = np.nan_to_num(self.score_[row : row + 1])
        return Predictions(self.pool.names, quality, self.cost_[row : row + 1], unit)

    @classmethod
    def test_parameters(cls) -> Sequence[Mapping[str, Any]]:
        return [{"policy": CostQuality(cost_weight=0.01)}]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
