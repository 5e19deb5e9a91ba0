"""Things that are made when they are first wanted, and kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, TypeVar

T = TypeVar("T")

KEPT: Final = 64
"""Things that are kept, the latest made."""


class Kept(Generic[T]):
    """Things made when first wanted. Can be used from many threads: who come at once get the same.

    They wait for no lock, which a forked process might find taken for good: each may make one, and
    all take the one that was put down first.
    """

    def __init__(self) -> None:
        self._made: list[T] = []

    def one(self, fits: Callable[[T], bool], make: Callable[[], T]) -> T:
        """The first that fits, which is made if there is none."""
        if (found := self._first(fits)) is not None:
            return found
        self._made.append(made := make())
        del self._made[:-KEPT]
        found = self._first(fits)
        return made if found is None else found

    def _first(self, fits: Callable[[T], bool]) -> T | None:
        return next((known for known in tuple(self._made) if fits(known)), None)
