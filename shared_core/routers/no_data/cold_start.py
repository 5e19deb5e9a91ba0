"""Routing with no outcomes at all: from prices, descriptions and a prior of difficulty.

A model's ability is read off its price, a query's demand off its words, by a prior learned from our
own prompts and from the outcomes that come with this package.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared_core.decision import Flow, RoutingDecision
from shared_core.policies.base import Policy, Predictions
from shared_core.policies.cost_quality import CostQuality
from shared_core.pool import Candidate, ModelPool
from shared_core.query import Query
from shared_core.routers.base import Router
from shared_core.routers.no_data.demand import demand
from shared_core.routers.no_data.topics import topics

_STEEPNESS: Final = 8.0
_WEAKEST: Final = 0.3
_HEADROOM: Final = 0.45
_FITS: Final = 0.1
_OUT_TOKENS: Final = 400

Vector = NDArray[np.float64]


class ColdStartRouter(Router):
    """The model whose price suggests that it can do what the query seems to demand.

    Args:
        pool: the candidates; prices and descriptions are all that is known of them.
        policy: what is worth it.
    """

    def __init__(
        self,
        pool: ModelPool | Iterable[Candidate | str],
        policy: Policy = CostQuality(),
    ) -> None:
        super().__init__(pool)
        self.policy = policy

    def flow(self, query: Query) -> Flow:
        eligible, rejected = self.pool.eligible(query)
        wanted = demand(query.text)
        predicted = self._predicted(query, wanted).of(eligible)
        utility = self.policy.weighing(query.cost_weight)(predicted)[0]
        order = np.lexsort((predicted.cost[0], -utility))
        return RoutingDecision(
            tuple(eligible[i] for i in order), "ColdStartRouter", "policy",
            f"no outcomes known: demand {wanted:.2f} against {self._told_apart(query)}",
            quality=dict(zip(eligible, predicted.quality[0].tolist(), strict=True)),
            cost=dict(zip(eligible, predicted.cost[0].tolist(), strict=True)),
            rejected=rejected,
        )  # fmt: skip
        yield

    def _told_apart(self, query: Query) -> str:
        """What tells the models apart; where nothing does, what would."""
        costs = {one.cost(query.input_tokens, _OUT_TOKENS) for one in self.pool.values()}
        if len(costs - {None}) > 1 or len(self.pool) == 1:
            return "abilities read off prices"
        if any(one.description for one in self.pool.values()):
            return "descriptions alone, as no two prices differ"
        return "nothing: give the candidates prices, or descriptions, to choose by"

    def _predicted(self, query: Query, wanted: float) -> Predictions:
        costs = [one.cost(query.input_tokens, _OUT_TOKENS) for one in self.pool.values()]
        known = np.array([np.nan if cost is None else cost for cost in costs], float)
        middle = float(np.nanmean(known)) if np.isfinite(known).any() else 0.0
        cost = np.where(np.isfinite(known), known, middle)
        able = abilities(known) + _FITS * self._fitting(query.text)
        logit = _STEEPNESS * (able + _HEADROOM - wanted)
        quality = 1 / (1 + np.exp(-logit))
        return Predictions(self.pool.names, quality[None], cost[None], float(cost.max()) or 1.0)

    def _fitting(self, text: str) -> Vector:
        """1 for the models whose description names a topic of the text, else 0."""
        about = {topic for topic, count in topics(text).items() if count}
        told = [topics(one.description) for one in self.pool.values()]
        return np.array([float(any(one[topic] for topic in about)) for one in told])


def abilities(cost: Vector) -> Vector:
    """Abilities (m,) from the cost (m,) of the same call: the dearest 1; unknown ones between."""
    priced = np.log(np.maximum(cost, 1e-12))
    known = priced[np.isfinite(priced)]
    if not len(known) or known.max() - known.min() < 1e-9:
        return np.full(len(cost), (1 + _WEAKEST) / 2)
    height = (priced - known.min()) / (known.max() - known.min())
    able: Vector = _WEAKEST + (1 - _WEAKEST) * np.where(np.isfinite(height), height, 0.5)
    return able
