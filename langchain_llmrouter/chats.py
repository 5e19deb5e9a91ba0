"""LangChain's public ways to ask a chat model, each handed on whole to the model that is chosen.

So the chosen model's run is the only model run: usage is counted once, streamed text appears once,
and caches and tracers see the model that answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Literal, cast

from langchain_core.callbacks import Callbacks
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult, LLMResult
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.tools import BaseTool
from pydantic import BaseModel

from langchain_llmrouter.delegation import as_chunk, chunk_of, message_of
from langchain_llmrouter.exchange import Exchange, Form
from langchain_llmrouter.messages import RECORD
from langchain_llmrouter.relay import arelayed, events_signed_by, relayed
from langchain_llmrouter.structured import StructuredOutput
from langchain_llmrouter.tools import BOUND, BoundTools
from shared_core.errors import ConfigError


class ChatMethods(BaseChatModel):
    """Answers, whole and streamed, with tools and with structure."""

    @property
    def _exchange(self) -> Exchange:
        """What carries calls out."""
        raise NotImplementedError

    def invoke(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AIMessage:
        exchange = self._exchange
        message: AIMessage = exchange.run(
            input, config, _stopped(kwargs, stop), _messages(exchange)
        )
        return message

    async def ainvoke(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AIMessage:
        exchange = self._exchange
        message: AIMessage = await exchange.arun(
            input, config, _stopped(kwargs, stop), _messages(exchange)
        )
        return message

    def stream(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> Iterator[AIMessageChunk]:
        if self._streaming_disabled(**kwargs):
            yield as_chunk(self.invoke(input, config, stop=stop, **kwargs))
            return
        exchange = self._exchange
        yield from exchange.stream(input, config, _stopped(kwargs, stop), _messages(exchange))

    async def astream(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[AIMessageChunk]:
        if self._streaming_disabled(**kwargs):
            yield as_chunk(await self.ainvoke(input, config, stop=stop, **kwargs))
            return
        exchange, given = self._exchange, _stopped(kwargs, stop)
        chunks = exchange.astream(input, config, given, _messages(exchange))
        async with aclosing(chunks):
            async for chunk in chunks:
                yield chunk

    def stream_events(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        version: Literal["v1", "v2", "v3"] = "v2",
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> Any:
        """As LangChain's; ``v3`` gives the chosen model's events, the first of them heard."""
        if version == "v3":
            exchange, given = self._exchange, _stopped(kwargs, stop)
            form = events_signed_by(exchange.authors)
            return relayed(exchange.stream(input, config, given, form))
        return super().stream_events(input, config, version=version, stop=stop, **kwargs)

    def astream_events(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        version: Literal["v1", "v2", "v3"] = "v2",
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> Any:
        """``stream_events`` for coroutines: ``v3`` is awaited, the others are iterated."""
        if version == "v3":
            exchange, given = self._exchange, _stopped(kwargs, stop)
            form = events_signed_by(exchange.authors)
            return arelayed(exchange.astream(input, config, given, form))
        return super().astream_events(input, config, version=version, stop=stop, **kwargs)

    def generate(
        self,
        messages: list[list[BaseMessage]],
        stop: list[str] | None = None,
        callbacks: Callbacks = None,
        **kwargs: Any,
    ) -> LLMResult:
        config, kwargs = _config_of(callbacks, kwargs)
        return _llm_result([self.invoke(one, config, stop=stop, **kwargs) for one in messages])

    async def agenerate(
        self,
        messages: list[list[BaseMessage]],
        stop: list[str] | None = None,
        callbacks: Callbacks = None,
        **kwargs: Any,
    ) -> LLMResult:
        config, kwargs = _config_of(callbacks, kwargs)
        asked = (self.ainvoke(one, config, stop=stop, **kwargs) for one in messages)
        return _llm_result(await asyncio.gather(*asked))

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | dict[str, Any] | bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Tools for whichever model is chosen, which binds them its own way."""
        choice = {} if tool_choice is None else {"tool_choice": tool_choice}
        bound = BoundTools(tools, {**choice, **kwargs})
        return self.bind(**bound.shown, **{BOUND: bound})

    def with_structured_output(
        self, schema: dict[str, Any] | type, *, include_raw: bool = False, **kwargs: Any
    ) -> Runnable[LanguageModelInput, dict[str, Any] | BaseModel]:
        """Structured answers by the chosen model's own method."""
        return StructuredOutput(self, schema, {"include_raw": include_raw, **kwargs})

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> ChatResult:
        """Not reached from LangChain's public methods, which all delegate; for direct callers."""
        config: RunnableConfig = {"callbacks": run_manager.handlers} if run_manager else {}
        message = self.invoke(messages, config, stop=stop, **kwargs)
        return ChatResult(generations=[_generation(message)])


def _messages(exchange: Exchange) -> Form:
    return Form(message_of, chunk_of, exchange.authors.signed)


def _stopped(kwargs: dict[str, Any], stop: list[str] | None) -> dict[str, Any]:
    return kwargs if stop is None else {**kwargs, "stop": stop}


def _config_of(
    callbacks: Callbacks, kwargs: Mapping[str, Any]
) -> tuple[RunnableConfig, dict[str, Any]]:
    """The config that the legacy arguments amount to, and the other arguments.

    Raises:
        ConfigError: several answers to a prompt are asked for; a router hands one on.
    """
    if (n := kwargs.get("n")) not in (None, 1):
        raise ConfigError(f"a router gives one answer to a prompt, not n={n!r}: ask a model itself")
    legacy = ("tags", "metadata", "run_name", "run_id")
    given = {name: kwargs[name] for name in legacy if kwargs.get(name) is not None}
    rest = {name: value for name, value in kwargs.items() if name not in legacy}
    return cast("RunnableConfig", {**given, "callbacks": callbacks}), rest


def _llm_result(answers: Sequence[AIMessage]) -> LLMResult:
    return LLMResult(generations=[[_generation(answer)] for answer in answers], llm_output={})


def _generation(answer: AIMessage) -> ChatGeneration:
    """The answer with what its model tells of it, which LangChain has put on the message."""
    told = {name: about for name, about in answer.response_metadata.items() if name != RECORD}
    return ChatGeneration(message=answer, generation_info=told)
