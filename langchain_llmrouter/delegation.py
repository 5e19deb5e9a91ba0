"""One call on its way to the chosen model: what the dispatcher asks, in LangChain's terms."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, cast

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.rate_limiters import BaseRateLimiter
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import ensure_config, var_child_runnable_config

from langchain_llmrouter.bubble import carried
from langchain_llmrouter.openings import aopening, opening
from langchain_llmrouter.typed_events import events_of, has_events, let_go
from shared_core.calls.loop import aclose
from shared_core.decision import Answer
from shared_core.dispatch import Streamed
from shared_core.errors import ConfigError
from shared_core.scorers.base import with_calls
from shared_core.scorers.likelihood import certainty_of

AnyRunnable = Runnable[Any, Any]

NOSTREAM: Final = "nostream"
"""Tag of runs whose words LangGraph does not stream."""


@dataclass(slots=True)
class Delegation:
    """A call's input and options, ready to be handed to any model of the pool.

    LangGraph's signals, such as interrupts, pass through: see ``bubble``.

    Args:
        models: name -> model.
        input: what is asked.
        config: the caller's, with the router's own run as the parent.
        options: keyword arguments of the call.
        derive: what to make of a model before calling it, such as binding tools.
        limiter: waited for before every call.
        handed: (input, name of a model) -> the input for that model.
    """

    models: Mapping[str, AnyRunnable]
    input: Any
    config: RunnableConfig
    options: Mapping[str, Any]
    derive: Callable[[AnyRunnable], AnyRunnable] | None = None
    limiter: BaseRateLimiter | None = None
    handed: Callable[[Any, str], Any] | None = None

    @property
    def ready(self) -> Callable[[], object] | None:
        """Waits for the limiter, if there is one."""
        return None if self.limiter is None else partial(self.limiter.acquire, blocking=True)

    @property
    def aready(self) -> Callable[[], Awaitable[object]] | None:
        """``ready`` without blocking."""
        return None if self.limiter is None else partial(self.limiter.aacquire, blocking=True)

    def call(self, model: str) -> Answer:
        """Ask a model for its whole answer."""
        return self._ask(model)

    async def acall(self, model: str) -> Answer:
        """``call`` without blocking."""
        return await self._aask(model)

    def hear(self, model: str, prompt: str | None = None) -> Answer:
        """Ask it for the router's ears only; a ``prompt`` is asked in the input's place.

        LangGraph streams no word of that to its users.
        """
        return self._ask(model, prompt, (NOSTREAM,))

    async def ahear(self, model: str, prompt: str | None = None) -> Answer:
        """``hear`` without blocking."""
        return await self._aask(model, prompt, (NOSTREAM,))

    def stream(self, model: str) -> Iterator[Any]:
        """Ask a model for its answer piece by piece."""
        with carried():
            runnable, input, config, options = self._call(model)
            pieces = iter(runnable.stream(input, config, **options))
            yield from opening(pieces)
            yield from pieces

    async def astream(self, model: str) -> AsyncIterator[Any]:
        """``stream`` without blocking."""
        with carried():
            runnable, input, config, options = self._call(model)
            pieces = aiter(runnable.astream(input, config, **options))
            try:
                for piece in await aopening(pieces):
                    yield piece
                async for piece in pieces:
                    yield piece
            finally:
                await aclose(pieces)

    def events(self, model: str) -> Iterator[Any]:
        """Ask a model for the events of its ``stream_events(version="v3")``, or of its answer."""
        with carried():
            runnable, input, config, options = self._call(model)
            if not has_events(runnable, awaited=False):
                yield from events_of(message_of(runnable.invoke(input, config, **options), model))
                return
            stream: Any = runnable.stream_events(input, config, version="v3", **options)
            try:
                events = iter(stream)
                yield from opening(events)
                yield from events
            finally:
                let_go(stream)

    async def aevents(self, model: str) -> AsyncIterator[Any]:
        """``events`` without blocking."""
        with carried():
            runnable, input, config, options = self._call(model)
            if not has_events(runnable, awaited=True):
                whole = await runnable.ainvoke(input, config, **options)
                for event in events_of(message_of(whole, model)):
                    yield event
                return
            asked: Any = runnable.astream_events(input, config, version="v3", **options)
            async with await asked as stream:
                events = aiter(stream)
                for event in await aopening(events):
                    yield event
                async for event in events:
                    yield event

    def _ask(self, model: str, prompt: str | None = None, tags: tuple[str, ...] = ()) -> Answer:
        with carried():
            runnable, input, config, options = self._call(model, prompt, tags)
            return answer_of(model, runnable.invoke(input, config, **options))

    async def _aask(
        self, model: str, prompt: str | None = None, tags: tuple[str, ...] = ()
    ) -> Answer:
        with carried():
            runnable, input, config, options = self._call(model, prompt, tags)
            return answer_of(model, await runnable.ainvoke(input, config, **options))

    def _call(
        self, model: str, prompt: str | None = None, tags: tuple[str, ...] = ()
    ) -> tuple[AnyRunnable, Any, RunnableConfig, Mapping[str, Any]]:
        config = cast("RunnableConfig", {**self.config})
        config["metadata"] = {**(config.get("metadata") or {}), "llmrouter_model": model}
        if tags:
            config["tags"] = [*(config.get("tags") or ()), *tags]
        chosen = self.models[model]
        if prompt is not None:  # a judge gets neither the caller's tools nor its format
            return chosen, prompt, config, {}
        runnable = chosen if self.derive is None else self.derive(chosen)
        input = self.input if self.handed is None else self.handed(self.input, model)
        return runnable, input, config, self.options


@contextmanager
def unstreamed() -> Iterator[None]:
    """Around calls that take their config from the context, and whose words nobody is to see."""
    config = ensure_config()
    quiet: RunnableConfig = {**config, "tags": [*(config.get("tags") or ()), NOSTREAM]}
    token = var_child_runnable_config.set(quiet)
    try:
        yield
    finally:
        var_child_runnable_config.reset(token)


def value_of(streamed: Streamed[Any]) -> Any:
    """A piece as it came; an answer that was heard whole is the stream's only piece."""
    answer = streamed.decision.answer
    return streamed.piece if answer is None else answer.value


