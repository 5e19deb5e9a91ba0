"""Who stays when: scripted conversations."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from small_world import HELD_OUT, outcomes
from small_world import POOL as WORLD

from shared_core import (
    Candidate,
    ConfigError,
    Flow,
    GuardedRouter,
    LinearRouter,
    ModelPool,
    Query,
    Router,
    RoutingDecision,
    TokenCostRouter,
)
from shared_core.policies.cost_quality import CostQuality
from shared_core.routers.baselines import Random
from shared_core.routers.predictive.base import PredictiveRouter
from shared_core.routers.sticky import Memory, StickyRouter, untraced
from shared_core.routers.weighing import utilities

POOL = ModelPool(
    [
        Candidate(name="a", input_price=1, cached_input_price=0.1, output_price=1, abilities=()),
        Candidate(name="b", input_price=2, output_price=2, abilities={"vision"}),
        Candidate(name="c", input_price=3, output_price=3, abilities={"vision"}),
    ]
)


class Named(Router):
    """Takes the model that the text names; counts how often it is asked."""

    asked = 0

    def flow(self, query: Query) -> Flow:
        self.asked += 1
        eligible, rejected = self.pool.eligible(query)
        ranking = sorted(eligible, key=lambda name: name != query.text)
        return RoutingDecision(tuple(ranking), "Named", "policy", "named", rejected=rejected)
        yield


def ask(router: Router, text: str = "b", **fields: Any) -> RoutingDecision:
    return router.route(Query(text, **fields))


@pytest.mark.parametrize(
    ("mode", "fields", "model", "cause"),
    [
        ("off", {"in_tool_loop": True}, "b", "policy"),
        ("tool_loop", {"in_tool_loop": True}, "a", "tool_loop"),
        ("tool_loop", {"is_follow_up": True}, "b", "policy"),
        ("tool_loop", {}, "b", "policy"),
        ("turn", {"in_tool_loop": True, "is_follow_up": True}, "a", "tool_loop"),
        ("turn", {"is_follow_up": True}, "a", "sticky"),
        ("turn", {}, "b", "policy"),
        ("conversation", {"in_tool_loop": True}, "a", "tool_loop"),
        ("conversation", {}, "a", "sticky"),
    ],
)
def test_who_stays_in_which_mode(mode: Any, fields: Any, model: str, cause: str) -> None:
    router = StickyRouter(Named(POOL), mode)
    decision = ask(router, previous="a", **fields)
    assert (decision.model, decision.cause) == (model, cause)
    assert sorted(decision.ranking) == ["a", "b", "c"]  # the others stay there for failover


def test_inside_a_loop_the_inner_router_is_not_even_asked() -> None:
    inner = Named(POOL)
    ask(StickyRouter(inner), previous="a", in_tool_loop=True)
    assert inner.asked == 0


@pytest.mark.parametrize("mode", ["tool_loop", "turn", "conversation"])
def test_a_hard_need_breaks_any_pin(mode: Any) -> None:
    decision = ask(
        StickyRouter(Named(POOL), mode),
        previous="a",
        in_tool_loop=True,
        is_follow_up=True,
        needs=frozenset({"vision"}),
    )
    assert (decision.model, decision.cause) == ("b", "policy")
    assert decision.rejected == {"a": "lacks vision"}


def test_the_model_is_remembered_by_conversation_where_messages_do_not_tell() -> None:
    router = StickyRouter(Named(POOL))
    ask(router, "c", conversation="1")
    ask(router, "b", conversation="2")
    assert ask(router, "a", conversation="1", in_tool_loop=True).model == "c"
    assert ask(router, "a", conversation="2", in_tool_loop=True).model == "b"
    assert ask(router, "a", conversation="3", in_tool_loop=True).model == "a"
    assert ask(router, "a", conversation="1", previous="b", in_tool_loop=True).model == "b"
    assert ask(router, "a", conversation="1", previous="gone", in_tool_loop=True).model == "b"


def test_a_follow_up_without_its_history_stays_where_the_conversation_is() -> None:
    router = StickyRouter(Named(POOL))
    ask(router, "c", conversation="1")
    stays = ask(router, "continue", conversation="1")
    assert (stays.model, stays.cause) == ("c", "sticky")
    assert ask(router, "continue", conversation="2").cause == "policy"
    assert ask(router, "", conversation="1").cause == "policy"  # a picture, say: nothing is said
    assert ask(router, "continue with b", conversation="1").cause == "policy"
    assert untraced(router, Query("continue", conversation="1")).is_follow_up


def test_a_forced_model_is_remembered_too() -> None:
    router = StickyRouter(Named(POOL))
    ask(router, "a", conversation="1", model="c")
    assert ask(router, "a", conversation="1", in_tool_loop=True).model == "c"


class Told(PredictiveRouter):
    """Predicts what it is told."""

    def __init__(self, quality: tuple[float, ...], pool: Any = POOL) -> None:
        super().__init__(pool, CostQuality(0.5))
        self.quality = quality
        self.cost_unit_ = 1.0
        self.encoder_ = len  # type: ignore[assignment]

    def _fit(self, *_: Any) -> None:
        """Nothing to learn."""

    def _predict(self, vectors: Any) -> Any:
        import numpy as np

        return np.array([self.quality]), np.zeros((1, 3))


@pytest.mark.parametrize(
    ("quality", "prefix", "model"),
    [
        ((0.5, 0.6, 0.0), 0, "b"),  # nothing to re-read: the better one
        ((0.5, 0.6, 0.0), 50_000, "b"),  # $0.095 more: 0.0475 of utility, less than it gains
        ((0.5, 0.6, 0.0), 200_000, "a"),  # $0.38 more: 0.19, more than it gains
        ((0.5, 0.6, 0.0), 150_000, "a"),  # $0.285 more, as the old one has it cached: 0.1425
        ((0.5, 0.9, 0.0), 200_000, "b"),
    ],
)
def test_a_cold_prefix_is_weighed_against_the_gain(
    quality: tuple[float, ...], prefix: int, model: str
) -> None:
    router = StickyRouter(Told(quality))
    decision = ask(router, previous="a", prefix_tokens=prefix)
    assert decision.model == model
    assert decision.cause == ("sticky" if model == "a" else "policy")
    assert (
        ask(StickyRouter(Told(quality), "tool_loop"), previous="a", prefix_tokens=prefix).model
        == "b"
    )


@pytest.mark.parametrize("wrapped", [partial(GuardedRouter, threshold=-9.0), TokenCostRouter])
def test_wrappers_are_looked_into_for_who_weighs(wrapped: Any) -> None:
    inner = LinearRouter(WORLD, alpha=3.0)
    router = StickyRouter(wrapped(inner).fit(outcomes()))
    told = ask(router, HELD_OUT[0])
    worth = utilities(router, told.quality, told.cost, Query("x"))
    assert worth == utilities(inner, told.quality, told.cost, Query("x")) != {}


def test_what_costs_by_tokens_count_already_is_not_counted_twice() -> None:
    inner = TokenCostRouter(LinearRouter(WORLD, alpha=3.0)).fit(outcomes())
    fields: dict[str, Any] = {"previous": "sums", "prefix_tokens": 3000, "cost_weight": 0.5}
    for router in (inner, StickyRouter(inner)):
        assert ask(router, HELD_OUT[2], tokens=3100, **fields).model == "code"


def test_unknown_prices_weigh_nothing() -> None:
    router = StickyRouter(Told((0.5, 0.6, 0.0), ["a", "b", "c"]))
    assert ask(router, previous="a", prefix_tokens=10**6).model == "b"


def test_the_memory_is_bounded_and_forgets() -> None:
    memory = Memory(size=2, ttl=0.05)
    for conversation in ("1", "2", "1", "3"):
        memory.note(conversation, f"model of {conversation}")
    assert len(memory) == 2
    assert (memory.model_of("2"), memory.model_of("1")) == (None, "model of 1")
    time.sleep(0.06)
    assert memory.model_of("1") is None
    assert len(memory) == 1


def test_the_memory_is_safe_among_threads() -> None:
    memory = Memory(size=50, ttl=60)

    def use(thread: int) -> None:
        for i in range(2000):
            memory.note(str((i * 7 + thread) % 100), str(thread))
            memory.model_of(str(i % 100))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(use, range(8)))
    assert len(memory) == 50


def test_it_is_saved_with_its_inner_router(tmp_path: Path) -> None:
    saved = StickyRouter(Random(POOL, seed=3), "conversation", remembered=5, ttl=7)
    loaded = StickyRouter.load(saved.save(tmp_path / "sticky"))
    assert (loaded.mode, loaded.remembered, loaded.ttl) == ("conversation", 5, 7)
    assert isinstance(loaded.inner, Random)
    assert [loaded.route(str(i)).ranking for i in range(9)] == [
        saved.route(str(i)).ranking for i in range(9)
    ]


@pytest.mark.parametrize("wrong", [{"mode": "always"}, {"remembered": -1}, {"ttl": 0}])
def test_wrong_settings_are_told(wrong: Any) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        StickyRouter(Random(POOL), **wrong)
