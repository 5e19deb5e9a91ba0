"""Who wrote which answer: remembered, and on the answers themselves as the decision's record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import Runnable

from langchain_llmrouter.messages import Message, recorded_author, with_record, without_record
from langchain_llmrouter.portable import is_foreign, portable
from shared_core.decision import RoutingDecision
from shared_core.routers.sticky import Memory

REMEMBERED: Final = 10_000
"""Answers whose author is remembered, the latest given."""
TTL: Final = 3600.0
"""Seconds for which an author is remembered."""


class Authors:
    """Knows which model of a router wrote an answer, by the message's id or its record.

    Routers may be models of routers, over models of the same names. So a router that records reads
    the outermost record of an answer as its own, and hands messages on without it; one that does
    not record reads none. No model is handed a record: LangChain's caches compare all that messages
    hold, and no two records are alike. Thread-safe.

    Args:
        record: whether answers carry the decision.
        memory: of authors, by the ids of their answers.
        models: name -> model, the router's.
    """

    def __init__(
        self, record: bool, memory: Memory, models: Mapping[str, Runnable[Any, Any]]
    ) -> None:
        self._record = record
        self._memory = memory
        self._models = models

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

    def handed(self, messages: list[Any], name: str) -> list[Any]:
        """The messages for a model: without records, and without what others wrote for themselves.

        Args:
            messages: the conversation.
            name: of the model.
        """
        fitted = [self._fitted(message, name) for message in messages]
        return [without_record(message) for message in fitted] if self._record else fitted

    def _fitted(self, message: Any, name: str) -> Any:
        if not isinstance(message, AIMessage) or isinstance(message.content, str):
            return message
        author = self._author(message)
        if author is None or not is_foreign(self._models[author], self._models[name]):
            return message
        return portable(message)

    def _author(self, message: AIMessage) -> str | None:
        remembered = self._memory.model_of(message.id)
        if remembered is not None or not self._record:
            return remembered
        recorded = recorded_author(message)
        return recorded if recorded in self._models else None
