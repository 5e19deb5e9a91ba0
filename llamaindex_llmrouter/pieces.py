"""Pieces of a streamed answer: each with the decision, and none before something is said."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import aclosing, closing, nullcontext
from typing import Any, TypeVar, cast

from llama_index.core.base.llms.types import ChatResponse, TextBlock, ThinkingBlock

from llamaindex_llmrouter.messages import RESPONSES, text_of, with_record
from llamaindex_llmrouter.requests import Heard
from shared_core.dispatch import Streamed

Value = TypeVar("Value")


def from_first_word(pieces: Iterator[Value]) -> Generator[Value, None, None]:
    """The pieces, held back until one says something: so long, another model may answer instead."""
    held = []
    with closing(pieces) if hasattr(pieces, "close") else nullcontext():  # type: ignore[type-var]
        for piece in pieces:
            held.append(piece)
            if _says_something(piece):
                break
        yield from held
        yield from pieces


async def afrom_first_word(
    begin: Callable[[], Awaitable[AsyncIterator[Value]]],
) -> AsyncGenerator[Value, None]:
    """``from_first_word`` of an asynchronous iterator that is yet to be begun."""
    held = []
    pieces = await begin()
    async with aclosing(pieces) if hasattr(pieces, "aclose") else nullcontext():  # type: ignore[type-var]
        async for piece in pieces:
            held.append(piece)
            if _says_something(piece):
                break
        for piece in held:
            yield piece
        async for piece in pieces:
            yield piece


def resumed(
    first: Streamed[Value] | None, rest: Iterator[Streamed[Value]], heard: Heard
) -> Generator[Value, None, None]:
    """The pieces with the record, the first one heard already."""
    if first is None:
        return
    record = first.decision.to_dict()
    with closing(rest):  # type: ignore[type-var]
        piece = _piece(first)
        yield with_record(piece, record)
        for streamed in rest:
            piece = _piece(streamed)
            yield with_record(piece, record)
    heard(first.decision.model, piece)


async def aresumed(
    first: Streamed[Value] | None, rest: AsyncIterator[Streamed[Value]], heard: Heard
) -> AsyncGenerator[Value, None]:
    """``resumed`` of an asynchronous iterator."""
    if first is None:
        return
    record = first.decision.to_dict()
    async with aclosing(rest):  # type: ignore[type-var]
        piece = _piece(first)
        yield with_record(piece, record)
        async for streamed in rest:
            piece = _piece(streamed)
            yield with_record(piece, record)
    heard(first.decision.model, piece)


def _piece(streamed: Streamed[Value]) -> Value:
    """A piece of a stream; an answer that was heard whole is the stream's only piece."""
    if streamed.decision.answer is None:
        return cast("Value", streamed.piece)
    value: Value = streamed.decision.answer.value
    if not isinstance(value, RESPONSES):
        return value
    return cast("Value", value.model_copy(update={"delta": text_of(value)}))


def _says_something(piece: Any) -> bool:
    """Whether there is text, thought or a tool call in a piece; some begin with none of it."""
    if not isinstance(piece, RESPONSES):
        return bool(piece != "")
    if piece.delta or text_of(piece):
        return True
    if not isinstance(piece, ChatResponse):
        return False
    blocks = piece.message.blocks
    return bool(piece.message.additional_kwargs.get("tool_calls")) or any(map(_is_said, blocks))


def _is_said(block: Any) -> bool:
    if isinstance(block, TextBlock):
        return bool(block.text)
    return not isinstance(block, ThinkingBlock) or bool(block.content)
