"""Who wrote which answer: remembered, and on the answers themselves as the decision's record."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any, Final

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import Runnable, RunnableBinding

from langchain_llmrouter.messages import Message, recorded_author, with_record, without_record
from shared_core.decision import RoutingDecision
from shared_core.routers.sticky import Memory

REMEMBERED: Final = 10_000
"""Answers whose author is remembered, the latest given."""
TTL: Final = 3600.0
"""Seconds for which an author is remembered."""

LLM_TYPE: Final = "llmrouter"
"""What kind of chat model a router is."""


class Authors:
    """Knows which model of a router wrote an answer, by the message's id or its record.

    Routers may be models of routers, over models of the same names. So a router that records reads
    the outermost record of an answer as its own, and hands messages on without it; one that does
    not record reads none. Thread-safe.

    Args:
        record: whether answers carry the decision.
        memory: of authors, by the ids of their answers.
        names: of the router's models.
    """

    def __init__(self, record: bool, memory: Memory, names: Container[str]) -> None:
        self._record = record
        self._memory = memory
        self._names = names

    def signed(self, message: Message, decision: RoutingDecision) -> Message:
        """The answer, its author remembered; a copy with the decision, where it is to carry it."""
        self.note(message.id, decision.model)
        return with_record(message, decision) if self._record else message

    def note(self, message_id: str | None, model: str) -> None:
        """Remember who wrote a message."""
        self._memory.note(message_id, model)

    def latest(self, messages: Sequence[BaseMessage]) -> str | None:
        """Who wrote the newest answer of one of the router's models."""
        for message in reversed(messages):
            if isinstance(message, AIMessage) and (author := self._author(message)) is not None:
                return author
        return None

    def handed(self, messages: list[Any], model: Runnable[Any, Any]) -> list[Any]:
        """The messages for a model, which may be a router and look for records of its own."""
        if not self._record or _is_plain(model):
            return messages
        return [without_record(message) for message in messages]

    def _author(self, message: AIMessage) -> str | None:
        remembered = self._memory.model_of(message.id)
        if remembered is not None or not self._record:
            return remembered
        recorded = recorded_author(message)
        return recorded if recorded in self._names else None


def _is_plain(model: Runnable[Any, Any]) -> bool:
    """Whether it is a chat model by itself: in anything else there may be a router."""
    while isinstance(model, RunnableBinding):
        model = model.bound
    return isinstance(model, BaseChatModel) and model._llm_type != LLM_TYPE
