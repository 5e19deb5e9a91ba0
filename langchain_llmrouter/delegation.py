"""One call on its way to the chosen model: what the dispatcher asks, in LangChain's terms."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.rate_limiters import BaseRateLimiter
from langchain_core.runnables import Runnable, RunnableConfig

from shared_core.decision import Answer
from shared_core.dispatch import Streamed
from shared_core.scorers.likelihood import certainty_of

AnyRunnable = Runnable[Any, Any]


@dataclass(slots=True)
class Delegation:
    """A call's input and options, ready to be handed to any model of the pool.

    Args:
        models: name -> model.
        input: what is asked.
        config: the caller's, with the router's own run as the parent.
        options: keyword arguments of the call.
        derive: what to make of a model before calling it, such as binding tools.
        limiter: waited for before every call.
    """

    models: Mapping[str, AnyRunnable]
    input: Any
    config: RunnableConfig
    options: Mapping[str, Any]
    derive: Callable[[AnyRunnable], AnyRunnable] | None = None
    limiter: BaseRateLimiter | None = None

    def call(self, model: str, prompt: str | None = None) -> Answer:
        """Ask a model for its whole answer; a ``prompt`` is asked in the input's place."""
        if self.limiter is not None:
            self.limiter.acquire(blocking=True)
        runnable, input, config, options = self._call(model, prompt)
        return answer_of(model, runnable.invoke(input, config, **options))

    async def acall(self, model: str, prompt: str | None = None) -> Answer:
        """``call`` without blocking."""
        if self.limiter is not None:
            await self.limiter.aacquire(blocking=True)
        runnable, input, config, options = self._call(model, prompt)
        return answer_of(model, await runnable.ainvoke(input, config, **options))

    def stream(self, model: str) -> Iterator[Any]:
        """Ask a model for its answer piece by piece."""
        if self.limiter is not None:
            self.limiter.acquire(blocking=True)
        runnable, input, config, options = self._call(model)
        return runnable.stream(input, config, **options)

    async def astream(self, model: str) -> AsyncIterator[Any]:
        """``stream`` without blocking."""
        if self.limiter is not None:
            await self.limiter.aacquire(blocking=True)
        runnable, input, config, options = self._call(model)
        async for piece in runnable.astream(input, config, **options):
            yield piece

    def events(self, model: str) -> Answer:
        """A model's ``stream_events(version="v3")``, once its first event has come."""
        runnable, input, config, options = self._call(model)
        stream: Any = runnable.stream_events(input, config, version="v3", **options)
        next(iter(stream), None)
        return Answer(model, "", stream)

    async def aevents(self, model: str) -> Answer:
        """``events`` without blocking."""
        runnable, input, config, options = self._call(model)
        stream: Any = await runnable.astream_events(input, config, version="v3", **options)
        await anext(aiter(stream), None)
        return Answer(model, "", stream)

    def _call(
        self, model: str, prompt: str | None = None
    ) -> tuple[AnyRunnable, Any, RunnableConfig, Mapping[str, Any]]:
        config = cast("RunnableConfig", {**self.config})
        config["metadata"] = {**(config.get("metadata") or {}), "llmrouter_model": model}
        if prompt is not None:  # a judge gets neither the caller's tools nor its format
            config["tags"] = [*(config.get("tags") or ()), "nostream"]
            return self.models[model], prompt, config, {}
        chosen = self.models[model]
        return (
            chosen if self.derive is None else self.derive(chosen),
            self.input,
            config,
            self.options,
        )


def chunk_of(streamed: Streamed[Any]) -> AIMessageChunk:
    """A piece as a chunk; an answer that was heard whole is the stream's only piece."""
    if streamed.decision.answer is None:
        return cast("AIMessageChunk", streamed.piece)
    return as_chunk(streamed.decision.answer.value)


def as_chunk(message: AIMessage) -> AIMessageChunk:
    """A whole answer as a stream of one chunk."""
    return AIMessageChunk(**message.model_dump(exclude={"type"}), chunk_position="last")


def answer_of(model: str, value: Any) -> Answer:
    """What a model answered, in the core's terms."""
    if isinstance(value, dict) and isinstance(value.get("raw"), AIMessage):
        return _counted(model, str(value.get("parsed")), value, value["raw"])
    if not isinstance(value, AIMessage):
        return Answer(model, str(value), value)
    return _counted(model, _judged(value), value, value)


def _judged(message: AIMessage) -> str:
    """What scorers read: what is said, then the tool calls as JSON, arguments in order of names."""
    said = message.content if isinstance(message.content, str) else str(message.text)
    calls = (*message.tool_calls, *message.invalid_tool_calls)
    if not calls:
        return said
    told = json.dumps(
        [{"name": call["name"], "args": call["args"]} for call in calls],
        sort_keys=True,
        ensure_ascii=False,
        default=str,
    )
    return f"{said}\n{told}" if said else told


def _counted(model: str, text: str, value: Any, message: AIMessage) -> Answer:
    usage = cast("dict[str, Any]", message.usage_metadata or {})
    if usage.get("total_cost") == 0:  # from LangChain's cache: no model has read or written it
        usage = {"input_tokens": 0, "output_tokens": 0}
    cached = (usage.get("input_token_details") or {}).get("cache_read")
    told = message.response_metadata.get("logprobs")  # as ChatOpenAI leaves them
    logprob, entropy = certainty_of(told.get("content") if isinstance(told, dict) else told)
    return Answer(
        model,
        text,
        value,
        in_tokens=usage.get("input_tokens"),
        out_tokens=usage.get("output_tokens"),
        cached_tokens=cached,
        logprob=logprob,
        entropy=entropy,
    )
