"""What the dispatcher costs per attempt, over a call by hand, sync and async.

    python benchmarks/dispatch_overhead.py [--calls 5000]

The models answer at once, so all that is left is the dispatcher: books, breaker, limits and
record. By hand is ``router.route`` and a call. Medians of interleaved rounds in one process,
in processor time; the rows with a time limit call where a call can be left behind.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable

from shared_core import Always, Answer, Limits, Query, Reliability
from shared_core.dispatch import Dispatcher

MODELS = [{"name": name, "input_price": 1.0, "output_price": 2.0} for name in ("down", "up")]
ROUNDS = 7
BOUNDED = Reliability(limits=Limits(timeout=10.0, breaker=None))
UNBOUNDED = Reliability(limits=Limits(breaker=None))


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


def dispatchers(reliability: Reliability) -> list[Dispatcher]:
    """One that asks the model that is up, one that comes to it by failover."""
    routers = [Always(MODELS, "up"), Always(MODELS, "down")]
    return [Dispatcher(router, reliability=reliability) for router in routers]


def in_sync(reliability: Reliability, calls: int) -> tuple[float, float]:
    """Microseconds over a bare call: for one attempt, and with a failed one before it."""
    query, (direct, failing) = Query("hi"), dispatchers(reliability)
    works = [
        lambda: call(direct.router.route(query).model),
        lambda: direct.run(query, call),
        lambda: failing.run(query, call),
    ]
    bare, one, two = _medians([_sync_round(work, calls) for work in works] for _ in range(ROUNDS))
    return one - bare, two - bare


def in_async(reliability: Reliability, calls: int) -> tuple[float, float]:
    """``in_sync`` on an event loop."""
    query, (direct, failing) = Query("hi"), dispatchers(reliability)
    works: list[Callable[[], Awaitable[object]]] = [
        lambda: acall(direct.router.route(query).model),
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
