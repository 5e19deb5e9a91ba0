"""Threads that may be left behind: a call that hangs cannot be killed, but nobody has to wait."""

from __future__ import annotations

import contextvars
import os
import threading
import weakref
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Final, Generic, TypeVar

from shared_core.errors import Swamped, TimedOut

T = TypeVar("T")

_ALL: Final[weakref.WeakSet[Workers]] = weakref.WeakSet()


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """How a piece of work ended."""

    value: T | None = None
    error: BaseException | None = None

    def get(self) -> T:
        """What it returned; raises what it raised."""
        if self.error is None:
            return self.value  # type: ignore[return-value]
        try:
            raise self.error
        finally:
            del self  # this frame is in the error's traceback: no circle, no full collections


@dataclass(slots=True, eq=False)
class Ticket:
    """A piece of work under way.

    Args:
        whose: the model that is asked; None for the router's own work.
    """

    whose: str | None
    is_done: bool = False


class Workers:
    """Daemon threads that are used again, begun when all are busy, and never waited for.

    Args:
        most_abandoned: how many calls of one model may hang before more of them are refused.
        most_idle: how many are kept for later.
    """

    def __init__(self, most_abandoned: int = 256, most_idle: int = 64) -> None:
        self.most_abandoned = most_abandoned
        self.most_idle = most_idle
        self.begin_anew()
        _ALL.add(self)

    def begin_anew(self) -> None:
        """Forget all threads, as a forked process has to, which none of them came to."""
        self._hanging: defaultdict[str | None, set[Ticket]] = defaultdict(set)
        self._idle: list[SimpleQueue[Callable[[], None]]] = []
        self._lock = threading.Lock()

    @property
    def abandoned(self) -> int:
        """How many pieces of work were left behind and still go on."""
        with self._lock:
            return sum(map(len, self._hanging.values()))

    def start(
        self, work: Callable[[], T], results: SimpleQueue[Outcome[T]], whose: str | None = None
    ) -> Ticket:
        """Do the work in a thread, in a copy of this context; its outcome goes to ``results``."""
        context = contextvars.copy_context()
        ticket = Ticket(whose)

        def job() -> None:
            outcome = _outcome_of(work, context)
            with self._lock:
                ticket.is_done = True
                self._hanging[whose].discard(ticket)
            results.put(outcome)
            del outcome  # the traceback of its error leads to this frame

        self._hand_out(job)
        return ticket

    def run(self, work: Callable[[], T], seconds: float, whose: str | None = None) -> T:
        """What the work returns or raises, if it ends in time.

        Raises:
            TimedOut: it did not, and its thread is left behind.
            Swamped: it was not begun, for too many of the same model's were left behind.
        """
        self.check_not_swamped(whose)
        results: SimpleQueue[Outcome[T]] = SimpleQueue()
        ticket = self.start(work, results, whose)
        try:
            outcome = results.get(timeout=max(seconds, 0))
        except Empty:
            self.leave_behind(ticket)
            raise TimedOut(f"no answer within {seconds:.3g} s") from None
        try:
            return outcome.get()
        finally:
            del outcome

    def leave_behind(self, ticket: Ticket) -> None:
        """Nobody waits for this any more; it counts as abandoned until it ends."""
        with self._lock:
            if not ticket.is_done:
                self._hanging[ticket.whose].add(ticket)

    def check_not_swamped(self, whose: str | None = None) -> None:
        """Swamped if so many calls of this model hang that none more is to be begun."""
        hanging = len(self._hanging[whose])
        if hanging >= self.most_abandoned:
            raise Swamped(f"{hanging} calls hang already: none more is begun")

    def _hand_out(self, job: Callable[[], None]) -> None:
        with self._lock:
            inbox = self._idle.pop() if self._idle else None
        if inbox is None:
            inbox = SimpleQueue()
            threading.Thread(target=self._work, args=(inbox,), daemon=True).start()
        inbox.put(job)

    def _work(self, inbox: SimpleQueue[Callable[[], None]]) -> None:
        while True:
            inbox.get()()
            with self._lock:
                if len(self._idle) >= self.most_idle:
                    return
                self._idle.append(inbox)


def _outcome_of(work: Callable[[], T], context: contextvars.Context) -> Outcome[T]:
    try:
        return Outcome(context.run(work))
    except BaseException as error:  # noqa: BLE001 - handed on, whatever it is
        return Outcome(error=error)


def _begin_all_anew() -> None:
    for workers in _ALL:
        workers.begin_anew()


if hasattr(os, "register_at_fork"):  # where processes can fork
    os.register_at_fork(after_in_child=_begin_all_anew)
