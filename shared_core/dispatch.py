"""Carries decisions out: drives any router's flow with the calls an adapter hands in.

What happens to a query is one course of steps (``calls.course``); the four forms here, sync or
async, whole or streamed, only differ in who walks it.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Generic, TypeVar

from shared_core.calls.course import Course
from shared_core.calls.health import Health
from shared_core.calls.loop import OnLoop
from shared_core.calls.loop import shut as ashut
from shared_core.calls.steps import END
from shared_core.calls.terms import Terms
from shared_core.calls.threads import InThreads, shut
from shared_core.calls.workers import Workers
from shared_core.decision import Answer, RoutingDecision
from shared_core.errors import ConfigError, TimedOut
from shared_core.events import Listener
from shared_core.query import Query
from shared_core.reliability import Reliability
from shared_core.routers.base import Router, check_router

T = TypeVar("T")

Call = Callable[..., Answer]
"""``(model)`` puts the query to the model; ``(model, prompt)`` a text in the query's place."""
AsyncCall = Callable[..., Awaitable[Answer]]
Stream = Callable[[str], Iterator[T]]
AsyncStream = Callable[[str], AsyncIterator[T]]

_ALL: Final[weakref.WeakSet[Dispatcher]] = weakref.WeakSet()


@dataclass(frozen=True)
class Streamed(Generic[T]):
    """A piece of a streamed answer, with the decision it belongs to.

    Args:
        decision: final from the first piece on, since failover happens before it only.
        piece: what the model's stream gave; None when ``decision.answer`` holds the whole answer.
    """

    decision: RoutingDecision
    piece: T | None


def check_options(
    failover: object = True,
    failover_on: object = (Exception,),
    listeners: object = (),
    reliability: object = Reliability(),
) -> None:
    """ConfigError where an option of a dispatcher is of another kind."""
    if not isinstance(failover, bool):
        raise ConfigError(f"failover is True or False, not {failover!r}")
    if not (isinstance(failover_on, tuple) and all(map(_is_error_class, failover_on))):
        raise ConfigError(f"failover_on is a tuple of error classes, not {failover_on!r}")
    if not (isinstance(listeners, Sequence) and all(map(callable, listeners))):
        raise ConfigError(f"listeners is a list of functions, not {listeners!r}")
    if not isinstance(reliability, Reliability):
        raise ConfigError(f"reliability is a Reliability, not {reliability!r}")


def _is_error_class(given: object) -> bool:
    return isinstance(given, type) and issubclass(given, Exception)


