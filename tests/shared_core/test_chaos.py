"""Providers that do everything wrong: every call still ends, in time, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import gc
import random
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from shared_core import (
    AllModelsFailed,
    Always,
    Answer,
    BreakerRule,
    CascadeRouter,
    EnsembleRouter,
    Limits,
    MeanLogprob,
    ModelPool,
    Query,
    Reliability,
    Retry,
    TimedOut,
)
from shared_core.calls.workers import MOST_IDLE
from shared_core.dispatch import Dispatcher

DEADLINE = 1.0
ALLOWANCE = 0.05
DOWN = 2
LATENCY = 0.05
NAMES = ("fails", "hangs", "halves", "garbles", "limits", "dies", "works")
POOL = ModelPool(
    {"name": name, "input_price": i, "output_price": i} for i, name in enumerate(NAMES)
)
POLICY = Reliability(
    deadline=DEADLINE,
    limits=Limits(
        timeout=0.25,
        retry=Retry(attempts=2, first=0.005),
        breaker=BreakerRule(failures=5, cooldown=0.2),
        places=100,
    ),
)


class RateLimited(Exception):
    status_code = 429


class Chaos:
    """Each model misbehaves in its own way, most of the time; now and then all of it is down."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self.closed = threading.Event()
        self.began = time.perf_counter()

    def _trouble(self, model: str) -> str:
        """What goes wrong now: half a second each of storm, of calm, and of all models down."""
        phase = int((time.perf_counter() - self.began) * 2) % 3
        if self._rng.random() > (0.7, 0.05, 0.97)[phase]:
            return "works"
        return self._rng.choice(NAMES[:-1]) if phase == DOWN else model

    def _answer(self, model: str, trouble: str) -> Any:
        match trouble:
            case "fails":
                raise ConnectionError
            case "limits":
                raise RateLimited
            case "dies":
                raise OSError("the connection was reset by the peer")
            case "garbles":
                return None
        return Answer(model, "yes", in_tokens=3, out_tokens=1, logprob=-self._rng.random())

    async def acall(self, model: str, prompt: str | None = None) -> Any:
        trouble = self._trouble(model)
        await asyncio.sleep(3600 if trouble == "hangs" else LATENCY)
        return self._answer(model, trouble)

    def call(self, model: str, prompt: str | None = None) -> Any:
        trouble = self._trouble(model)
        self.closed.wait(3600 if trouble == "hangs" else LATENCY)
        return self._answer(model, trouble)

    async def astream(self, model: str) -> AsyncIterator[str]:
        trouble = self._trouble(model)
        await asyncio.sleep(3600 if trouble == "hangs" else LATENCY)
        self._answer(model, trouble)
        yield "one"
        if trouble == "halves":
            await asyncio.sleep(3600)
        yield "two"

    def stream(self, model: str) -> Iterator[str]:
        trouble = self._trouble(model)
        self.closed.wait(3600 if trouble == "hangs" else LATENCY)
        self._answer(model, trouble)
        yield "one"
        if trouble == "halves":
            self.closed.wait(3600)
        yield "two"


def routers() -> list[Any]:
    scorer = MeanLogprob()
    return [
        *(Always(POOL, name) for name in NAMES),
        CascadeRouter(POOL, scorer, threshold=0.6),
        EnsembleRouter(POOL, scorer, k=4),
    ]


async def storm(calls: int, at_once: int) -> tuple[Counter[str], list[float], list[Dispatcher]]:
    """So many calls, so many at once; how they ended, and how late, less the loop's own delay."""
    chaos = Chaos(0)
    dispatchers = [Dispatcher(router, reliability=POLICY) for router in routers()]
    ends: Counter[str] = Counter()
    late: list[float] = []
    numbers = iter(range(calls))

    async def one(number: int) -> None:
        dispatcher = dispatchers[number % len(dispatchers)]
        if number % 3:
            await dispatcher.arun("hi", chaos.acall)
        else:
            async for _ in dispatcher.astream("hi", chaos.acall, chaos.astream):
                pass

    async def caller() -> None:
        for number in numbers:
            began = time.perf_counter()
            try:
                await one(number)
                ends["answered"] += 1
            except (AllModelsFailed, TimedOut) as error:
                ends[type(error).__name__] += 1
            late.append(time.perf_counter() - began - DEADLINE)

    lags: list[float] = []
    watch = asyncio.create_task(watch_loop(lags))
    await asyncio.gather(*(caller() for _ in range(at_once)))
    watch.cancel()
    await asyncio.wait([watch])
    assert asyncio.all_tasks() == {asyncio.current_task()}
    return ends, [seconds - max(lags) for seconds in late], dispatchers


async def watch_loop(lags: list[float]) -> None:
    """By how much the event loop itself is behind, for machines that are busy with other things."""
    while True:
        began = time.perf_counter()
        await asyncio.sleep(0.01)
        lags.append(time.perf_counter() - began - 0.01)


def check(ends: Counter[str], late: list[float], calls: int) -> None:
    assert ends.total() == calls
    assert ends["answered"] > 0.5 * calls
    assert max(late) <= ALLOWANCE


def test_a_small_storm_on_an_event_loop() -> None:
    ends, late, _ = asyncio.run(storm(300, 30))
    assert ends.total() == 300
    assert ends["answered"] > 150
    assert max(late) <= ALLOWANCE


@pytest.mark.slow
def test_ten_thousand_calls_at_two_hundred_at_once() -> None:
    asyncio.run(storm(1000, 200))
    gc.collect()
    objects, threads = len(gc.get_objects()), threading.active_count()
    ends, late, dispatchers = asyncio.run(storm(10_000, 200))
    check(ends, late, 10_000)
    breakers = [made.health_of(name).breaker for made in dispatchers for name in NAMES]
    assert sum(breaker.times_opened for breaker in breakers if breaker is not None) > 10
    assert threading.active_count() <= threads
    assert all(is_closable(dispatcher) for dispatcher in dispatchers)
    del ends, late, dispatchers, breakers
    gc.collect()
    assert len(gc.get_objects()) < objects + 2000


def is_closable(dispatcher: Dispatcher) -> bool:
    """Whether a model that is well again is asked again, and its breaker closes."""
    time.sleep(POLICY.limits.breaker.cooldown)  # type: ignore[union-attr]
    breaker = dispatcher.health_of("works").breaker
    dispatcher.run(Query("hi", model="works"), lambda model: Answer(model, "yes"))
    return breaker is not None and breaker.state == "closed"


def test_a_storm_in_threads_leaves_no_thread_behind() -> None:
    chaos, made = Chaos(1), [Dispatcher(router, reliability=POLICY) for router in routers()]
    before = threading.active_count()

    def one(number: int) -> float:
        dispatcher = made[number % len(made)]
        began = time.perf_counter()
        try:
            if number % 3:
                dispatcher.run("hi", chaos.call)
            else:
                list(dispatcher.stream("hi", chaos.call, chaos.stream))
        except (AllModelsFailed, TimedOut):
            pass
        return time.perf_counter() - began - DEADLINE

    with ThreadPoolExecutor(16) as threads:
        late = list(threads.map(one, range(200)))
    assert max(late) < 1.0
    chaos.closed.set()
    for _ in range(400):
        if not any(dispatcher.workers.abandoned for dispatcher in made):
            break
        time.sleep(0.01)
    assert sum(dispatcher.workers.abandoned for dispatcher in made) == 0
    assert threading.active_count() <= before + MOST_IDLE
