"""What the dispatcher costs per attempt, over a call by hand, sync and async.

    python benchmarks/dispatch_overhead.py [--calls 5000]

The models answer at once, so all that is left is the dispatcher: books, breaker, limits and
record. By hand is ``router.route`` and a call; with a time limit, a call that can be left behind:
``ThreadPoolExecutor.submit(...).result(timeout)`` and ``asyncio.wait_for``. Medians of rounds in
turns in one process, in processor time.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

from shared_core import Always, Answer, Limits, Query, Reliability
from shared_core.dispatch import Dispatcher

MODELS = [{"name": name, "input_price": 1.0, "output_price": 2.0} for name in ("down", "up")]
ROUNDS = 7
THREADS = ThreadPoolExecutor()
TIMEOUT = 10.0
BOUNDED = Reliability(limits=Limits(timeout=TIMEOUT))
UNBOUNDED = Reliability()


def main() -> None:
    """Print a row for each way of calling."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=5000, help="calls a round (default 5000)")
    calls = parser.parse_args().calls
    print("microseconds over a call by hand         one attempt   each failover more")
    for name, reliability in (("no limits", UNBOUNDED), ("timeout for each attempt", BOUNDED)):
        for form, measure in (("sync", in_sync), ("async", in_async)):
            one, two = measure(reliability, calls)
            print(f"{form:6} {name:33} {one:11.1f} {two - one:20.1f}", flush=True)


def call(model: str) -> Answer:
    """A model that answers at once, or fails at once."""
    if model == "down":
        raise ConnectionError
    return Answer(model, "yes", in_tokens=7, out_tokens=1)


async def acall(model: str) -> Answer:
    """``call`` for coroutines."""
    return call(model)


def within(model: str) -> Answer:
    """A call that its caller can leave behind."""
    return THREADS.submit(call, model).result(TIMEOUT)


async def awithin(model: str) -> Answer:
    """``within`` for coroutines."""
    return await asyncio.wait_for(acall(model), TIMEOUT)


def dispatchers(reliability: Reliability) -> list[Dispatcher]:
    """One that asks the model that is up, one that comes to it by failover."""
    routers = [Always(MODELS, "up"), Always(MODELS, "down")]
    return [Dispatcher(router, reliability=reliability) for router in routers]


def in_sync(reliability: Reliability, calls: int) -> tuple[float, float]:
    """Microseconds over a bare call: for one attempt, and with a failed one before it."""
    query, (direct, failing) = Query("hi"), dispatchers(reliability)
    by_hand = call if reliability is UNBOUNDED else within
    works = [
        lambda: by_hand(direct.router.route(query).model),
        lambda: direct.run(query, call),
        lambda: failing.run(query, call),
    ]
    bare, one, two = _medians([_sync_round(work, calls) for work in works] for _ in range(ROUNDS))
    return one - bare, two - bare


def in_async(reliability: Reliability, calls: int) -> tuple[float, float]:
    """``in_sync`` on an event loop."""
    query, (direct, failing) = Query("hi"), dispatchers(reliability)
    by_hand = acall if reliability is UNBOUNDED else awithin
    works: list[Callable[[], Awaitable[object]]] = [
        lambda: by_hand(direct.router.route(query).model),
        lambda: direct.arun(query, acall),
        lambda: failing.arun(query, acall),
    ]
    rounds = [[asyncio.run(_async_round(work, calls)) for work in works] for _ in range(ROUNDS)]
    bare, one, two = _medians(rounds)
    return one - bare, two - bare


def _medians(rounds) -> list[float]:  # type: ignore[no-untyped-def]
    return [statistics.median(column) for column in zip(*rounds, strict=True)]


def _sync_round(work: Callable[[], object], calls: int) -> float:
    began = time.process_time()
    for _ in range(calls):
        work()
    return (time.process_time() - began) / calls * 1e6


async def _async_round(work: Callable[[], Awaitable[object]], calls: int) -> float:
    began = time.process_time()
    for _ in range(calls):
        await work()
    return (time.process_time() - began) / calls * 1e6


if __name__ == "__main__":
    main()
