"""Who wrote which message, remembered by hash: LlamaIndex' messages cannot carry it.

Integrations send what stands in a message's ``additional_kwargs``, so nothing of ours goes there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from llama_index.core.base.llms.types import ChatMessage, ToolCallBlock

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

    A message is known again by what it says, with the request it answers. Where an agent rewrites
    the request, tool calls are known by themselves; where it rewrites the answer, or nobody kept
    it, the conversation is known by its latest requests. Keeps hashes, no text. Thread-safe.
    """

    def __init__(self) -> None:
        self._memory = Memory(REMEMBERED, TTL)

    def note(self, turns: Sequence[Turn], answer: ChatMessage | None, model: str) -> None:
        """Remember that the model answered these turns so; without the answer, that it did."""
        requests = _latest_requests(turns)
        self._memory.note(hash(("", *requests)), model)
        if answer is None:
            return
        (said,), calls = turns_of([answer]), _calls(answer)
        self._memory.note(hash((*requests[-1:], said.text, *calls)), model)
        if calls:
            self._memory.note(hash(calls), model)

    def of(self, messages: Sequence[ChatMessage], turns: Sequence[Turn]) -> list[str | None]:
        """For each message who wrote it; None where that is not known."""
        found: list[str | None] = [None] * len(turns)
        for place, request in self._answers(turns):
            found[place] = self._author(messages[place], turns[place], request)
        return found

    def latest(self, messages: Sequence[ChatMessage], turns: Sequence[Turn]) -> str | None:
        """Who answered last; None where that is not known."""
        for place, request in reversed(self._answers(turns)):
            if model := self._author(messages[place], turns[place], request):
                return model
            requests = _latest_requests(turns[:place])
            if model := self._memory.model_of(hash(("", *requests))):
                return model
        return None

    def _answers(self, turns: Sequence[Turn]) -> list[tuple[int, tuple[str, ...]]]:
        """Where the assistant speaks, each with the request it answers, if somebody is known."""
        request: tuple[str, ...] = ()
        found = []
        for place, turn in enumerate(turns if len(self._memory) else ()):
            if turn.role == "assistant":
                found.append((place, request))
            elif turn.is_request:
                request = (turn.request,)
        return found

    def _author(self, message: ChatMessage, turn: Turn, request: tuple[str, ...]) -> str | None:
        calls = _calls(message)
        author = self._memory.model_of(hash((*request, turn.text, *calls)))
        return self._memory.model_of(hash(calls)) if calls and author is None else author


def _latest_requests(turns: Sequence[Turn]) -> list[str]:
    found: list[str] = []
    for turn in reversed(turns):
        if turn.is_request:
            found.insert(0, turn.request)
            if len(found) == _REQUESTS:
                break
    return found


def _calls(answer: ChatMessage) -> tuple[str, ...]:
    calls = (block for block in answer.blocks if isinstance(block, ToolCallBlock))
    return tuple(f"{call.tool_call_id}\n{call.tool_name}\n{call.tool_kwargs}" for call in calls)