class Dispatcher:
    """Drives a router's flow and carries its decision out. Can be used from many threads and tasks.

    Args:
        router: who decides.
        failover: go down the ranking when a model fails before it said anything; ``False`` asks the
            chosen model only. A model that the caller named is never replaced.
        failover_on: errors that count as a model's failure; all others pass through. A model that
            took too long failed in any case.
        listeners: told what happens.
        reliability: time limits, retries, breakers, cost cap; a query's own deadline and cost cap
            come before those.
        twins: candidates that are one model under several names, each with its other names: a
            model that failed under one is not asked again under another. See ``twins_of``.
        health: breakers and places by candidate, of dispatchers that treat the candidates alike;
            its own where none are given.

    Raises:
        ConfigError: an argument is of another kind, or the reliability has special limits for a
            model that is not in the pool.
    """

    def __init__(
        self,
        router: Router,
        *,
        failover: bool = True,
        failover_on: tuple[type[Exception], ...] = (Exception,),
        listeners: Sequence[Listener] = (),
        reliability: Reliability = Reliability(),
        twins: Mapping[str, frozenset[str]] = MappingProxyType({}),
        health: dict[str, Health] | None = None,
    ) -> None:
        check_router(router)
        check_options(failover, failover_on, listeners, reliability)
        if unknown := sorted(reliability.special.keys() - router.pool.keys()):
            names = ", ".join(router.pool.names)
            raise ConfigError(f"special limits for unknown models {unknown}; there are {names}")
        self.router = router
        self.failover = failover
        self.failover_on = failover_on
        self.listeners = tuple(listeners)
        self.reliability = reliability
        self.workers = Workers()
        self._health = {} if health is None else health
        self._terms = Terms(
            router=router,
            reliability=reliability,
            health_of=self.health_of,
            catches=(*failover_on, TimedOut),
            failover=failover,
            listeners=self.listeners,
            twins=twins,
        )
        _ALL.add(self)

    def run(
        self,
        query: Query | str,
        call: Call,
        hear: Call | None = None,
        ready: Callable[[], object] | None = None,
    ) -> tuple[RoutingDecision, Answer]:
        """Decide and answer.

        Args:
            query: what is asked.
            call: asks a model.
            hear: asks it for the router's ears only, where that is done otherwise.
            ready: returns when one more call may be made, as a rate limiter does. That wait is part
                of the deadline, but of no attempt's time limit.

        Raises:
            AllModelsFailed: nobody answered; caused by the last error. DeadlineExceeded and
                CostCapReached are kinds of it. Adapters raise the last error: ``own_errors``.
        """
        performer = InThreads(self.workers, call, hear=hear)
        return performer.walk(self._course(query, ready).walk())

    async def arun(
        self,
        query: Query | str,
        call: AsyncCall,
        hear: AsyncCall | None = None,
        ready: Callable[[], Awaitable[object]] | None = None,
    ) -> tuple[RoutingDecision, Answer]:
        """``run`` for coroutines; routers that are not quick decide in a worker thread."""
        return await OnLoop(call, hear=hear).walk(self._course(query, ready).walk())

    def stream(
        self,
        query: Query | str,
        call: Call,
        stream: Stream[T],
        ready: Callable[[], object] | None = None,
    ) -> Generator[Streamed[T]]:
        """Decide and answer piece by piece; ``call`` serves routers that hear whole answers first.

        Raises:
            AllModelsFailed: nobody said anything. A failure after the first piece passes through.
        """
        performer, course = InThreads(self.workers, call, stream), self._course(query, ready)
        decision, opened = performer.walk(course.walk(is_streamed=True))
        if decision.answer is not None:
            yield Streamed(decision, None)
            return
        try:
            with course.streamed(decision):
                if opened.first is not END:
                    yield Streamed(decision, opened.first)
                    for piece in opened.rest:
                        yield Streamed(decision, piece)
        finally:
            shut(opened)

    async def astream(
        self,
        query: Query | str,
        call: AsyncCall,
        stream: AsyncStream[T],
        ready: Callable[[], Awaitable[object]] | None = None,
    ) -> AsyncGenerator[Streamed[T]]:
        """``stream`` for asynchronous iterators."""
        performer, course = OnLoop(call, stream), self._course(query, ready)
        decision, opened = await performer.walk(course.walk(is_streamed=True))
        if decision.answer is not None:
            yield Streamed(decision, None)
            return
        try:
            with course.streamed(decision):
                if opened.first is not END:
                    yield Streamed(decision, opened.first)
                    async for piece in opened.rest:
                        yield Streamed(decision, piece)
        finally:
            await ashut(opened)

    def health_of(self, model: str) -> Health:
        """Breaker and places of a candidate, as they are now."""
        if model not in self._health:
            self._health.setdefault(model, Health(self.reliability.of(model)))
        return self._health[model]

    def forget(self) -> None:
        """Begin anew, as a forked process has to.

        The calls that hold places went on elsewhere, and so did those that were to close breakers.
        """
        self.workers.forget()
        self._health.clear()

    def _course(self, query: Query | str, ready: Callable[[], object] | None) -> Course:
        return Course(Query.of(query), self._terms, ready)


def twins_of(models: Mapping[str, object]) -> dict[str, frozenset[str]]:
    """The names under which one and the same model object stands, each with the other ones.

    Args:
        models: name -> what is called for it.
    """
    names: dict[int, set[str]] = {}
    for name, model in models.items():
        names.setdefault(id(model), set()).add(name)
    groups = (group for group in names.values() if len(group) > 1)
    return {name: frozenset(group - {name}) for group in groups for name in group}


def _forget_all() -> None:
    for dispatcher in list(_ALL):
        dispatcher.forget()


if hasattr(os, "register_at_fork"):  # where processes can fork
    os.register_at_fork(after_in_child=_forget_all)
