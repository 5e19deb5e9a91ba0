"""What holds for every call of a dispatcher."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from shared_core.calls.health import Health
from shared_core.events import Listener
from shared_core.reliability import Reliability
from shared_core.routers.base import Router


@dataclass(frozen=True)
class Terms:
    """What holds for every call of a dispatcher.

    Args:
        router: who decides.
        reliability: how hard to try.
        health_of: breaker and places of a candidate.
        catches: errors that count as a model's failure.
        failover: whether the models after the first of the ranking may be asked.
        listeners: told what happens.
        twins: candidates that are one model under several names, each with its other names.
    """

    router: Router
    reliability: Reliability
    health_of: Callable[[str], Health]
    catches: tuple[type[Exception], ...]
    failover: bool
    listeners: Sequence[Listener]
    twins: Mapping[str, frozenset[str]]
