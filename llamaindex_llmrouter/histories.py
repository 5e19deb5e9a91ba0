"""A conversation as a model of another provider can read it.

Providers demand ids of a shape of their own for tool calls and sign what their models think;
LlamaIndex' integrations send both on unchanged, and the request is refused. Copies are repaired,
never the caller's messages.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from llama_index.core.base.llms.types import (
    ChatMessage,
    ContentBlock,
    MessageRole,
    ThinkingBlock,
    ToolCallBlock,
)

from llamaindex_llmrouter.messages import field_of

_ALPHABET: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_ID_LENGTH: Final = 9
"""Letters and digits, nine of them: an id that every provider takes."""

_CALL_ID: Final = "tool_call_id"
_LEGACY_CALLS: Final = "tool_calls"

_SAFE_ID: Final = re.compile(r"[a-zA-Z0-9_-]{1,40}")


def has_strange_calls(message: ChatMessage) -> bool:
    """Whether ids of its tool calls have a shape that only their own provider takes."""
    return any(not _SAFE_ID.fullmatch(str(block.tool_call_id)) for block in _calls(message))


def has_signed_thoughts(message: ChatMessage) -> bool:
    """Whether its provider left with its thoughts what only that provider can read."""
    thoughts = (block for block in message.blocks if isinstance(block, ThinkingBlock))
    return any(thought.additional_information for thought in thoughts)


def readable(messages: Sequence[ChatMessage], foreign: Sequence[bool]) -> list[ChatMessage]:
    """The messages, those of another provider repaired: new ids for tool calls and for their
    results, no thinking, nothing provider-specific.

    Ids are made of the old ones, so the same conversation always reads the same.

    Args:
        messages: the conversation.
        foreign: for each message whether a model of another provider wrote it.
    """
    renamed: dict[str, str] = {}
    seen: Counter[str] = Counter()
    found = []
    for message, is_foreign in zip(messages, foreign, strict=True):
        if is_foreign:
            found.append(_repaired(message, renamed, seen))
        else:
            for block in _calls(message):  # the same id again, but of one who knows it
                renamed.pop(str(block.tool_call_id), None)
            found.append(_renamed_result(message, renamed))
    return found


def _renamed_result(message: ChatMessage, renamed: Mapping[str, str]) -> ChatMessage:
    given = message.additional_kwargs
    is_result = _CALL_ID in given or message.role == MessageRole.TOOL  # ids may be None
    new = renamed.get(str(given.get(_CALL_ID))) if is_result else None
    if new is None:
        return message
    return message.model_copy(update={"additional_kwargs": {**given, _CALL_ID: new}})


def _repaired(message: ChatMessage, renamed: dict[str, str], seen: Counter[str]) -> ChatMessage:
    blocks: list[ContentBlock] = []
    for block in (*message.blocks, *_legacy_calls(message)):
        if isinstance(block, ToolCallBlock):
            old = str(block.tool_call_id)
            seen[old] += 1
            renamed[old] = _id_of(old, seen[old])
            blocks.append(block.model_copy(update={_CALL_ID: renamed[old]}))
        elif not isinstance(block, ThinkingBlock):
            blocks.append(block)
    return message.model_copy(update={"blocks": blocks, "additional_kwargs": {}})


def _id_of(old: str, occurrence: int) -> str:
    told = f"{old}\n{occurrence}".encode("utf-8", "surrogatepass")
    number = int.from_bytes(hashlib.blake2b(told, digest_size=8).digest(), "big")
    letters = []
    for _ in range(_ID_LENGTH):
        number, letter = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[letter])
    return "".join(letters)


def calls_of(message: ChatMessage) -> list[tuple[str, Any]]:
    """Name and arguments of each tool call, also of those that stand beside the message only."""
    blocks = (*_calls(message), *_legacy_calls(message))
    return [(block.tool_name, _read(block.tool_kwargs)) for block in blocks]


def _calls(message: ChatMessage) -> Iterator[ToolCallBlock]:
    return (block for block in message.blocks if isinstance(block, ToolCallBlock))


def _legacy_calls(message: ChatMessage) -> Iterator[ToolCallBlock]:
    """Calls that stand beside the message only, in the shape of OpenAI's API."""
    if any(_calls(message)):
        return
    for call in message.additional_kwargs.get(_LEGACY_CALLS) or ():
        function = field_of(call, "function")
        name = field_of(function, "name")
        if isinstance(name, str):
            arguments = field_of(function, "arguments")
            yield ToolCallBlock(
                tool_call_id=field_of(call, "id"),
                tool_name=name,
                tool_kwargs=_read(arguments),
            )


def _read(arguments: Any) -> dict[str, Any] | str:
    """A call's arguments, read where they are JSON."""
    if not isinstance(arguments, str):
        return arguments or {}
    try:
        read = json.loads(arguments)
    except ValueError:
        return arguments
    return read if isinstance(read, dict) else arguments
