"""Calls on their way to the chosen model: what the dispatcher asks, in LlamaIndex' terms."""

from __future__ import annotations

from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Iterator,
    Mapping,
)
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeVar, cast

from llama_index.core.base.llms.types import ChatResponse, CompletionResponse
from llama_index.core.llms import LLM
from pydantic import BaseModel

from llamaindex_llmrouter.messages import with_record
from shared_core.decision import Answer
from shared_core.dispatch import Dispatcher, Streamed
from shared_core.query import Query

Value = TypeVar("Value")


@dataclass(frozen=True)
class Delegation:
    """Hands calls to whichever model the dispatcher asks for.

    A call is a function of the model, such as ``lambda model: model.chat(messages)``.

    Args:
        models: name -> model.
        dispatcher: decides, and goes down the ranking.
    """

    models: Mapping[str, LLM]
    dispatcher: Dispatcher

    def run(self, query: Query, ask: Callable[[LLM], Value]) -> Value:
        """The chosen model's answer, with the decision's record."""
        decision, answer = self.dispatcher.run(query, self._call(ask))
        value: Value = answer.value
        return with_record(value, decision.to_dict())

    async def arun(self, query: Query, ask: Callable[[LLM], Awaitable[Value]]) -> Value:
        """``run`` for coroutines."""
        decision, answer = await self.dispatcher.arun(query, self._acall(ask))
        value: Value = answer.value
        return with_record(value, decision.to_dict())

    def stream(
        self,
        query: Query,
        ask: Callable[[LLM], Value],
        stream: Callable[[LLM], Generator[Value, None, None]],
    ) -> Generator[Value, None, None]:
        """The chosen model's pieces, each with the record: they are whole answers so far.

        Decides and hears the first piece at once: errors, spans and events are then the caller's,
        even where another thread reads the rest.

        Args:
            query: what to route.
            ask: the same call for the whole answer, for routers that hear answers first.
            stream: the call.
        """
        pieces = self.dispatcher.stream(query, self._call(ask), lambda m: stream(self.models[m]))
        return _resumed(next(pieces, None), pieces)

    async def astream(
        self,
        query: Query,
        ask: Callable[[LLM], Awaitable[Value]],
        stream: Callable[[LLM], Awaitable[AsyncGenerator[Value, None]]],
    ) -> AsyncGenerator[Value, None]:
        """``stream`` for coroutines that return asynchronous generators."""

        async def pieces_of(model: str) -> AsyncGenerator[Value, None]:
            async for piece in await stream(self.models[model]):
                yield piece

        pieces = self.dispatcher.astream(query, self._acall(ask), pieces_of)
        return _aresumed(await anext(pieces, None), pieces)

    def _call(self, ask: Callable[[LLM], Any]) -> Callable[[str], Answer]:
        return lambda model: _answer(model, ask(self.models[model]))

    def _acall(self, ask: Callable[[LLM], Awaitable[Any]]) -> Callable[[str], Awaitable[Answer]]:
        async def call(model: str) -> Answer:
            return _answer(model, await ask(self.models[model]))

        return call


def _resumed(
    first: Streamed[Value] | None, rest: Iterator[Streamed[Value]]
) -> Generator[Value, None, None]:
    """The pieces with the record, the first one heard already."""
    if first is None:
        return
    record = first.decision.to_dict()
    for streamed in chain((first,), rest):
        yield with_record(_piece(streamed), record)


async def _aresumed(
    first: Streamed[Value] | None, rest: AsyncIterator[Streamed[Value]]
) -> AsyncGenerator[Value, None]:
    if first is None:
        return
    record = first.decision.to_dict()
    yield with_record(_piece(first), record)
    async for streamed in rest:
        yield with_record(_piece(streamed), record)


def _answer(model: str, value: Any) -> Answer:
    """What a model answered, with the token counts that integrations put beside the message."""
    is_response = isinstance(value, ChatResponse | CompletionResponse)
    counts = value.additional_kwargs if is_response else {}
    return Answer(
        model,
        _text_of(value),
        value,
        in_tokens=counts.get("prompt_tokens"),
        out_tokens=counts.get("completion_tokens"),
    )


def _text_of(value: Any) -> str:
    if isinstance(value, ChatResponse):
        return value.message.content or ""
    if isinstance(value, CompletionResponse):
        return value.text
    return value.model_dump_json() if isinstance(value, BaseModel) else str(value)


def _piece(streamed: Streamed[Value]) -> Value:
    """A piece of a stream; an answer that was heard whole is the stream's only piece."""
    if streamed.decision.answer is None:
        return cast("Value", streamed.piece)
    value: Value = streamed.decision.answer.value
    if not isinstance(value, ChatResponse | CompletionResponse):
        return value
    return cast("Value", value.model_copy(update={"delta": _text_of(value)}))
