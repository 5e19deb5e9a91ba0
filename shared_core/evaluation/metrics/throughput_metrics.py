"""How fast: answers and tokens a second at a stated concurrency, and decisions a second.

Times are seconds; the router's own time is part of a query's.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from shared_core.errors import DataError


@dataclass(frozen=True)
class Throughput:
    """Args:
    queries_per_second, tokens_per_second: answered queries, output tokens; None where unknown.
    concurrency: queries under way at once.
    """

    queries_per_second: float
    tokens_per_second: float | None
    concurrency: int


def throughput(
    latency: ArrayLike, concurrency: int = 1, out_tokens: ArrayLike | None = None
) -> Throughput:
    """Of answering queries with these latencies, ``concurrency`` at a time, in the order given.

    Each worker takes the next query as soon as it is free; the time is that of the last to finish
    (TO-Router, arXiv 2408.12320, counts answered queries per second).

    Args:
        latency: (n,) seconds per query, routing included.
        concurrency: workers.
        out_tokens: (n,) generated tokens, where known.

    Raises:
        DataError: no query, no worker, a latency that is negative or not finite, no time at all, or
            not as many token counts as latencies.
    """
    seconds = np.asarray(latency, float).ravel()
    if not len(seconds) or concurrency < 1:
        raise DataError(f"{len(seconds)} queries with {concurrency} at once have no throughput")
    if not (np.isfinite(seconds).all() and (seconds >= 0).all() and seconds.any()):
        raise DataError("latencies are finite seconds from 0 up, not all of them 0")
    free = [0.0] * min(concurrency, len(seconds))
    for second in seconds.tolist():
        heapq.heapreplace(free, free[0] + second)
    whole = max(free)
    if out_tokens is None:
        return Throughput(len(seconds) / whole, None, concurrency)
    tokens = np.asarray(out_tokens, float).ravel()
    if len(tokens) != len(seconds):
        raise DataError(f"{len(tokens)} token counts for {len(seconds)} latencies")
    return Throughput(len(seconds) / whole, float(tokens.sum()) / whole, concurrency)


def decisions_per_second(
    decide: Callable[[Sequence[str]], object], texts: Sequence[str], repeats: int = 3
) -> float:
    """Routing decisions a second, measured here: the median of ``repeats`` passes over the texts.

    Args:
        decide: what routes a list of texts, such as ``router.predict``.
    """
    if not texts or repeats < 1:
        raise DataError(f"{len(texts)} texts, {repeats} repeats: nothing to time")
    spent = []
    for _ in range(repeats):
        began = time.perf_counter()
        decide(texts)
        spent.append(time.perf_counter() - began)
    return len(texts) / float(np.median(spent))
