"""How a stream begins: until a model has said something, another may take over."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Final

from langchain_core.messages import AIMessageChunk

_OPENING: Final = ("message-start", "content-block-start")
"""Events that only open a message or a block."""

_ABOUT: Final = frozenset({"type", "index", "id", "status", "phase"})
"""Keys of what is told of a block, not in it."""


def opening(pieces: Iterator[Any]) -> list[Any]:
    """The pieces up to the first that says something."""
    early = []
    for piece in pieces:
        early.append(piece)
        if _says_something(piece):
            break
    return early


async def aopening(pieces: AsyncIterator[Any]) -> list[Any]:
    """``opening`` for asynchronous iterators."""
    early = []
    async for piece in pieces:
        early.append(piece)
        if _says_something(piece):
            break
    return early


def _says_something(piece: Any) -> bool:
    """Not so chunks that only tell of the role, and those that open a block with nothing in it."""
    if isinstance(piece, AIMessageChunk):
        words = piece.content
        said = words if isinstance(words, str) else any(map(_is_filled, words))
        return bool(said or piece.tool_call_chunks or any(piece.additional_kwargs.values()))
    return not (isinstance(piece, dict) and piece.get("event") in _OPENING)


def _is_filled(block: Any) -> bool:
    if not isinstance(block, Mapping):
        return bool(block)
    return any(value for key, value in block.items() if key not in _ABOUT)
