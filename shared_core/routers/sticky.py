"""Stays with a conversation's model while it should: never switches inside a tool loop.

A model that called tools has to read their results: ids, signatures and half-made plans are its
own. Across a conversation, switching means that another model reads the whole history anew, at its
full price, where the old one would have had it cached; that cost is weighed against the gain.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Literal, get_args

from shared_core.checks import check_above_zero, check_counts, check_one_of
from shared_core.decision import Flow, RoutingDecision
from shared_core.policies.base import Weighing
from shared_core.pool import ModelPool
from shared_core.query import Query
from shared_core.routers.base import Router
from shared_core.routers.baselines import Random
from shared_core.routers.weighing import who_weighed
from shared_core.wording import goes_on

Mode = Literal["off", "tool_loop", "turn", "conversation"]
Pin = Literal["tool_loop", "sticky"]

_REASON_OF: Final = {
    "tool_loop": "it called tools and reads their results",
    "sticky": "it stays on this conversation",
}


class StickyRouter(Router):
    """Lets ``inner`` choose, and stays with that choice as long as ``mode`` says.

    Args:
        inner: who chooses where there is a choice.
        mode: ``tool_loop`` stays while a model waits for its tools' results; ``turn`` also for
            follow-ups such as "continue", and where switching costs more than it gains;
            ``conversation`` for good; ``off`` never. A model that cannot serve is left in any mode.
        remembered: conversations whose model is remembered by id, the latest used; messages that
            tell who wrote them need none of it.
        ttl: seconds for which it is remembered.
    """

    def __init__(
        self, inner: Router, mode: Mode = "turn", remembered: int = 10_000, ttl: float = 3600.0
    ) -> None:
        check_mode(mode)
        check_counts(0, remembered=remembered)
        if ttl != math.inf:
            check_above_zero(ttl=ttl)
        self.inner = inner
        self.mode: Mode = mode
        self.remembered = remembered
        self.ttl = ttl
        self._memory = Memory(remembered, ttl)

    @property
    def pool(self) -> ModelPool:  # type: ignore[override]
        """The inner router's: with the models that it has gained since it was wrapped."""
        return self.inner.pool

    @property
    def is_quick(self) -> bool:
        return self.inner.is_quick

    def flow(self, query: Query) -> Flow:
        asked = self.resumed(query)
        decision = None if asked.previous is None else self._pinned(asked, asked.previous)
        if decision is None:
            decision = yield from self.inner.flow(asked)
            decision = self._weighed(asked, decision)
        self._memory.note(query.conversation, decision.model)
        return decision

    def _obey(self, query: Query, model: str) -> Flow:
        decision = yield from super()._obey(query, model)
        self._memory.note(query.conversation, model)
        return decision

    def resumed(self, query: Query) -> Query:
        """The query with whom its conversation is with, as remembered where it does not say.

        Then the caller may show the newest message only: a mere "continue" goes on with that model.
        """
        previous = query.previous
        if previous not in self.pool:
            previous = self._memory.model_of(query.conversation)
        if previous == query.previous:
            return query
        goes_on_here = previous is not None and bool(query.text.strip()) and goes_on(query.text)
        return replace(query, previous=previous, is_follow_up=query.is_follow_up or goes_on_here)

    def _pinned(self, query: Query, previous: str) -> RoutingDecision | None:
        """The decision to stay; None where the inner router may choose, or has to."""
        if (pin := self._pin(query)) is None:
            return None
        eligible, rejected = self.pool.eligible(query)
        if previous not in eligible:
            return None
        ranking = (previous, *(name for name in eligible if name != previous))
        name = type(self).__name__
        return RoutingDecision(ranking, name, pin, _REASON_OF[pin], rejected=rejected)

    def _pin(self, query: Query) -> Pin | None:
        """Why to stay without asking the inner router; None where it may choose."""
        if self.mode == "off":
            return None
        if query.in_tool_loop:
            return "tool_loop"
        if self.mode == "conversation" or (self.mode == "turn" and query.is_follow_up):
            return "sticky"
        return None

    def _weighed(self, query: Query, decision: RoutingDecision) -> RoutingDecision:
        """The inner router's decision, unless reading the history anew costs more than it gains.

        Only where nothing but predictions and a policy decided: a guard's doubt and answers that
        were heard are no matter of cost, and costs by tokens count already what is cached.
        """
        previous = query.previous
        if self.mode != "turn" or not query.prefix_tokens:
            return decision
        if previous is None or previous == decision.model or previous not in decision.quality:
            return decision
        if (weigher := who_weighed(self.inner, decision)) is None:
            return decision
        gain = self._gain(query, decision, previous, weigher.weighing(query))
        if gain is None or gain > 0:
            return decision
        later = tuple(name for name in decision.ranking if name != previous)
        reason = f"{decision.model} gains less than re-reading {query.prefix_tokens} tokens costs"
        return replace(
            decision, ranking=(previous, *later), cause="sticky", reason=f"{reason}; stays"
        )

    def _gain(
        self, query: Query, decision: RoutingDecision, previous: str, weighing: Weighing
    ) -> float | None:
        """Utility of switching less that of staying; None where a price is unknown."""
        old, new = self.pool[previous], self.pool[decision.model]
        prefix = query.prefix_tokens
        cached, anew = old.cost(prefix, 0, cached_tokens=prefix), new.cost(prefix, 0)
        if cached is None or anew is None:
            return None
        quality = {name: decision.quality[name] for name in (previous, decision.model)}
        cost = {
            previous: decision.cost[previous] + cached,
            decision.model: decision.cost[decision.model] + anew,
        }
        worth = weighing(quality, cost)
        return worth[decision.model] - worth[previous]

    @classmethod
    def test_parameters(cls) -> Sequence[Mapping[str, Any]]:
        return [{"inner": Random, "mode": mode} for mode in get_args(Mode)]


def check_mode(mode: str) -> None:
    """ConfigError unless there is such a mode."""
    check_one_of(get_args(Mode), mode=mode)


def untraced(router: Router, query: Query) -> Query:
    """The query as the router is asked it without a trace in a conversation's memory."""
    if not isinstance(router, StickyRouter):
        return query
    return replace(router.resumed(query), conversation=None)


class Memory:
    """Which model each conversation is with: bounded, forgetful, safe to share among threads.

    Deep copies and pickles of it are empty.

    Args:
        size: conversations remembered, the latest used.
        ttl: seconds after which one is forgotten.
    """

    def __init__(self, size: int, ttl: float) -> None:
        self._size = size
        self._ttl = ttl
        self._noted: OrderedDict[Hashable, tuple[str, float]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._noted)

    def __reduce__(self) -> tuple[Any, ...]:
        return Memory, (self._size, self._ttl)

    def note(self, conversation: Hashable | None, model: str) -> None:
        """Remember the conversation's model; without an id there is nothing to remember by."""
        if conversation is None or not self._size:
            return
        with self._lock:
            self._noted[conversation] = (model, time.monotonic())
            self._noted.move_to_end(conversation)
            if len(self._noted) > self._size:
                self._noted.popitem(last=False)

    def model_of(self, conversation: Hashable | None) -> str | None:
        """The conversation's model, unless forgotten."""
        if conversation is None:
            return None
        with self._lock:
            model, noted = self._noted.get(conversation, (None, 0.0))
            if model is not None and time.monotonic() - noted > self._ttl:
                del self._noted[conversation]
                return None
            return model
