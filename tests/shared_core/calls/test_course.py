"""Calls in every form, beside a plain model of who is to be asked when models fail as they like."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from price_ladder import POOL

from shared_core import (
    AllModelsFailed,
    Always,
    Answer,
    BreakerRule,
    Dispatcher,
    Limits,
    Reliability,
    Retry,
)
from shared_core.attempt import Attempt

Told = list[tuple[str, str]]
"""Models, and how each attempt at them ended."""


class Refused(Exception):
    """The query makes no sense to the model."""

    status_code = 400


ERRORS = {"busy": ConnectionError, "wrong": ValueError, "refused": Refused}
FORMS = ("run", "arun", "stream", "astream")


@dataclass
class Played:
    """Models that do what is next in the script, whoever is asked."""

    script: Iterator[str]

    def call(self, model: str) -> Answer:
        if (step := next(self.script)) in ERRORS:
            raise ERRORS[step]
        return Answer(model, step)

    def stream(self, model: str) -> Iterator[str]:
        yield self.call(model).text
        yield "."

    async def acall(self, model: str) -> Answer:
        return self.call(model)

    async def astream(self, model: str) -> AsyncIterator[str]:
        for piece in self.stream(model):
            yield piece


def attempts_of(made: Dispatcher, form: str, played: Played) -> tuple[Attempt, ...]:
    """All attempts of one call in that form."""

    async def last_piece() -> tuple[Attempt, ...]:
        pieces = [one async for one in made.astream("hi", played.acall, played.astream)]
        return pieces[-1].decision.attempts

    try:
        match form:
            case "run":
                return made.run("hi", played.call)[0].attempts
            case "arun":
                return asyncio.run(made.arun("hi", played.acall))[0].attempts
            case "stream":
                return list(made.stream("hi", played.call, played.stream))[-1].decision.attempts
            case _:
                return asyncio.run(last_piece())
    except AllModelsFailed as failed:
        return failed.attempts


@dataclass
class Expected:
    """What should happen, said once more and differently; no breaker cools down meanwhile."""

    order: list[str]
    attempts: int
    failures: int
    in_a_row: Counter[str] = field(default_factory=Counter)

    def is_open(self, model: str) -> bool:
        return self.in_a_row[model] >= self.failures

    def call(self, script: Iterator[str]) -> Told:
        told = self._round(script, is_last=len(self.order) == 1)
        if all(how == "skipped" for _, how in told):
            told += self._round(script, is_last=True)
        return told

    def _round(self, script: Iterator[str], *, is_last: bool) -> Told:
        told: Told = []
        for model in self.order:
            if self.is_open(model) and not is_last:
                told.append((model, "skipped"))
                continue
            for _ in range(self.attempts):
                step = next(script)
                if step not in ERRORS:
                    self.in_a_row[model] = 0
                    return [*told, (model, "answered")]
                told.append((model, "failed"))
                self.in_a_row[model] += step != "refused"
                if step != "busy" or (self.is_open(model) and not is_last):
                    break
        return told


@settings(max_examples=80, deadline=None)
@given(
    attempts=st.integers(1, 3),
    failures=st.integers(1, 4),
    failover=st.booleans(),
    limit=st.sampled_from([None, 30.0]),
    calls=st.lists(
        st.tuples(
            st.sampled_from(FORMS),
            st.lists(st.sampled_from(["ok", *ERRORS]), min_size=18, max_size=18),
        ),
        min_size=1,
        max_size=6,
    ),
)
def test_who_is_asked_is_as_a_plain_model_says(
    attempts: int,
    failures: int,
    failover: bool,
    limit: float | None,
    calls: list[tuple[str, list[str]]],
) -> None:
    limits = Limits(
        timeout=limit,
        places=1,
        retry=Retry(attempts=attempts, first=0),
        breaker=BreakerRule(failures=failures, cooldown=1e6),
    )
    made = Dispatcher(Always(POOL), failover=failover, reliability=Reliability(limits=limits))
    order = list(made.router.pool.names) if failover else [made.router.pool.names[0]]
    expected = Expected(order, attempts, failures)
    for form, script in calls:
        told = [(one.model, one.outcome) for one in attempts_of(made, form, Played(iter(script)))]
        assert told == expected.call(iter(script)), form
