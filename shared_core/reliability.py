"""How hard to try: time limits, retries, breakers, places. Policies, which the calls apply."""

from __future__ import annotations

import contextlib
import random
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from numbers import Real
from typing import Any, Final

from shared_core.attempt import chain, read, status_of, words_of
from shared_core.checks import check_above_zero, check_counts, check_from_zero, check_kinds
from shared_core.errors import ConfigError

_TRANSIENT_STATUS: Final = frozenset({408, 409, 425, 429})
_LONGEST_HEEDED: Final = 60.0
"""Seconds that a provider may ask to wait."""
_FAULT_OF_THE_QUERY: Final = frozenset({400, 413, 415, 422})
_TRANSIENT: Final = re.compile(
    "timeout|timedout|connection|network|remoteprotocol|ratelimit|toomanyrequests|throttl|"
    "unavailable|overloaded|servererror|internalserver|retryable"
)
_REFUSED: Final = re.compile(
    "context(overflow|window|length)|content(filter|policy)|refusal|lengthfinish|validationexception"
)
_SPENT: Final = re.compile("insufficientquota|spendlimit|billing|paymentrequired")
_SPENT_IN_WORDS: Final = "credit balance is too low"
"""Anthropic's, of a status and type that it has in common with bad queries."""


def is_transient(error: BaseException) -> bool:
    """Whether asking the same model again may help: time-outs, lost connections, 429, 5xx.

    Not where the account may spend no more, or the provider says that it would not.
    """
    if _is_spent(error):
        return False
    if (told := str(_header(error, "x-should-retry")).lower()) in ("true", "false"):
        return told == "true"
    if (status := status_of(error)) is not None:
        return status in _TRANSIENT_STATUS or status >= 500
    words = words_of(error)
    return _REFUSED.search(words) is None and _TRANSIENT.search(words) is not None


def is_fault_of_query(error: BaseException) -> bool:
    """Whether the query itself was refused, which says nothing about the model's health."""
    if _is_spent(error):
        return False
    if (status := status_of(error)) is not None:
        return status in _FAULT_OF_THE_QUERY
    return _REFUSED.search(words_of(error)) is not None


def _is_spent(error: BaseException) -> bool:
    """Whether the account may spend no more, which no pause changes."""
    told = (read(one, "message") for one in chain(error))
    return _SPENT.search(words_of(error)) is not None or any(
        isinstance(one, str) and _SPENT_IN_WORDS in one for one in told
    )


def _check_seconds(**given: float | None) -> None:
    for name, value in given.items():
        if value is None:
            continue
        if isinstance(value, Real) and value > threading.TIMEOUT_MAX:
            raise ConfigError(f"{name}={value!r} is longer than anybody can wait: None is no limit")
        check_above_zero(**{name: value})


@dataclass(frozen=True)
class Retry:
    """Asks the same model again, after a growing, random pause ("full jitter").

    Args:
        attempts: how often it is asked at most; 1 is no retry. Once its breaker is open, it is
            asked again only where no other model could be.
        first, factor, longest: the pause before the second attempt is up to ``first`` seconds, and
            grows by ``factor`` each time up to ``longest``. A longer ``Retry-After`` is honoured up
            to a minute; beyond that and ``longest`` the model is not asked again.
        on: errors worth another attempt.
    """

    attempts: int = 1
    first: float = 0.5
    factor: float = 2.0
    longest: float = 8.0
    on: Callable[[BaseException], bool] = is_transient

    def __post_init__(self) -> None:
        check_counts(attempts=self.attempts)
        check_from_zero(first=self.first, factor=self.factor, longest=self.longest)
        check_kinds(Callable, on=self.on)

    def pause(self, asked: int, error: BaseException) -> float | None:
        """Seconds until attempt number ``asked + 1``; None when there is to be none."""
        if asked >= self.attempts or not self.on(error):
            return None
        if (told := _retry_after(error)) > max(self.longest, _LONGEST_HEEDED):
            return None
        return max(random.uniform(0, self._most(asked)), told)  # noqa: S311

    def _most(self, asked: int) -> float:
        """Seconds that the pause after so many attempts is at most."""
        try:
            return min(self.longest, self.first * self.factor ** (asked - 1))
        except OverflowError:
            return self.longest if self.first else 0.0


def _retry_after(error: BaseException) -> float:
    """Seconds from now that the error's headers ask to wait; 0 when they ask for nothing clear."""
    told: Any = _header(error, "retry-after") or _header(error, "Retry-After") or 0
    with contextlib.suppress(TypeError, ValueError, OverflowError):
        return max(0.0, float(told))
    with contextlib.suppress(ValueError, OverflowError):
        return max(0.0, parsedate_to_datetime(str(told)).timestamp() - time.time())
    return 0.0


def _header(error: BaseException, name: str) -> Any:
    """What a header of the answer says; None where there is none."""
    for one in chain(error):
        headers: Any = read(read(one, "response"), "headers")
        with contextlib.suppress(Exception):  # none, or of an unknown kind
            return headers.get(name)
    return None


@dataclass(frozen=True)
class BreakerRule:
    """When to stop asking a model that keeps failing. Each process finds out for itself.

    Args:
        failures: so many in a row open the breaker.
        cooldown: seconds until one call may try again; it closes the breaker, or opens it anew. A
            stream has tried when its first piece is there, but only its end closes the breaker.
    """

    failures: int = 5
    cooldown: float = 30.0

    def __post_init__(self) -> None:
        check_counts(failures=self.failures)
        check_above_zero(cooldown=self.cooldown)


@dataclass(frozen=True)
class Limits:
    """How to treat one candidate.

    Args:
        timeout: seconds for one attempt: to the answer, or to each piece of a stream.
        retry: whether to ask it again when it failed.
        breaker: when to leave it alone for a while; None never does.
        places: calls it may serve at the same time; others wait their turn. A stream keeps its
            place until it is over or closed; a call that is given up keeps none.
    """

    timeout: float | None = None
    retry: Retry = Retry()
    breaker: BreakerRule | None = BreakerRule()
    places: int | None = None

    def __post_init__(self) -> None:
        _check_seconds(timeout=self.timeout)
        check_kinds(Retry, retry=self.retry)
        if self.breaker is not None:
            check_kinds(BreakerRule, breaker=self.breaker)
        if self.places is not None:
            check_counts(places=self.places)


@dataclass(frozen=True)
class Reliability:
    """How to treat a call and its candidates. By default nothing is limited.

    Args:
        deadline: seconds for the whole call, retries and failover included.
        max_cost: USD for the whole call. A model whose predicted cost is beyond what is left is not
            asked; one that has no price is.
        hedge_after: seconds after which the next of the ranking is asked too, whoever is first.
        limits: how to treat a candidate.
        special: candidates that are to be treated otherwise, by name.
    """

    deadline: float | None = None
    max_cost: float | None = None
    hedge_after: float | None = None
    limits: Limits = Limits()
    special: Mapping[str, Limits] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.max_cost is not None:
            check_above_zero(max_cost=self.max_cost)
        _check_seconds(deadline=self.deadline, hedge_after=self.hedge_after)
        check_kinds(Limits, limits=self.limits)
        check_kinds(Mapping, special=self.special)
        check_kinds(Limits, **{f"special of {name}": one for name, one in self.special.items()})

    def of(self, model: str) -> Limits:
        """How to treat this candidate."""
        return self.special.get(model, self.limits)
