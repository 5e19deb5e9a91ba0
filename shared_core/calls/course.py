"""One query on its way, as a generator of steps: what to do next, never how.

With ``pursuit`` it holds every rule: who may be asked, for how long, how often, at what cost, and
what goes into the books. A performer (``threads``, ``loop``) does the steps, in threads or on an
event loop, and sends back what they gave or throws what they raised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from shared_core.attempt import Attempt, told_of
from shared_core.calls.pursuit import OPEN, OVER_CAP, Pursuit
from shared_core.calls.steps import How, Race, Steps, Think, Together
from shared_core.calls.terms import Terms
from shared_core.decision import Answer, Ask, Flow, RoutingDecision
from shared_core.errors import (
    AllModelsFailed,
    ConfigError,
    CostCapReached,
    DeadlineExceeded,
    TimedOut,
)
from shared_core.query import Query


class Course(Pursuit):
    """One query on its way: decided, asked down the ranking, concluded or given up.

    Args:
        query: what is asked.
        terms: what holds for every call.
        ready: returns, or can be awaited, when one more call may be made.
    """

    def __init__(self, query: Query, terms: Terms, ready: Callable[[], Any] | None = None) -> None:
        super().__init__(query, terms, ready)
        self._is_quick = terms.router.is_quick
        self._heard: dict[str, Answer] = {}

    def walk(self, is_streamed: bool = False) -> Steps[tuple[RoutingDecision, Any]]:
        """Decide and answer; returns the final decision, and the answer or the opened stream.

        However it ends, what still goes on in other threads asks no more models.

        Raises:
            AllModelsFailed: nobody answered; caused by the last error.
        """
        try:
            return (yield from self._walk("stream" if is_streamed else "call"))
        finally:
            self.books.close()

    def _walk(self, how: How) -> Steps[tuple[RoutingDecision, Any]]:
        decision = self._decision = yield from self._decide()
        self._tell_of_deciding(decision)
        if decision.answer is not None:
            return self._conclude(decision, decision.model, decision.answer)
        order = decision.ranking if self.terms.failover else decision.ranking[:1]
        # Better calls too many to models that are down than a query that nobody serves.
        found = yield from self._first_of(order, decision, how, is_last=len(order) == 1)
        if found is None and all(self._lost.get(model) == OPEN for model in order):
            found = yield from self._first_of(order, decision, how, is_last=True)
        if found is None:
            raise self._gave_up(decision)
        return self._conclude(decision, *found)

    @contextmanager
    def streamed(self, decision: RoutingDecision) -> Iterator[None]:
        """Around what comes of a stream after its first piece, which tells whether it is healthy.

        That nobody reads on is no failure; who is cancelled in the midst of it knows nothing.
        """
        breaker, spell = self.terms.health_of(decision.model).breaker, self._spells[decision.model]
        is_healthy: bool | None = None
        try:
            yield
            is_healthy = True
        except GeneratorExit:
            is_healthy = True
            raise
        except self.terms.catches as error:
            had = error.seconds if isinstance(error, TimedOut) else None
            is_healthy = None if self._is_excused(decision.model, error, had) else False
            self._tell("failed", decision, Attempt(decision.model, *told_of(error)))
            raise
        finally:
            if breaker is not None:
                breaker.note(is_healthy, spell)

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
        found = yield from self._pursue(model, ask.prompt, ask.cost, "hear")
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
        how: How,
        *,
        is_last: bool = False,
    ) -> Steps[tuple[str, Any] | None]:
        cost = decision.cost
        courses = [self._told_by(model, cost, how, is_last) for model in order]
        delay = self.terms.reliability.hedge_after
        if delay is not None and len(courses) > 1:
            winner: tuple[str, Any] | None = yield Race(courses, delay)
            return winner
        for course in courses:
            if (found := (yield from course)) is not None:
                return found
        return None

    def _told_by(
        self, model: str, cost: Mapping[str, float], how: How, is_last: bool
    ) -> Steps[tuple[str, Any] | None]:
        """What one model says now that it was decided; what was heard before is not asked again."""
        if model in self._heard:
            return model, self._heard[model]
        found = yield from self._pursue(model, None, cost, how, is_last=is_last)
        return found

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
        """What is raised, with its cause: a frame that raises must not hold one itself."""
        cause = self.books.last_error
        told = replace(decision, attempts=self.books.close())
        self._tell("gave_up", told)
        error = self._kind_of_failure(told)(told.failed)
        error.__cause__ = cause
        return error

    def _kind_of_failure(self, told: RoutingDecision) -> type[AllModelsFailed]:
        left = self.seconds_left()
        if left is not None and left <= 0:
            return DeadlineExceeded
        is_capped = any(attempt.error == OVER_CAP for attempt in told.failed)
        return CostCapReached if is_capped else AllModelsFailed

    def _tell_of_deciding(self, decision: RoutingDecision) -> None:
        self._tell("decided", decision)
        for attempt in decision.attempts:
            self._tell("failed" if attempt.is_failure else "heard", decision, attempt)


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
