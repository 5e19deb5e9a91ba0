"""Does the steps of a course in threads. No rule is in here.

A call without a time limit is made where the caller is, so its context and its thread are those of
a call by hand; one with a limit is made by a worker, who can be left behind.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar

from shared_core.calls.health import Place
from shared_core.calls.steps import (
    AHEAD,
    END,
    Call,
    Opened,
    Pause,
    Race,
    Steps,
    Think,
    Together,
    Turn,
    Wait,
    no_piece,
    stream_of,
)
from shared_core.calls.workers import Outcome, Workers, taken
from shared_core.errors import ConfigError, TimedOut

T = TypeVar("T")

SOON: Final = 1.0
"""Seconds in which a thread surely hands over what it has."""


class InThreads:
    """Walks a course in the thread of its caller.

    Args:
        workers: who does what may have to be left, or goes on at the same time.
        call: model, and the prompt if there is one -> answer.
        stream: model -> pieces.
        hear: as ``call``, for the router's ears only.
    """

    def __init__(
        self,
        workers: Workers,
        call: Callable[..., Any],
        stream: Callable[[str], Iterator[Any]] | None = None,
        hear: Callable[..., Any] | None = None,
    ) -> None:
        self._workers = workers
        self._call = call
        self._stream = stream
        self._hear = hear or call

    def walk(self, steps: Steps[T]) -> T:
        """Do the steps one after another, and return what comes of them."""
        try:
            step = next(steps)
            while True:
                try:
                    given = self._do(step)
                except BaseException as error:  # noqa: BLE001 - the course judges it
                    step = steps.throw(error)
                else:
                    step = steps.send(given)
        except StopIteration as done:
            result: T = done.value
            return result
        finally:
            steps.close()

    def _do(self, step: Any) -> Any:
        match step:
            case Call(how="stream"):
                return self._open(step)
            case Call():
                return self._ask(step)
            case Think():
                return self._within(step.seconds, step.work)
            case Wait():
                return _wait_for(step.place, step.seconds)
            case Turn():
                return self._within(step.seconds, step.ready)
            case Pause():
                return time.sleep(step.seconds)
            case Together():
                return self._together(step.courses)
            case Race():
                return self._race(step.courses, step.delay)

    def _ask(self, call: Call) -> Any:
        ask = self._hear if call.how == "hear" else self._call
        if call.seconds is None:
            return ask(*call.arguments)
        return self._within(call.seconds(), partial(ask, *call.arguments), call.model)

    def _within(self, seconds: float | None, work: Callable[[], T], whose: str | None = None) -> T:
        return work() if seconds is None else self._workers.run(work, seconds, whose)

    def _open(self, call: Call) -> Opened[Iterator[Any]]:
        if self._stream is None:
            raise ConfigError("this course was begun without a way to stream")
        pieces: Iterator[Any]
        if call.seconds is None:
            pieces = iter(self._stream(*call.arguments))
        else:
            begin = partial(self._stream, *call.arguments)
            pieces = Pumped(begin, call.seconds, self._workers, call.model)
        try:
            return Opened(next(pieces, END), pieces)
        except BaseException:
            close(pieces)
            raise

    def _together(self, courses: Sequence[Steps[Any]]) -> list[Any]:
        results = [SimpleQueue[Outcome[Any]]() for _ in courses]
        for course, result in zip(courses, results, strict=True):
            self._workers.start(partial(self.walk, course), result)
        return [result.get().get() for result in results]

    def _race(self, courses: Sequence[Steps[Any]], delay: float) -> Any:
        results: SimpleQueue[Outcome[Any]] = SimpleQueue()
        waiting, running, is_won, found = list(courses), 0, threading.Lock(), None
        try:
            while waiting or running:
                if waiting:
                    run = partial(self._run, waiting.pop(0), is_won)
                    self._workers.start(run, results)
                    running += 1
                try:
                    outcome = taken(results, delay if waiting else None)
                except Empty:
                    continue
                running -= 1
                if (found := outcome.get()) is not None:
                    return found
            return None
        finally:
            if not is_won.acquire(blocking=False) and found is None:
                self._shut_first(results)

    def _run(self, course: Steps[Any], is_won: threading.Lock) -> Any:
        """What a course of a race comes to; None, its stream closed, where another was first."""
        found = self.walk(course)
        if found is None or is_won.acquire(blocking=False):
            return found
        shut(stream_of(found))
        return None

    def _shut_first(self, results: SimpleQueue[Outcome[Any]]) -> None:
        """Close the stream of the course that was first, which nobody will read."""
        found = None
        with suppress(Empty):
            while found is None:
                found = taken(results, SOON).value
        shut(stream_of(found))


class Pumped(Iterator[T]):
    """A stream that a worker reads, so that who waits for a piece can stop waiting.

    What came before the deadline is there to be read after it, as far as it is read ahead.

    Args:
        stream: begins it.
        seconds: what the next piece may take.
        workers: who reads.
        model: whose stream it is.

    Raises:
        TimedOut: a piece took longer.
        Swamped: too many calls of the model hang already.
    """

    def __init__(
        self,
        stream: Callable[[], Iterator[T]],
        seconds: Callable[[], float],
        workers: Workers,
        model: str,
    ) -> None:
        workers.check_not_swamped(model)
        self._stream = stream
        self._seconds = seconds
        self._workers = workers
        self._pieces: SimpleQueue[Outcome[Any]] = SimpleQueue()
        self._reads_on: SimpleQueue[None] = SimpleQueue()
        self._is_wanted = True
        self._ticket = workers.start(self._pump, self._pieces, model)

    def __next__(self) -> T:
        seconds = self._seconds()
        try:
            outcome = taken(self._pieces, seconds)
        except Empty:
            self.close()
            raise no_piece(seconds) from None
        if self._pieces.qsize() == AHEAD - 1:
            self._reads_on.put(None)
        try:
            piece = outcome.get()
        finally:
            del outcome
        if piece is END:
            raise StopIteration
        return piece  # type: ignore[no-any-return]

    def close(self) -> None:
        """Have the worker stop at the next piece."""
        self._is_wanted = False
        self._reads_on.put(None)
        self._workers.leave_behind(self._ticket)

    def _pump(self) -> object:
        pieces = iter(self._stream())
        try:
            for piece in pieces:
                if (left := self._seconds()) <= 0:
                    raise no_piece(left)
                self._pieces.put(Outcome(piece))
                if not self._is_read():
                    break
        finally:
            close(pieces)
        return END

    def _is_read(self) -> bool:
        """Whether somebody wants more; waits for that while enough is read ahead."""
        while self._is_wanted and self._pieces.qsize() >= AHEAD:
            self._reads_on.get()
        return self._is_wanted


def close(pieces: Iterator[Any] | None) -> None:
    """Close a stream, if it is of a kind that can be closed."""
    if (end := getattr(pieces, "close", None)) is not None:
        end()


def shut(opened: Opened[Iterator[Any]] | None) -> None:
    """Close a stream that was opened, and have its place back."""
    if opened is not None:
        try:
            close(opened.rest)
        finally:
            opened.leave()


def _wait_for(place: Place, seconds: float | None) -> None:
    come: SimpleQueue[None] = SimpleQueue()
    place.wake_by(partial(come.put, None))
    try:
        taken(come, seconds)
    except Empty:
        raise TimedOut("no place at the model became free in time") from None