def chunk_of(streamed: Streamed[Any]) -> AIMessageChunk:
    """A piece as a chunk; an answer that was heard whole is the stream's only piece."""
    answer = streamed.decision.answer
    if answer is None:
        return cast("AIMessageChunk", message_of(streamed.piece, streamed.decision.model))
    return as_chunk(message_of(answer.value, answer.model))


def message_of(value: Any, model: str) -> AIMessage:
    """What a model answered, if that is a message.

    Raises:
        ConfigError: it is something else, as from a model with an output parser behind it.
    """
    if not isinstance(value, BaseMessage):
        kind = "text" if isinstance(value, str) else f"a {type(value).__name__}"
        raise ConfigError(
            f"{model} answered with {kind}; ChatLLMRouter takes models that answer with messages, "
            "RunnableLLMRouter any runnable"
        )
    return cast("AIMessage", value)


def as_chunk(message: AIMessage) -> AIMessageChunk:
    """A whole answer as a stream of one chunk."""
    if isinstance(message, AIMessageChunk):
        return message
    return AIMessageChunk(**message.model_dump(exclude={"type"}), chunk_position="last")


def answer_of(model: str, value: Any) -> Answer:
    """What a model answered, in the core's terms."""
    if (said := said_in(value)) is None:
        return Answer(model, str(value), value)
    if not isinstance(value, dict):
        return _counted(model, _judged(said), value, said)
    if isinstance(value.get("raw"), AIMessage):
        return _counted(model, str(value.get("parsed")), value, said)
    return Answer(model, _judged(said), value)


def _judged(message: AIMessage) -> str:
    said = message.content if isinstance(message.content, str) else str(message.text)
    calls = (*message.tool_calls, *message.invalid_tool_calls)
    return with_calls(said, ((call["name"], call["args"]) for call in calls))


def said_in(value: Any) -> AIMessage | None:
    """The message of a model in an answer: itself, the raw one, or the last of an agent's state."""
    if not isinstance(value, dict):
        return value if isinstance(value, AIMessage) else None
    if isinstance(raw := value.get("raw"), AIMessage):
        return raw
    messages = value.get("messages")
    listed = messages if isinstance(messages, list) else []
    return next((one for one in reversed(listed) if isinstance(one, AIMessage)), None)


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
