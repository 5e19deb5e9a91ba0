"""Threads that may be left behind: a call that hangs cannot be killed, but nobody has to wait.

They are the whole process's: once idle, one works for whoever needs it next. As in ``health``,
nothing here waits for a lock.
"""

from __future__ import annotations

import contextvars
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Final, Generic, TypeVar

from shared_core.errors import Swamped, TimedOut

T = TypeVar("T")

MOST_IDLE: Final = 64
"""How many threads, about, are kept for later."""

_idle: Final[list[SimpleQueue[Callable[[], None]]]] = []
"""Where threads that are kept take their next work from."""


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
    """

    def __init__(self, most_abandoned: int = 256) -> None:
        self.most_abandoned = most_abandoned
        self._hanging: dict[str | None, set[Ticket]] = {}

    @property
    def abandoned(self) -> int:
        """How many pieces of work were left behind and still go on."""
        return sum(map(len, list(self._hanging.values())))

    def forget(self) -> None:
        """What was left behind is nothing to a forked process, where it does not go on."""
        self._hanging.clear()

    def start(
        self, work: Callable[[], T], results: SimpleQueue[Outcome[T]], whose: str | None = None
    ) -> Ticket:
        """Do the work in a thread, in a copy of this context; its outcome goes to ``results``."""
        context = contextvars.copy_context()
        ticket = Ticket(whose)

        def job() -> None:
            outcome = _outcome_of(work, context)
            ticket.is_done = True
            self._hanging.get(whose, set()).discard(ticket)
            results.put(outcome)
            del outcome  # the traceback of its error leads to this frame

        _hand_out(job)
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
            outcome = taken(results, seconds)
        except Empty:
            raise TimedOut(f"no answer within {seconds:.3g} s") from None
        finally:
            self.leave_behind(ticket)
        try:
            return outcome.get()
        finally:
            del outcome

    def leave_behind(self, ticket: Ticket) -> None:
        """Nobody waits for this any more; it counts as abandoned until it ends."""
        if ticket.is_done:
            return
        hanging = self._hanging.setdefault(ticket.whose, set())
        hanging.add(ticket)
        if ticket.is_done:  # it ended meanwhile, and may not have found itself there
            hanging.discard(ticket)

    def check_not_swamped(self, whose: str | None = None) -> None:
        """Swamped if so many calls of this model hang that none more is to be begun."""
        hanging = len(self._hanging.get(whose, ()))
        if hanging >= self.most_abandoned:
            raise Swamped(f"{hanging} calls hang already: none more is begun")


def taken(queue: SimpleQueue[T], seconds: float | None) -> T:
    """What comes next into the queue, within so many seconds if it is to be so soon.

    Raises:
        Empty: nothing came.
    """
    with suppress(Empty):
        # Before Python 3.13 a get whose time is over before its first try waits for ever.
        return queue.get_nowait()
    return queue.get(timeout=None if seconds is None else max(seconds, 0))


def _hand_out(job: Callable[[], None]) -> None:
    try:
        inbox = _idle.pop()
    except IndexError:
        inbox = SimpleQueue()
        threading.Thread(target=_work, args=(inbox,), daemon=True).start()
    inbox.put(job)


def _work(inbox: SimpleQueue[Callable[[], None]]) -> None:
    while True:
        inbox.get()()
        if len(_idle) >= MOST_IDLE:
            return
        _idle.append(inbox)


def _outcome_of(work: Callable[[], T], context: contextvars.Context) -> Outcome[T]:
    try:
        return Outcome(context.run(work))
    except BaseException as error:  # noqa: BLE001 - handed on, whatever it is
        return Outcome(error=error)


if hasattr(os, "register_at_fork"):  # where processes can fork
    os.register_at_fork(after_in_child=_idle.clear)  # no thread comes along
