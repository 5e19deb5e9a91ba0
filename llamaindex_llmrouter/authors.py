"""Who wrote which message, remembered by digest: LlamaIndex' messages cannot carry it.

Integrations send what stands in a message's ``additional_kwargs``, so nothing of ours goes there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Final

from llama_index.core.base.llms.types import ChatMessage, MessageRole, ToolCallBlock

from llamaindex_llmrouter.messages import turns_of
from shared_core.conversation import Turn
from shared_core.routers.sticky import Memory

REMEMBERED: Final = 10_000
"""Messages whose author is remembered, the latest written."""
TTL: Final = 3600.0
"""Seconds for which an author is remembered."""

_REQUESTS: Final = 2
"""Human requests, the latest, that tell one conversation from another."""


class Authors:
    """Remembers which model wrote a message, and which answered last in a conversation.

    A message is known again by what it says, with the request it answers; where an agent rewrites
    answers, a conversation is known by its latest requests. Keeps digests, no text. Thread-safe.
    """

    def __init__(self) -> None:
        self._memory = Memory(REMEMBERED, TTL)

    def note(self, asked: Sequence[ChatMessage], answer: ChatMessage, model: str) -> None:
        """Remember that the model answered so."""
        self._memory.note(_digest(*_said(_request_before(asked, len(asked)), answer)), model)
        requests = _requests(turns_of(asked))
        self._memory.note(_digest("requests", *requests[-_REQUESTS:]), model)

    def of(self, messages: Sequence[ChatMessage]) -> list[str | None]:
        """For each message who wrote it; None where that is not known."""
        return [
            self._memory.model_of(_digest(*_said(_request_before(messages, place), message)))
            if message.role == MessageRole.ASSISTANT
            else None
            for place, message in enumerate(messages)
        ]

    def last(self, messages: Sequence[ChatMessage]) -> str | None:
        """Who answered last in this conversation, by its requests; None where nobody did."""
        turns = turns_of(messages)
        answered = [place for place, turn in enumerate(turns) if turn.role == "assistant"]
        if not answered:
            return None
        requests = _requests(turns[: answered[-1] + 1])
        return self._memory.model_of(_digest("requests", *requests[-_REQUESTS:]))


def _requests(turns: Sequence[Turn]) -> list[str]:
    return [turn.request for turn in turns if turn.is_request]


def _request_before(messages: Sequence[ChatMessage], place: int) -> str:
    """The newest user message before this place."""
    before = (messages[i] for i in range(place - 1, -1, -1))
    return next((m.content or "" for m in before if m.role == MessageRole.USER), "")


def _said(request: str, answer: ChatMessage) -> Iterator[str]:
    yield request
    yield answer.content or ""
    for block in answer.blocks:
        if isinstance(block, ToolCallBlock):
            yield f"{block.tool_call_id}\n{block.tool_name}\n{block.tool_kwargs}"


def _digest(*parts: str) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()
