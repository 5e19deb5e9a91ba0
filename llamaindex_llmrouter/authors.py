"""Who wrote which message, remembered by hash: LlamaIndex' messages cannot carry it.

Integrations send what stands in a message's ``additional_kwargs``, so nothing of ours goes there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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

    A message is known again by what it says, with the request it answers; where an agent rewrites
    answers, a conversation is known by its latest requests. Keeps hashes, no text. Thread-safe.
    """

    def __init__(self) -> None:
        self._memory = Memory(REMEMBERED, TTL)

    def note(self, turns: Sequence[Turn], answer: ChatMessage, model: str) -> None:
        """Remember that the model answered these turns so."""
        requests = _latest_requests(turns)
        (said,) = turns_of([answer])
        self._memory.note(hash((*requests[-1:], said.text, *_calls(answer))), model)
        self._memory.note(hash(("", *requests)), model)

    def of(self, messages: Sequence[ChatMessage], turns: Sequence[Turn]) -> list[str | None]:
        """For each message who wrote it; None where that is not known."""
        found: list[str | None] = [None] * len(turns)
        for place, request in self._answers(turns):
            found[place] = self._author(messages[place], turns[place], request)
        return found

    def latest(self, messages: Sequence[ChatMessage], turns: Sequence[Turn]) -> str | None:
        """Who answered last; None where that is not known."""
        answers = self._answers(turns)
        for place, request in reversed(answers):
            if model := self._author(messages[place], turns[place], request):
                return model
        if not answers:
            return None
        requests = _latest_requests(turns[: answers[-1][0] + 1])
        return self._memory.model_of(hash(("", *requests)))

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
        return self._memory.model_of(hash((*request, turn.text, *_calls(message))))


def _latest_requests(turns: Sequence[Turn]) -> list[str]:
    found: list[str] = []
    for turn in reversed(turns):
        if turn.is_request:
            found.insert(0, turn.request)
            if len(found) == _REQUESTS:
                break
    return found


def _calls(answer: ChatMessage) -> Iterator[str]:
    for block in answer.blocks:
        if isinstance(block, ToolCallBlock):
            yield f"{block.tool_call_id}\n{block.tool_name}\n{block.tool_kwargs}"
