"""Carries decisions out: drives any router's flow with the calls an adapter hands in.

One driver in four forms (sync or async, whole or streamed), each a plain loop over the same steps:
advance the flow, ask whom it wants asked, and go down the final ranking until a model answers.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    aclosing,
    closing,
    nullcontext,
)
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from shared_core.decision import Answer, Ask, Attempt, Flow, RoutingDecision
from shared_core.errors import AllModelsFailed, ConfigError
from shared_core.events import Listener, RoutingEvent, tell
from shared_core.query import Query
from shared_core.routers.base import Router

T = TypeVar("T")

Call = Callable[[str], Answer]
AsyncCall = Callable[[str], Awaitable[Answer]]
Stream = Callable[[str], Iterator[T]]
AsyncStream = Callable[[str], AsyncIterator[T]]


@dataclass
class _Course:
    """One query on its way: its decision so far, what failed, and who wants to know."""

    listeners: Sequence[Listener]
    began: float = field(default_factory=time.perf_counter)
    failed: list[Attempt] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)

    def decided(self, decision: RoutingDecision) -> RoutingDecision:
        self._tell("decided", decision)
        return decision

    def note_failure(self, decision: RoutingDecision, model: str, error: Exception) -> None:
        attempt = Attempt.of(model, error)
        self.failed.append(attempt)
        self.errors.append(error)
        self._tell("failed", decision, attempt)

    def answered(self, decision: RoutingDecision, model: str) -> RoutingDecision:
        final = decision.after_failover(model, tuple(self.failed))
        self._tell("answered", final)
        return final

    def gave_up(self, decision: RoutingDecision) -> AllModelsFailed:
        self._tell("gave_up", decision)
        return AllModelsFailed(self.failed)

    def _tell(self, kind: str, decision: RoutingDecision, attempt: Attempt | None = None) -> None:
        if self.listeners:
            seconds = time.perf_counter() - self.began
            tell(self.listeners, RoutingEvent(kind, decision, seconds, attempt))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Streamed(Generic[T]):
    """A piece of a streamed answer, with the decision it belongs to.

    Args:
        decision: final from the first piece on, since failover happens before it only.
        piece: what the model's stream gave; None when ``decision.answer`` holds the whole answer.
    """

    decision: RoutingDecision
    piece: T | None


class Dispatcher:
    """Drives a router's flow and carries its decision out.

    Args:
        router: who decides.
        failover: go down the ranking when a model fails before it said anything; ``False`` asks the
            chosen model only. A model that the caller named is never replaced.
        failover_on: errors that count as a model's failure; all others pass through.
        listeners: told what happens.
    """

    def __init__(
        self,
        router: Router,
        *,
        failover: bool = True,
        failover_on: tuple[type[Exception], ...] = (Exception,),
        listeners: Sequence[Listener] = (),
    ) -> None:
        self.router = router
        self.failover = failover
        self.failover_on = failover_on
        self.listeners = tuple(listeners)

    def run(self, query: Query | str, call: Call) -> tuple[RoutingDecision, Answer]:
        """Decide and answer.

        Raises:
            AllModelsFailed: nobody answered; caused by the last error.
        """
        course = _Course(self.listeners)
        decision = course.decided(self._decide(query, call))
        if decision.answer is not None:
            return course.answered(decision, decision.model), decision.answer
        for model in self._order(decision):
            try:
                answer = call(model)
            except self.failover_on as error:
                course.note_failure(decision, model, error)
            else:
                return course.answered(decision, model), answer
        raise course.gave_up(decision) from course.errors[-1]

    async def arun(self, query: Query | str, call: AsyncCall) -> tuple[RoutingDecision, Answer]:
        """``run`` for coroutines; deciding happens in a worker thread."""
        course = _Course(self.listeners)
        decision = course.decided(await self._adecide(query, call))
        if decision.answer is not None:
            return course.answered(decision, decision.model), decision.answer
        for model in self._order(decision):
            try:
                answer = await call(model)
            except self.failover_on as error:
                course.note_failure(decision, model, error)
            else:
                return course.answered(decision, model), answer
        raise course.gave_up(decision) from course.errors[-1]

    def stream(self, query: Query | str, call: Call, stream: Stream[T]) -> Iterator[Streamed[T]]:
        """Decide and answer piece by piece; ``call`` serves routers that hear whole answers first.

        Raises:
            AllModelsFailed: nobody said anything. A failure after the first piece passes through.
        """
        course = _Course(self.listeners)
        decision = course.decided(self._decide(query, call))
        if decision.answer is not None:
            yield Streamed(course.answered(decision, decision.model), None)
            return
        for model in self._order(decision):
            try:
                pieces = iter(stream(model))
                first = next(pieces, None)
            except self.failover_on as error:
                course.note_failure(decision, model, error)
                continue
            final = course.answered(decision, model)
            with _closing(pieces):
                if first is not None:
                    yield Streamed(final, first)
                for piece in pieces:
                    yield Streamed(final, piece)
            return
        raise course.gave_up(decision) from course.errors[-1]

    async def astream(
        self, query: Query | str, call: AsyncCall, stream: AsyncStream[T]
    ) -> AsyncIterator[Streamed[T]]:
        """``stream`` for asynchronous iterators."""
        course = _Course(self.listeners)
        decision = course.decided(await self._adecide(query, call))
        if decision.answer is not None:
            yield Streamed(course.answered(decision, decision.model), None)
            return
        for model in self._order(decision):
            try:
                pieces = aiter(stream(model))
                first = await anext(pieces, None)
            except self.failover_on as error:
                course.note_failure(decision, model, error)
                continue
            final = course.answered(decision, model)
            async with _aclosing(pieces):
                if first is not None:
                    yield Streamed(final, first)
                async for piece in pieces:
                    yield Streamed(final, piece)
            return
        raise course.gave_up(decision) from course.errors[-1]

    def _order(self, decision: RoutingDecision) -> tuple[str, ...]:
        return decision.ranking if self.failover else decision.ranking[:1]

    def _decide(self, query: Query | str, call: Call) -> RoutingDecision:
        flow, step = self._begin(query)
        while isinstance(step, Ask):
            step = _advance(flow, [call(model) for model in step.models])
        return step

    def _begin(self, query: Query | str) -> tuple[Flow, Ask | RoutingDecision]:
        flow = self.router.start(query)
        return flow, _advance(flow, None)

    async def _adecide(self, query: Query | str, call: AsyncCall) -> RoutingDecision:
        flow, step = await asyncio.to_thread(self._begin, query)
        while isinstance(step, Ask):
            answers = list(await asyncio.gather(*(call(model) for model in step.models)))
            step = await asyncio.to_thread(_advance, flow, answers)
        return step


def _closing(pieces: Iterator[Any]) -> AbstractContextManager[Any]:
    """Closes the model's stream as soon as nobody reads on, where it can be closed."""
    return closing(pieces) if hasattr(pieces, "close") else nullcontext()


def _aclosing(pieces: AsyncIterator[Any]) -> AbstractAsyncContextManager[Any]:
    return aclosing(pieces) if hasattr(pieces, "aclose") else nullcontext()


def _advance(flow: Flow, answers: list[Answer] | None) -> Ask | RoutingDecision:
    """The flow's next wish, or its decision. Checked, since third parties write flows."""
    try:
        step: Ask | RoutingDecision = next(flow) if answers is None else flow.send(answers)
    except StopIteration as done:
        step = done.value
        if not isinstance(step, RoutingDecision):
            raise ConfigError(f"the flow returned {step!r}, no RoutingDecision") from None
        return step
    if not isinstance(step, Ask):
        raise ConfigError(f"the flow yielded {step!r}, no Ask")
    return step
