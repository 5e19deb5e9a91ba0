"""What one call has tried and spent, as it goes."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Final

from shared_core.attempt import Attempt, Outcome, Purpose
from shared_core.calls.health import Spell

_ROUNDING: Final = 1 + 1e-9
"""By how much a sum of costs may miss what its parts come to."""


@dataclass(slots=True, eq=False)
class Entry:
    """An attempt under way.

    Args:
        model: whose.
        purpose: what for.
        predicted: USD it is expected to cost; 0 when unknown.
        spell: how the model's breaker stood when it let the attempt through, if it was asked.
        is_begun: whether it came to the model's turn: waiting for that costs nothing.
    """

    model: str
    purpose: Purpose
    predicted: float
    spell: Spell | None = None
    is_begun: bool = False
    began: float = field(default_factory=time.perf_counter)

    def ended(
        self,
        outcome: Outcome,
        error: str | None = None,
        status: int | None = None,
        in_tokens: int | None = None,
        out_tokens: int | None = None,
        cost: float | None = None,
    ) -> Attempt:
        """The attempt, now that it is over; arguments as in Attempt."""
        seconds = round(time.perf_counter() - self.began, 6)
        return Attempt(
            self.model, error, status, outcome, self.purpose, in_tokens, out_tokens, cost, seconds
        )


class Books:
    """Every attempt of one call, each in it once. Thread-safe.

    Its lock is this call's alone and held over sums and lists only, so who has it waits for nothing
    else. The garbage collector may come by meanwhile, hence an RLock.

    Args:
        max_cost: USD that may be spent.
    """

    def __init__(self, max_cost: float | None) -> None:
        self.max_cost = max_cost
        self.attempts: list[Attempt] = []
        self.last_error: Exception | None = None
        self._spent = 0.0
        self._open: list[Entry] = []
        self._lock = threading.RLock()
        self.is_closed = False

    def open(self, entry: Entry) -> bool:
        """Begin an attempt; False when it may cost more than is left, or the books are closed."""
        with self._lock:
            if self.is_closed:
                return False
            if self.max_cost is not None:
                committed = self._spent + sum(other.predicted for other in self._open)
                if committed + entry.predicted > self.max_cost * _ROUNDING:
                    return False
            self._open.append(entry)
            return True

    def enter(self, entry: Entry, attempt: Attempt, spent: float = 0.0) -> bool:
        """The attempt has ended and cost so much; False when the books are closed already."""
        with self._lock:
            if entry in self._open:
                self._open.remove(entry)
            self._spent += spent
            if not self.is_closed:
                self.attempts.append(attempt)
            return not self.is_closed

    def close(self) -> tuple[Attempt, ...]:
        """All attempts; those still under way are cancelled and nobody hears of them again."""
        self.last_error = None  # its traceback holds the course, which holds the books
        with self._lock:
            self.is_closed = True
            self.attempts += [entry.ended("cancelled", "cancelled") for entry in self._open]
            self._open.clear()
            return tuple(self.attempts)
