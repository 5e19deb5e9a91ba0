"""Who decides on the event loop: routers that say they are quick, each for its own flow."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from price_ladder import POOL

from shared_core import Always, CascadeRouter, Flow, MeanLogprob, Query, Router, RoutingDecision
from shared_core.routers.baselines import Baseline
from shared_core.routers.non_predictive.base import Heard


class Slow(Always):
    """Replaces a quick flow."""

    def flow(self, query: Query) -> Flow:
        return (yield from super().flow(query))


class SlowMixin:
    def flow(self, query: Query) -> Flow:
        return (yield from super().flow(query))  # type: ignore[misc]


class Mixed(SlowMixin, Always):
    """Has its flow from beside the routers."""


class SlowToListen(CascadeRouter):
    def listen(self, heard: Heard) -> Flow:
        return (yield from super().listen(heard))


class SlowAgain(Slow):
    """Inherits what is not quick."""


class Quick(Always):
    """Says so of its own flow."""

    is_quick = True

    def flow(self, query: Query) -> Flow:
        return (yield from super().flow(query))


class Renamed(Always):
    """Has its parent's flow."""


class Plain(Baseline):
    """Writes the flow that a baseline is to have."""

    def flow(self, query: Query) -> Flow:
        return RoutingDecision(self.pool.names, "Plain", "baseline", "any")
        yield


class SlowerThanQuick(Quick):
    def flow(self, query: Query) -> Flow:
        return (yield from super().flow(query))


@pytest.mark.parametrize(
    ("router_class", "is_quick"),
    [
        (Always, True), (Renamed, True), (Quick, True), (Plain, True), (CascadeRouter, True),
        (Slow, False), (Mixed, False), (SlowAgain, False), (SlowerThanQuick, False),
        (SlowToListen, False),
    ],
)  # fmt: skip
def test_a_flow_that_replaces_another_is_quick_only_if_it_says_so(
    router_class: type[Router], is_quick: bool
) -> None:
    options: dict[str, Any] = {}
    if issubclass(router_class, CascadeRouter):
        options = {"scorer": MeanLogprob()}
    assert router_class(POOL, **options).is_quick is is_quick


async def test_a_replaced_flow_leaves_the_loop_alone() -> None:
    class Where(Always):
        def flow(self, query: Query) -> Flow:
            self.thread = threading.get_ident()
            return super().flow(query)

    router = Where(POOL)
    await router.aroute("hi")
    assert router.thread != threading.get_ident()
