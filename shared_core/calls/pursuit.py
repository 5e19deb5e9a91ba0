"""Asking one model: whether it may be asked, for how long, how often, and what the books say."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final, cast

from shared_core.attempt import Attempt, Outcome, told_of
from shared_core.calls.books import Books, Entry
from shared_core.calls.health import Breaker, Health, Place, Spell
from shared_core.calls.steps import Call, How, Pause, Steps, Turn, Wait
from shared_core.calls.terms import Terms
from shared_core.decision import Answer, RoutingDecision
from shared_core.errors import ConfigError, Swamped, TimedOut
from shared_core.events import Kind, RoutingEvent, tell
from shared_core.query import Query
from shared_core.reliability import is_fault_of_query

TYPICAL_OUTPUT: Final = 256
"""Output tokens assumed when a call's cost is predicted from the price list alone."""

OVER_CAP: Final = "cost_cap"
OUT_OF_TIME: Final = "deadline"
OPEN: Final = "circuit_open"
TWIN: Final = "same_model"


class Pursuit:
    """One query in pursuit of an answer: what was tried, what was spent, how much time is left.

    Args:
        query: what is asked.
        terms: what holds for every call.
        ready: returns, or can be awaited, when one more call may be made.
    """

    def __init__(self, query: Query, terms: Terms, ready: Callable[[], Any] | None = None) -> None:
        self.query = query
        self.terms = terms
        self.router = terms.router
        self.deadline = query.deadline or terms.reliability.deadline
        self.books = Books(query.max_cost or terms.reliability.max_cost)
        self._began = time.perf_counter()
        self._decision: RoutingDecision | None = None
        self._lost: dict[str, str] = {}
        self._spells: dict[str, Spell | None] = {}
        self._ready = ready

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

    def _pursue(
        self,
        model: str,
        prompt: str | None,
        cost: Mapping[str, float],
        how: How,
        *,
        is_last: bool = False,
    ) -> Steps[tuple[str, Any] | None]:
        """Ask one model as often as its retry rule says; None when it came to nothing.

        A model that failed is not asked again; one that was only left alone is, as a last resort.
        """
        if model in self._lost and not (is_last and self._lost[model] == OPEN):
            return None
        predicted = self._predicted(model, self._permitted(model, prompt), cost)
        health = self.terms.health_of(model)
        for asked in itertools.count(1):
            entry = Entry(model, "answer" if prompt is None else "score", predicted)
            try:
                if why := self._refusal(entry, health.breaker, is_last):
                    self._lose(entry, entry.ended("skipped", why))
                    return None
                return model, (yield from self._attempt(entry, health, prompt, how))
            except self.terms.catches as error:
                pause = self.terms.reliability.of(model).retry.pause(asked, error)
                if pause is None or pause >= (self.seconds_left() or math.inf):
                    return None
                if not is_last and health.breaker is not None and health.breaker.state == "open":
                    return None
            finally:
                if entry.spell is not None:
                    entry.spell.let_go()
            if self.books.is_closed:
                return None
            yield Pause(pause)
        return None

    def _refusal(self, entry: Entry, breaker: Breaker | None, is_last: bool) -> str | None:
        """Why this attempt is not to be made; None when it is, and the books know of it."""
        left = self.seconds_left()
        if left is not None and left <= 0:
            return OUT_OF_TIME
        if self.terms.twins and self._has_failed(self.terms.twins.get(entry.model, ())):
            return TWIN
        if not self.books.open(entry):
            return OVER_CAP
        if breaker is None:
            return None
        entry.spell = breaker.admit()
        return OPEN if entry.spell is None and not is_last else None

    def _has_failed(self, models: Collection[str]) -> bool:
        """Whether one of these was asked and gave no answer."""
        return any(one.outcome == "failed" and one.model in models for one in self.books.attempts)

    def _attempt(self, entry: Entry, health: Health, prompt: str | None, how: How) -> Steps[Any]:
        """One call, with its place, its breaker and its entry in the books."""
        model, gate = entry.model, health.gate
        place, stays, is_healthy, seconds, limit = Place(), False, None, None, None
        try:
            if gate is not None:
                gate.enter(place)
                if not place.has_come:
                    yield Wait(place, self.seconds_for(model))
            if self._ready is not None:
                yield Turn(self._ready, self.seconds_left())
            if self.books.is_closed:
                raise TimedOut("nobody waits for an answer any more")
            if (seconds := self.seconds_for(model)) is not None:
                limit = cast("Callable[[], float]", partial(self.seconds_for, model))
            entry.is_begun = True
            heard = yield Call((model,) if prompt is None else (model, prompt), limit, how)
            self._win(entry, heard if how == "stream" else _checked(heard, model))
            if how == "stream":
                self._spells[model] = entry.spell  # ``streamed`` will tell how it went
                if gate is not None:
                    heard.leave, stays = partial(gate.leave, place), True
            else:
                is_healthy = True
            return heard
        except self.terms.catches as error:
            entry.is_begun = entry.is_begun and not isinstance(error, Swamped)
            if entry.is_begun and not self._is_excused(model, error, seconds):
                is_healthy = False
            outcome: Outcome = "failed" if entry.is_begun else "skipped"
            self._lose(entry, entry.ended(outcome, *told_of(error)), error)
            raise
        finally:
            if gate is not None and not stays:
                gate.leave(place)
            if health.breaker:
                health.breaker.note(is_healthy, entry.spell)

    def _is_excused(self, model: str, error: Exception, seconds: float | None) -> bool:
        """Whether the failure says nothing about the model: a bad query, or hardly any time.

        Hardly any is less than the model's own limit and less than half of the whole call's.
        """
        if not isinstance(error, TimedOut):
            return is_fault_of_query(error)
        if seconds is None:
            return True
        timeout = self.terms.reliability.of(model).timeout or math.inf
        return seconds < min(timeout, (self.deadline or math.inf) / 2)

    def _permitted(self, model: str, prompt: str | None) -> Query:
        """What the model is to be asked, if the pool's rules let it see and serve that."""
        query = self.query
        if prompt is not None:
            query = replace(query, text=prompt, needs=frozenset(), tokens=None, least_tokens=None)
        if objection := self.router.pool[model].sure_objection(query):
            raise ConfigError(f"{self.router!r} asks {model}, which cannot serve: {objection}")
        return query

    def _predicted(self, model: str, query: Query, cost: Mapping[str, float]) -> float:
        """USD: as the router expects, and no less than the whole input, of which it saw a part."""
        price, size = self.router.pool[model].cost, query.input_tokens
        if expected := cost.get(model):
            return max(expected, price(size, 0) or 0.0)
        return price(size, query.reserved_output or TYPICAL_OUTPUT) or 0.0

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
        if error is None:
            self._lost.setdefault(entry.model, attempt.error or attempt.outcome)
        else:
            self._lost[entry.model] = attempt.error or attempt.outcome
            if not self.books.is_closed:
                self.books.last_error = error
        is_paid = entry.is_begun and isinstance(error, TimedOut)
        self._enter(entry, attempt, entry.predicted if is_paid else 0.0)

    def _enter(self, entry: Entry, attempt: Attempt, spent: float) -> None:
        is_entered = self.books.enter(entry, attempt, spent)
        if is_entered and attempt.is_failure and self._decision is not None:
            self._tell("failed", self._decision, attempt)

    def _tell(self, kind: Kind, decision: RoutingDecision, attempt: Attempt | None = None) -> None:
        if self.terms.listeners:
            seconds = time.perf_counter() - self._began
            tell(self.terms.listeners, RoutingEvent(kind, decision, seconds, attempt))


def _checked(heard: Any, model: str) -> Answer:
    if not isinstance(heard, Answer) or heard.failed:
        raise ConfigError(f"the call of {model} gave {type(heard).__name__}, no Answer")
    return heard
