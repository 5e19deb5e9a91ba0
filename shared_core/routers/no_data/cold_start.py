"""Routing with no outcomes at all: from prices, descriptions and a prior of difficulty.

A model's ability is read off its price, a query's demand off its words and form. The prior is a
regression on the outcomes that come with this package (three small models, our own questions);
stakes and proofs, which no small model's outcomes can teach, set a floor.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared_core.decision import Flow, RoutingDecision
from shared_core.encoders.shape import shape
from shared_core.outcomes.shipped import small_models
from shared_core.policies.base import Policy, Predictions
from shared_core.policies.cost_quality import CostQuality
from shared_core.pool import Candidate, ModelPool
from shared_core.query import Query
from shared_core.routers.base import Router
from shared_core.routers.no_data.asking import asks_little, is_formal, is_plain, is_trivial
from shared_core.routers.no_data.topics import NAMES, STAKES, topics, unaccented
from shared_core.routers.predictive import ridge
from shared_core.routers.predictive.reading import scale, scaled

_FLOORS: Final = dict.fromkeys(STAKES, 0.72) | {
    "proof": 0.8, "engineering": 0.6, "logic": 0.6, "thought": 0.6, "design": 0.55, "science": 0.5,
    "code": 0.4,
}  # fmt: skip
_PER_FURTHER_WORD: Final = 0.06
_TRIVIAL: Final = 0.05
_LITTLE: Final = 0.3
_FORMAL: Final = 0.5
_UNKNOWN: Final = 0.5
_LONG: Final = 3000
_ALPHA: Final = 30.0
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


def demand(text: str) -> float:
    """How much a query asks of a model, 0..1.

    0.05 for small talk, 0.3 for a simple request, 0.5 for a few plain words that may be about
    anything, from 0.72 where harm is near.
    """
    if is_trivial(text):
        return _TRIVIAL
    found = topics(text)
    if asks_little(text, found):
        return _LITTLE
    if is_plain(text, found):
        return _UNKNOWN
    floors = [
        floor + _PER_FURTHER_WORD * min(found[topic] - 1, 4)
        for topic, floor in _FLOORS.items()
        if found[topic]
    ]
    learned = float(_prior()(_features([text], [found]))[0, 0])
    long = 0.5 if len(text) > _LONG else 0.0
    formal = _FORMAL if is_formal(text) else 0.0
    return float(np.clip(max([learned, long, formal, *floors]), _TRIVIAL, 1.0))


class _Prior:
    """Expected share of small models that fail, from a text's topics and form."""

    def __init__(self) -> None:
        table, _ = small_models()
        rows = table.rows(np.isfinite(table.score).all(axis=1))
        raw = _features(rows.queries, [topics(text) for text in rows.queries])
        self._scale = scale(raw)
        failed = 1 - rows.score.mean(axis=1, keepdims=True)
        self._ridge = ridge.fit(scaled(raw, *self._scale), failed, _ALPHA)

    def __call__(self, features: NDArray[np.float32]) -> Vector:
        return self._ridge(scaled(features, *self._scale).astype(np.float64))


@cache
def _prior() -> _Prior:
    return _Prior()


def _features(texts: Sequence[str], found: Sequence[Mapping[str, int]]) -> NDArray[np.float32]:
    counts = [[float(one[name] > 0) for name in NAMES] for one in found]
    about = np.array(counts, np.float32).reshape(len(texts), len(NAMES))
    return np.hstack([shape([unaccented(text) for text in texts]), about])
