"""What is known of one candidate across calls: its breaker, and its places.

Nothing here waits for a lock. The garbage collector ends calls that nobody refers to any more, in
whichever thread it happens to run: ``leave`` and ``note`` may come in the midst of anything in this
file. So what calls share changes by single steps only, which nothing can come between: those of
deques and iterators, and locks that are tried, never waited for.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Literal

from shared_core.reliability import BreakerRule, Limits


class Spell:
    """The time between two changes of a breaker. It is ended once, whoever tries.

    Args:
        opened: when the breaker opened; None while it is closed.
        number: how often it has opened so far.
    """

    __slots__ = ("_is_over", "_is_probed", "failures", "number", "opened")

    def __init__(self, opened: float | None = None, number: int = 0) -> None:
        self.opened = opened
        self.number = number
        self.failures: Iterator[int] = itertools.count(1)
        self._is_probed = threading.Lock()
        self._is_over = threading.Lock()

    def probe(self) -> bool:
        """Whether this call is the one that may try; it has to ``let_go``."""
        return self._is_probed.acquire(blocking=False)

    def let_go(self) -> None:
        """The call that was admitted is over, and another may probe."""
        if self.opened is not None:
            self._is_probed.release()

    def end(self) -> bool:
        """True for the one call that ends it."""
        return self._is_over.acquire(blocking=False)


class Breaker:
    """Circuit breaker of one candidate.

    Args:
        rule: when it opens.
        clock: seconds, for tests.
    """

    def __init__(self, rule: BreakerRule, clock: Callable[[], float] = time.monotonic) -> None:
        self.rule = rule
        self._clock = clock
        self._spell = Spell()

    @property
    def times_opened(self) -> int:
        """How often it has opened."""
        return self._spell.number

    @property
    def state(self) -> Literal["closed", "open", "half_open"]:
        """``half_open`` once the cooldown is over, until a call has tried."""
        return self._state_in(self._spell)

    def admit(self) -> Spell | None:
        """The spell in which a call may go through, and which it has to let go; None if it may not.

        While half open, one may at a time.
        """
        spell = self._spell
        state = self._state_in(spell)
        if state == "half_open":
            return spell if spell.probe() else None
        return spell if state == "closed" else None

    def note(self, succeeded: bool | None, spell: Spell | None) -> None:
        """How a call went.

        A success closes the breaker. A failure counts in the spell of its call only: news of an
        earlier one open nothing, and put nothing off.

        Args:
            succeeded: None says nothing about the candidate.
            spell: in which the call was admitted; None if nobody asked whether it may go through.
        """
        if succeeded:
            self._close()
        elif succeeded is False and spell is not None and self._opens(spell):
            self._change(spell, Spell(self._clock(), spell.number + 1))

    def _opens(self, spell: Spell) -> bool:
        """Whether one more failure does: that of a probe, or as many in a row as the rule says."""
        return spell.opened is not None or next(spell.failures) >= self.rule.failures

    def _close(self) -> None:
        spell = self._spell
        if spell.opened is None:
            spell.failures = itertools.count(1)
        else:
            self._change(spell, Spell(None, spell.number))

    def _change(self, spell: Spell, following: Spell) -> None:
        if spell.end():
            self._spell = following

    def _state_in(self, spell: Spell) -> Literal["closed", "open", "half_open"]:
        if spell.opened is None:
            return "closed"
        return "half_open" if self._clock() - spell.opened >= self.rule.cooldown else "open"


class Place:
    """Room for one call, or the wait for it."""

    __slots__ = ("_is_wanted", "_room", "_wake")

    def __init__(self) -> None:
        self._is_wanted = True
        self._room: list[None] = []
        self._wake: Callable[[], object] | None = None

    @property
    def has_come(self) -> bool:
        """Whether the call may be made."""
        return bool(self._room)

    def wake_by(self, wake: Callable[[], object]) -> None:
        """Have this called when the place comes, from any thread and maybe twice."""
        self._wake = wake
        if self._room:  # it may have come before anybody could be woken
            wake()

    def come(self) -> bool:
        """Here it is; False when nobody waits for it any more."""
        self._room.append(None)
        try:
            if (wake := self._wake) is not None:
                wake()
        except RuntimeError:  # the event loop of who waits is closed
            return False
        return self._is_wanted

    def give_up(self) -> bool:
        """Want it no more; True when it had come, and nobody else has been told so."""
        self._is_wanted, self._wake = False, None
        try:
            self._room.pop()
        except IndexError:
            return False
        return True


class Gate:
    """So many at a time; the others wait in line. For threads and event loops alike.

    Args:
        places: how many.
    """

    def __init__(self, places: int) -> None:
        self._unused = itertools.repeat(True, int(places))
        self._left: deque[bool] = deque()
        self._line: deque[Place] = deque()

    def enter(self, place: Place) -> None:
        """Stand in line; if the place has not come by then, it has to be waited for."""
        self._line.append(place)
        self._serve()

    def leave(self, place: Place) -> None:
        """Make room for the next in line, or step out of it: once for each ``enter``."""
        self._take_back(place)
        self._serve()

    def _serve(self) -> None:
        """Let in who is first, as long as there are room and a line.

        Whoever adds to either comes by here afterwards, so the last one sees what all have added.
        """
        while self._line and self._take_room():
            try:
                place = self._line.popleft()
            except IndexError:  # another was quicker
                self._left.append(True)
            else:
                if not place.come():
                    self._take_back(place)

    def _take_room(self) -> bool:
        try:
            return self._left.pop()
        except IndexError:
            return next(self._unused, False)

    def _take_back(self, place: Place) -> None:
        """Have its room back. Who gives a place and who leaves it may both try: one gets it."""
        if place.give_up():
            self._left.append(True)


class Health:
    """What is known of one candidate across calls.

    Args:
        limits: how it is to be treated.
    """

    def __init__(self, limits: Limits) -> None:
        self.breaker = None if limits.breaker is None else Breaker(limits.breaker)
        self.gate = None if limits.places is None else Gate(limits.places)
