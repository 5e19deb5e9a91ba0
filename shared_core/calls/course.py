"""One query on its way, as a generator of steps: what to do next, never how.

It holds every rule: who may be asked, for how long, how often, at what cost, and what goes into the
books. A performer (``threads``, ``loop``) does the steps, in threads or on an event loop, and
sends back what they gave or throws what they raised.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, cast

from shared_core.attempt import Attempt, told_of
from shared_core.calls.books import Books, Entry
from shared_core.calls.steps import Call, Pause, Race, Steps, Think, Together, Wait
from shared_core.decision import Answer, Ask, Flow, RoutingDecision
from shared_core.errors import (
    AllModelsFailed,
    ConfigError,
    CostCapReached,
    DeadlineExceeded,
    TimedOut,
)
from shared_core.events import Kind, Listener, RoutingEvent, tell
from shared_core.query import Query
from shared_core.reliability import Breaker, Health, Reliability, is_fault_of_query
from shared_core.routers.base import Router

TYPICAL_OUTPUT: Final = 256
"""Output tokens assumed when a call's cost is predicted from the price list alone."""

OVER_CAP: Final = "cost_cap"
OUT_OF_TIME: Final = "deadline"
OPEN: Final = "circuit_open"
TWIN: Final = "same_model"


@dataclass(frozen=True)
class Terms:
    """What holds for every call of a dispatcher.

    Args:
        router: who decides.
        reliability: how hard to try.
        health_of: breaker and places of a candidate.
        catches: errors that count as a model's failure.
        failover: whether the models after the first of the ranking may be asked.
        listeners: told what happens.
        twins: candidates that are one model under several names, each with its other names.
    """

    router: Router
    reliability: Reliability
    health_of: Callable[[str], Health]
    catches: tuple[type[Exception], ...]
    failover: bool
    listeners: Sequence[Listener]
    twins: Mapping[str, frozenset[str]]


