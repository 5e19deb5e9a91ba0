"""The decision on an answer, or, where it must not stand there, who wrote which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from langchain_core.messages import BaseMessage

from langchain_llmrouter.messages import Message, with_record
from shared_core.decision import RoutingDecision
from shared_core.routers.sticky import Memory

REMEMBERED: Final = 10_000
"""Answers whose author is remembered, the latest given."""
TTL: Final = 3600.0
"""Seconds for which an author is remembered."""


class Authors:
    """Says, or remembers by the message's id, which model wrote an answer. Thread-safe.

    Args:
        record: whether answers carry the decision.
        memory: of authors, by the ids of their answers.
    """

    def __init__(self, record: bool, memory: Memory) -> None:
        self._record = record
        self._memory = memory

    def signed(self, message: Message, decision: RoutingDecision) -> Message:
        """The answer with the decision, or as it is, its author remembered."""
        if self._record:
            return with_record(message, decision)
        self._memory.note(message.id, decision.model)
        return message

    def latest(self, messages: Sequence[BaseMessage]) -> str | None:
        """Who wrote the newest answer that this knows of."""
        known = (self._memory.model_of(message.id) for message in reversed(messages))
        return None if self._record else next(filter(None, known), None)
