"""What happened, for whoever listens. A listener is any callable that takes a RoutingEvent."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from shared_core.attempt import Attempt
from shared_core.decision import RoutingDecision

Kind = Literal["decided", "heard", "failed", "answered", "gave_up"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RoutingEvent:
    """Something that happened to one query. Holds no prompt and no answer text.

    Args:
        kind: ``decided``; ``heard`` (an answer that was needed to decide), ``failed`` (one call),
            ``answered`` or ``gave_up``. What happened while deciding is told once it is decided; a
            stream that breaks off has ``failed`` after it was ``answered``.
        decision: the decision as it stands at this moment.
        attempt: the call, for ``heard``, ``failed`` and ``answered``.
        seconds: time spent: deciding for ``decided``, in all for the others.
        time: when, in seconds since the epoch.
    """

    kind: Kind
    decision: RoutingDecision
    seconds: float
    attempt: Attempt | None = None
    time: float = field(default_factory=time.time)


Listener = Callable[[RoutingEvent], None]


def tell(listeners: Iterable[Listener], event: RoutingEvent) -> None:
    """Hand the event to every listener; one that raises is logged and spoils nothing."""
    for listener in listeners:
        try:
            listener(event)
        except Exception as error:
            # What the call was handling when it told of this quotes keys and prompts.
            error.__cause__ = error.__context__ = None
            logger.exception("the listener %r failed on a %r event", listener, event.kind)
