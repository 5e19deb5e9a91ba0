"""Where staying may overrule a router: only its own weighing, by the weight it really has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_world import HELD_OUT, POOL, TRAIN, answer, outcomes

from shared_core import (
    BestOfNRouter,
    CascadeRouter,
    ColdStartRouter,
    CostQuality,
    EnsembleRouter,
    GuardedRouter,
    HybridRouter,
    LinearRouter,
    MeanLogprob,
    ModelPool,
    Query,
    Router,
    RoutingDecision,
    StickyRouter,
    TokenCostRouter,
)
from shared_core.routers.weighing import who_weighed

SCORER = MeanLogprob()
CLOSED, OPEN = 1e9, -1e9
"""What a choice must be worth to a guard that trusts none, and to one that trusts all."""


WORLD = ModelPool(
    [one.model_copy(update={"cached_input_price": one.input_price / 10}) for one in POOL.values()]
)


@cache
def linear() -> LinearRouter:
    return LinearRouter(WORLD, policy=CostQuality(0.1), alpha=3.0).fit(outcomes())


@cache
def hybrid() -> HybridRouter:
    """Weighs costs five times as much as its inner router's policy does."""
    table, scores = outcomes(), np.full((len(TRAIN), len(POOL)), 0.5)
    router = HybridRouter(linear(), SCORER, cost_weight=0.5)
    return router.fit(table, scores=scores, expected=table.score * 0.8)


@cache
def by_tokens() -> TokenCostRouter:
    return TokenCostRouter(LinearRouter(WORLD, alpha=3.0)).fit(outcomes())


@cache
def learned() -> GuardedRouter:
    return GuardedRouter(LinearRouter(WORLD, alpha=3.0)).fit(outcomes())


def guarded(inner: Router, threshold: float) -> GuardedRouter:
    """A guard of a fitted router; what guards learn is the same of all that read alike."""
    guard = GuardedRouter(inner, threshold=threshold)
    vars(guard).update({name: told for name, told in vars(learned()).items() if name[-1] == "_"})
    return guard


WEIGHED: dict[str, tuple[Callable[[], Router], float]] = {
    "predictive": (linear, 0.1),
    "guarded": (lambda: guarded(linear(), OPEN), 0.1),
    "hybrid": (hybrid, 0.5),
    "guarded hybrid": (lambda: guarded(hybrid(), OPEN), 0.5),
    "sticky": (lambda: StickyRouter(linear(), "tool_loop"), 0.1),
}
"""Those that decide by what predictions are worth, and their cost weight."""

LEFT_ALONE: dict[str, Callable[[], Router]] = {
    "by tokens": by_tokens,
    "guarded by tokens": lambda: guarded(by_tokens(), OPEN),
    "guard": lambda: guarded(linear(), CLOSED),
    "guard of a hybrid": lambda: guarded(hybrid(), CLOSED),
    "cascade": lambda: CascadeRouter(WORLD, SCORER),
    "cascade of one": lambda: CascadeRouter(WORLD, SCORER, longest=1, inner=linear()),
    "cascade of a router": lambda: CascadeRouter(WORLD, SCORER, 2.0, longest=2, inner=linear()),
    "ensemble": lambda: EnsembleRouter(WORLD, SCORER, inner=linear()),
    "ensemble of a hybrid": lambda: EnsembleRouter(WORLD, SCORER, k=1, inner=hybrid()),
    "best of n": lambda: BestOfNRouter(WORLD, SCORER, n=2, inner=linear()),
    "cold start": lambda: ColdStartRouter(WORLD),
}


def decided(router: Router, query: Query) -> RoutingDecision:
    """What the router decides, having heard the small world's answers."""
    flow = router.flow(query)
    try:
        step = next(flow)
        while True:
            step = flow.send([answer(model, query.text) for model in step.models])
    except StopIteration as done:
        found: RoutingDecision = done.value
        return found


def switch_gains(
    told: RoutingDecision, previous: str, prefix: int, weight: float, unit: float
) -> float:
    """Utility of the model told of above that of the one before, the history counted."""
    old, new = WORLD[previous], WORLD[told.model]
    more = {previous: old.cost(prefix, 0, cached_tokens=prefix), told.model: new.cost(prefix, 0)}
    worth = {
        name: told.quality[name] - weight * (told.cost[name] + (added or 0.0)) / unit
        for name, added in more.items()
    }
    return worth[told.model] - worth[previous]


queries = st.builds(
    Query,
    text=st.sampled_from(HELD_OUT),
    previous=st.sampled_from([None, "gone", *POOL]),
    prefix_tokens=st.sampled_from([0, 30, 300, 3000]),
    tokens=st.just(3100),
    cost_weight=st.sampled_from([None, 0.0, 0.02, 3.0]),
)


@pytest.mark.parametrize("kind", WEIGHED)
@settings(max_examples=60, deadline=None)
@given(query=queries)
def test_it_stays_where_by_the_routers_own_weight_switching_gains_nothing(
    kind: str, query: Query
) -> None:
    make, weight = WEIGHED[kind]
    told, kept = decided(make(), query), decided(StickyRouter(make()), query)
    assert sorted(kept.ranking) == sorted(told.ranking)
    previous, weight = query.previous, weight if query.cost_weight is None else query.cost_weight
    may_stay = told.cause == "policy" and previous in told.quality and previous != told.model
    if may_stay and query.prefix_tokens and previous is not None:
        unit = linear().cost_unit_
        stays = switch_gains(told, previous, query.prefix_tokens, weight, unit) <= 0
        assert (kept.model, kept.cause) == (
            (previous, "sticky") if stays else (told.model, "policy")
        )
    else:
        assert (kept.ranking, kept.cause) == (told.ranking, told.cause)


@pytest.mark.parametrize("kind", LEFT_ALONE)
@settings(max_examples=40, deadline=None)
@given(query=queries)
def test_what_no_weighing_decided_is_left_alone(kind: str, query: Query) -> None:
    router = LEFT_ALONE[kind]()
    told, kept = decided(router, query), decided(StickyRouter(router), query)
    assert (kept.ranking, kept.cause, kept.router) == (told.ranking, told.cause, told.router)


@pytest.mark.parametrize("kind", WEIGHED)
def test_a_long_history_makes_each_of_them_stay(kind: str) -> None:
    router = StickyRouter(WEIGHED[kind][0]())
    causes = {
        decided(router, Query(text, previous=name, prefix_tokens=10**5, tokens=3000)).cause
        for text in HELD_OUT
        for name in POOL
    }
    assert "sticky" in causes


def test_a_model_remembered_by_conversation_has_the_history_cached_too() -> None:
    before, text = Query(HELD_OUT[2], conversation="1"), HELD_OUT[0]
    told = []
    for fields in ({"previous": "code"}, {"conversation": "1"}):
        router = StickyRouter(by_tokens())
        assert decided(router, before).model == "code"
        told.append(decided(router, Query(text, tokens=3100, prefix_tokens=3000, **fields)))
    assert told[0].cost == told[1].cost
    assert told[0].cost["code"] < decided(by_tokens(), Query(text, tokens=3100)).cost["code"]


def test_a_guard_weighs_as_the_router_in_it_does() -> None:
    guard = guarded(hybrid(), OPEN)
    assert guard._weigher is guard.router
    assert guard._weigher.weighing(Query("x")).policy == CostQuality(0.5)


def test_what_was_heard_is_no_mere_weighing() -> None:
    router = linear()
    decision = router.route(HELD_OUT[0])
    assert who_weighed(router, decision) is router
    assert who_weighed(router, replace(decision, cause="heard")) is None
