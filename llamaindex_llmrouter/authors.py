"""Who wrote which message, remembered by digest: LlamaIndex' messages cannot carry it.

Integrations send what stands in a message's ``additional_kwargs``, so nothing of ours goes there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Final

from llama_index.core.base.llms.types import ChatMessage, ToolCallBlock

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

    def note(self, turns: Sequence[Turn], answer: ChatMessage, model: str) -> None:
        """Remember that the model answered these turns so."""
        requests = _requests(turns)
        text = answer.content or ""
        self._memory.note(_digest(*requests[-1:], text, *_calls(answer)), model)
        self._memory.note(_digest("", *requests[-_REQUESTS:]), model)

    def of(self, messages: Sequence[ChatMessage], turns: Sequence[Turn]) -> list[str | None]:
        """For each message who wrote it; None where that is not known."""
        request: list[str] = []
        found: list[str | None] = []
        for message, turn in zip(messages, turns, strict=True):
            if turn.is_request:
                request = [turn.request]
            is_answer = turn.role == "assistant"
            key = _digest(*request, turn.text, *_calls(message)) if is_answer else None
            found.append(self._memory.model_of(key))
        return found

    def last(self, turns: Sequence[Turn]) -> str | None:
        """Who answered last in this conversation, by its requests; None where nobody did."""
        answered = [place for place, turn in enumerate(turns) if turn.role == "assistant"]
        if not answered:
            return None
        requests = _requests(turns[: answered[-1] + 1])
        return self._memory.model_of(_digest("", *requests[-_REQUESTS:]))


def _requests(turns: Sequence[Turn]) -> list[str]:
    return [turn.request for turn in turns if turn.is_request]


def _calls(answer: ChatMessage) -> Iterator[str]:
    for block in answer.blocks:
        if isinstance(block, ToolCallBlock):
            yield f"{block.tool_call_id}\n{block.tool_name}\n{block.tool_kwargs}"


def _digest(*parts: str) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()
