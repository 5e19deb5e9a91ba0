"""What a course can want done next. A performer (``threads``, ``loop``) does it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, Literal, TypeVar

from shared_core.calls.health import Place
from shared_core.errors import TimedOut

T = TypeVar("T")
Steps = Generator[Any, Any, T]
"""Yields steps (the classes below), is sent what they gave, returns a T."""

How = Literal["call", "hear", "stream"]
"""In which way a model is asked: for the caller, for the router's ears only, piece by piece."""

END: Final = object()
"""In place of a piece: the stream is over."""

AHEAD: Final = 4096
"""So many pieces of a stream with a time limit are read ahead of who reads it."""


@dataclass(slots=True)
class Think:
    """Do some work of the router's that takes a while, or waits for something."""

    work: Callable[[], Any]
    seconds: float | None


@dataclass(slots=True)
class Call:
    """Ask a model: for its whole answer, or for the first piece of its stream.

    Args:
        arguments: the model, and what to ask in the query's place, if anything is.
        seconds: says what the answer, or the next piece, may take at the moment it is called; None
            where nothing is limited.
        how: in which way.
    """

    arguments: tuple[str, ...]
    seconds: Callable[[], float] | None
    how: How

    @property
    def model(self) -> str:
        """Who is asked."""
        return self.arguments[0]


@dataclass(slots=True)
class Opened(Generic[T]):
    """A stream that has begun, which whoever has it closes.

    Args:
        first: its first piece, or END.
        rest: what gives the others.
        leave: gives its place at the candidate back; does nothing the second time.
    """

    first: Any
    rest: T
    leave: Callable[[], object] = lambda: None

    def __del__(self) -> None:
        """Where nothing can be closed any more, as after an event loop, the place is not lost."""
        self.leave()


@dataclass(slots=True)
class Wait:
    """Wait for a place at a candidate."""

    place: Place
    seconds: float | None


@dataclass(slots=True)
class Turn:
    """Wait until the caller may make one more call."""

    ready: Callable[[], Any]
    seconds: float | None


@dataclass(slots=True)
class Pause:
    """Do nothing for a while."""

    seconds: float


@dataclass(slots=True)
class Together:
    """Walk all these at once; the results in their order."""

    courses: Sequence[Steps[Any]]


@dataclass(slots=True)
class Race:
    """Walk these, each begun ``delay`` after the one before or when that came to nothing.

    Each comes to a model and what was heard of it, or to None. The result is the first that is not
    None; the others are given up, and streams they opened are closed.
    """

    courses: Sequence[Steps[Any]]
    delay: float


def stream_of(found: tuple[str, Any] | None) -> Opened[Any] | None:
    """The stream that a course of a race opened, if it came to one; else None."""
    heard = None if found is None else found[1]
    return heard if isinstance(heard, Opened) else None


def no_piece(seconds: float) -> TimedOut:
    """The error of a stream of which nothing came within so many seconds, or in time at all."""
    if seconds <= 0:
        return TimedOut("the time was up before the stream was over", seconds)
    return TimedOut(f"no piece of the stream within {seconds:.3g} s", seconds)
