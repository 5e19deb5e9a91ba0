"""Decisions as events of LlamaIndex' instrumentation."""

from __future__ import annotations

from typing import Any

from llama_index.core.instrumentation import (  # type: ignore[attr-defined]
    Dispatcher,
    get_dispatcher,
)
from llama_index.core.instrumentation.event_handlers import NullEventHandler
from llama_index.core.instrumentation.events import BaseEvent

from shared_core.decision import RoutingDecision
from shared_core.events import RoutingEvent

_instrumentation = get_dispatcher(__name__)


class RoutingDecisionEvent(BaseEvent):
    """Tells event handlers what a router decided: one event for each decision, before any call.

    Failover comes later: it stands in the answer's record, which has the same ``id``.

    Args:
        decision: ``RoutingDecision.to_dict()``; holds neither the prompt nor the answer.
    """

    decision: dict[str, Any]

    @classmethod
    def class_name(cls) -> str:
        return "RoutingDecisionEvent"


def announce(decision: RoutingDecision) -> None:
    """Emit the decision to the event handlers of LlamaIndex' instrumentation, if there are any."""
    if _is_heard():
        _instrumentation.event(RoutingDecisionEvent(decision=decision.to_dict()))


def announce_decided(event: RoutingEvent) -> None:
    """A listener that announces decisions as they are made."""
    if event.kind == "decided":
        announce(event.decision)


def _is_heard() -> bool:
    """Whether an event reaches any handler; making one costs more than many a decision."""
    dispatcher: Dispatcher | None = _instrumentation
    while dispatcher is not None:
        if any(not isinstance(one, NullEventHandler) for one in dispatcher.event_handlers):
            return True
        dispatcher = dispatcher.parent if dispatcher.propagate else None
    return False
