"""LangGraph's own signals, such as interrupts, pass through failover: they are no failures.

They are ``Exception``s, so they travel in a ``BaseException`` from the call to its caller.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class _Carried(BaseException):
    def __init__(self, signal: Exception) -> None:
        super().__init__(signal)
        self.signal = signal


@contextmanager
def carried() -> Iterator[None]:
    """Around a call that may raise a signal."""
    try:
        yield
    except Exception as error:
        if _is_signal(error):
            raise _Carried(error) from None
        raise


@contextmanager
def delivered() -> Iterator[None]:
    """Around the dispatcher: a carried signal leaves as it was."""
    try:
        yield
    except _Carried as carrier:
        raise carrier.signal from None


def _is_signal(error: Exception) -> bool:
    langgraph = sys.modules.get("langgraph.errors")
    return langgraph is not None and isinstance(error, langgraph.GraphBubbleUp)