class Course:
    """One query on its way: its decision so far, what was tried, what was spent.

    Args:
        query: what is asked.
        terms: what holds for every call.
    """

    def __init__(self, query: Query, terms: Terms) -> None:
        self.query = query
        self.terms = terms
        self.router = terms.router
        self._is_quick = terms.router.is_quick
        self.deadline = query.deadline or terms.reliability.deadline
        self.books = Books(query.max_cost or terms.reliability.max_cost)
        self._began = time.perf_counter()
        self._decision: RoutingDecision | None = None
        self._heard: dict[str, Answer] = {}
        self._lost: dict[str, str] = {}

    def walk(self, is_streamed: bool = False) -> Steps[tuple[RoutingDecision, Any]]:
        """Decide and answer; returns the final decision, and the answer or the opened stream.

        Raises:
            AllModelsFailed: nobody answered; caused by the last error.
        """
        decision = self._decision = yield from self._decide()
        self._tell_of_deciding(decision)
        if decision.answer is not None:
            return self._conclude(decision, decision.model, decision.answer)
        order = decision.ranking if self.terms.failover else decision.ranking[:1]
        found = yield from self._first_of(order, decision, is_streamed)
        if found is None and all(self._lost.get(model) == OPEN for model in order):
            # Better calls too many to models that are down than a query that nobody serves.
            found = yield from self._first_of(order, decision, is_streamed, is_last=True)
        if found is None:
            cause = self.books.last_error
            raise self._gave_up(decision) from cause
        return self._conclude(decision, *found)

    def seconds_left(self) -> float | None:
        """What is left until the deadline; None without one."""
        return (
            None if self.deadline is None else self.deadline - (time.perf_counter() - self._began)
        )

    def seconds_for(self, model: str) -> float | None:
        """What one attempt, or one piece of a stream, may take; None for as long as it likes."""
        timeout, left = self.terms.reliability.of(model).timeout, self.seconds_left()
        if timeout is None or left is None:
            return left if timeout is None else timeout
        return min(timeout, left)

    def _decide(self) -> Steps[RoutingDecision]:
        try:
            decision = yield from self._flow()
        except TimedOut:
            decision = self._in_haste()
        tried = tuple(self.books.attempts)
        return replace(decision, attempts=tried) if tried else decision

    def _flow(self) -> Steps[RoutingDecision]:
        begin, flow = self._begin, None
        flow, step = begin() if self._is_quick else (yield Think(begin, self.seconds_left()))
        while isinstance(step, Ask):
            answers = yield from self._hear(step)
            more = partial(advance, flow, answers)
            step = more() if self._is_quick else (yield Think(more, self.seconds_left()))
        decision: RoutingDecision = step
        return decision

    def _begin(self) -> tuple[Flow, Ask | RoutingDecision]:
        flow = self.router.start(self.query)
        return flow, advance(flow, None)

    def _in_haste(self) -> RoutingDecision:
        """The time is up while deciding: what was heard last, if anything, has to do."""
        if not self._heard:
            raise DeadlineExceeded(self.books.attempts)
        name, answer = list(self._heard.items())[-1]
        reason = "the time was up before the router had decided; this answer was there"
        return RoutingDecision(
            (name,), type(self.router).__name__, "default", reason, answer=answer
        )

    def _hear(self, ask: Ask) -> Steps[list[Answer]]:
        courses = [self._answer_of(model, ask) for model in ask.models]
        if len(courses) == 1:
            return [(yield from courses[0])]
        answers: list[Answer] = yield Together(courses)
        return answers

    def _answer_of(self, model: str, ask: Ask) -> Steps[Answer]:
        found = yield from self._pursue(model, ask.prompt, ask.cost)
        if found is None:
            return Answer(model, "", error=self._lost[model])
        answer: Answer = found[1]
        if ask.prompt is None:
            self._heard[model] = answer
        return answer

    def _first_of(
        self,
        order: Sequence[str],
        decision: RoutingDecision,
        is_streamed: bool,
        *,
        is_last: bool = False,
    ) -> Steps[tuple[str, Any] | None]:
        cost = decision.cost
        courses = [self._pursue(model, None, cost, is_streamed, is_last=is_last) for model in order]
        delay = self.terms.reliability.hedge_after
        if delay is not None and len(courses) > 1:
            winner: tuple[str, Any] | None = yield Race(courses, delay)
            return winner
        for course in courses:
            if (found := (yield from course)) is not None:
                return found
        return None

    def _pursue(
        self,
        model: str,
        prompt: str | None,
        cost: Mapping[str, float],
        is_streamed: bool = False,
        *,
        is_last: bool = False,
    ) -> Steps[tuple[str, Any] | None]:
        """Ask one model as often as its retry rule says; None when it came to nothing.

        Once decided, what was heard before is not asked again; a model that failed never is.
        """
        if self._decision is not None and model in self._heard:
            return model, self._heard[model]
        if model in self._lost and not is_last:
            return None
        predicted = self._predicted(model, self._permitted(model, prompt), cost)
        health = self.terms.health_of(model)
        for asked in itertools.count(1):
            entry = Entry(model, "answer" if prompt is None else "score", predicted)
            if why := self._refusal(entry, None if is_last else health.breaker):
                self._lose(entry, entry.ended("skipped", why))
                return None
            try:
                return model, (yield from self._attempt(entry, health, prompt, is_streamed))
            except self.terms.catches as error:
                pause = self.terms.reliability.of(model).retry.pause(asked, error)
                if pause is None or pause >= (self.seconds_left() or math.inf):
                    return None
            yield Pause(pause)
        return None

    def _refusal(self, entry: Entry, breaker: Breaker | None) -> str | None:
        """Why this attempt is not to be made; None when it is, and the books know of it."""
        left = self.seconds_left()
        if left is not None and left <= 0:
            return OUT_OF_TIME
        if self.terms.twins and self._has_failed(self.terms.twins.get(entry.model, ())):
            return TWIN
        if not self.books.open(entry):
            return OVER_CAP
        return None if breaker is None or breaker.admits() else OPEN

    def _has_failed(self, models: Collection[str]) -> bool:
        """Whether one of these was asked and gave no answer."""
        return any(one.outcome == "failed" and one.model in models for one in self.books.attempts)

    def _attempt(
        self, entry: Entry, health: Health, prompt: str | None, is_streamed: bool
    ) -> Steps[Any]:
        """One call, with its place, its breaker and its entry in the books."""
        model = entry.model
        place = health.gate.enter() if health.gate else None
        is_healthy = seconds = limit = None
        try:
            if place is not None:
                yield Wait(place, self.seconds_for(model))
            if (seconds := self.seconds_for(model)) is not None:
                limit = cast("Callable[[], float]", partial(self.seconds_for, model))
            heard = yield Call((model,) if prompt is None else (model, prompt), limit, is_streamed)
            self._win(entry, heard if is_streamed else _checked(heard, model))
            is_healthy = True
            return heard
        except self.terms.catches as error:
            is_healthy = None if self._is_excused(error, seconds) else False
            self._lose(entry, entry.ended("failed", *told_of(error)), error)
            raise
        finally:
            if health.gate:
                health.gate.leave(place)
            if health.breaker:
                health.breaker.note(is_healthy)

    def _is_excused(self, error: Exception, seconds: float | None) -> bool:
        """Whether the failure says nothing about the model: a bad query, or hardly any time."""
        if not isinstance(error, TimedOut):
            return is_fault_of_query(error)
        return seconds is None or (self.deadline is not None and seconds < self.deadline / 2)

    def _permitted(self, model: str, prompt: str | None) -> Query:
        """What the model is to be asked, if the pool's rules let it see and serve that."""
        query = self.query
        if prompt is not None:
            query = replace(query, text=prompt, needs=frozenset(), tokens=None)
        if objection := self.router.pool[model].objection(query):
            raise ConfigError(f"{self.router!r} asks {model}, which cannot serve: {objection}")
        return query

    def _predicted(self, model: str, query: Query, cost: Mapping[str, float]) -> float:
        if model in cost:
            return cost[model]
        return (
            self.router.pool[model].cost(
                query.input_tokens, query.reserved_output or TYPICAL_OUTPUT
            )
            or 0.0
        )

    def _win(self, entry: Entry, heard: Any) -> None:
        measured = self._measured(heard) if isinstance(heard, Answer) else (None, None, None)
        attempt = entry.ended("answered", None, None, *measured)
        self._enter(entry, attempt, entry.predicted if attempt.cost is None else attempt.cost)

    def _measured(self, answer: Answer) -> tuple[int | None, int | None, float | None]:
        """Tokens read and written, and USD, as far as they are known."""
        read, written, cost = answer.in_tokens, answer.out_tokens, None
        if read is not None and written is not None:
            candidate = self.router.pool[answer.model]
            cost = candidate.cost(read, written, answer.cached_tokens or 0)
        return read, written, cost

    def _lose(self, entry: Entry, attempt: Attempt, error: Exception | None = None) -> None:
        self._lost[entry.model] = attempt.error or attempt.outcome
        if error is not None:
            self.books.last_error = error
        self._enter(entry, attempt, entry.predicted if isinstance(error, TimedOut) else 0.0)

    def _enter(self, entry: Entry, attempt: Attempt, spent: float) -> None:
        is_entered = self.books.enter(entry, attempt, spent)
        if is_entered and attempt.is_failure and self._decision is not None:
            self._tell("failed", self._decision, attempt)

    def _conclude(
        self, decision: RoutingDecision, model: str, heard: Any
    ) -> tuple[RoutingDecision, Any]:
        final = decision.after(model, self.books.close())
        if final.answer is None and model in self._heard:
            final = replace(final, answer=self._heard[model])
        if self.terms.listeners:
            self._tell("answered", final, final.attempt_of(model))
        return final, heard

    def _gave_up(self, decision: RoutingDecision) -> AllModelsFailed:
        told = replace(decision, attempts=self.books.close())
        self._tell("gave_up", told)
        left = self.seconds_left()
        if left is not None and left <= 0:
            return DeadlineExceeded(told.failed)
        is_capped = any(attempt.error == OVER_CAP for attempt in told.failed)
        return (CostCapReached if is_capped else AllModelsFailed)(told.failed)

    def _tell_of_deciding(self, decision: RoutingDecision) -> None:
        self._tell("decided", decision)
        for attempt in decision.attempts:
            self._tell("failed" if attempt.is_failure else "heard", decision, attempt)

    def _tell(self, kind: Kind, decision: RoutingDecision, attempt: Attempt | None = None) -> None:
        if self.terms.listeners:
            seconds = time.perf_counter() - self._began
            tell(self.terms.listeners, RoutingEvent(kind, decision, seconds, attempt))


def advance(flow: Flow, answers: list[Answer] | None) -> Ask | RoutingDecision:
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


def _checked(heard: Any, model: str) -> Answer:
    if not isinstance(heard, Answer) or heard.failed:
        raise ConfigError(f"the call of {model} gave {type(heard).__name__}, no Answer")
    return heard
