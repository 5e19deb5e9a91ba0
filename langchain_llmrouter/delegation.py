"""One call on its way to the chosen model: what the dispatcher asks, in LangChain's terms."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import merge_configs

from shared_core.decision import Answer
from shared_core.dispatch import Streamed

AnyRunnable = Runnable[Any, Any]


@dataclass
class Delegation:
    """A call's input and options, ready to be handed to any model of the pool.

    Args:
        models: name -> model.
        messages: the input.
        config: the caller's config, merged with the router's own callbacks, tags and metadata.
        options: keyword arguments of the call.
        derive: what to make of a model before calling it, such as binding tools.
    """

    models: Mapping[str, AnyRunnable]
    messages: Sequence[BaseMessage]
    config: RunnableConfig
    options: Mapping[str, Any]
    derive: Callable[[AnyRunnable], AnyRunnable]
    _used_run_id: bool = field(default=False, init=False)

    def call(self, model: str) -> Answer:
        """Ask a model for its whole answer."""
        return _answer(model, self._runnable(model).invoke(*self._arguments(model), **self.options))

    async def acall(self, model: str) -> Answer:
        """``call`` without blocking."""
        runnable = self._runnable(model)
        return _answer(model, await runnable.ainvoke(*self._arguments(model), **self.options))

    def stream(self, model: str) -> Iterator[Any]:
        """Ask a model for its answer piece by piece."""
        return self._runnable(model).stream(*self._arguments(model), **self.options)

    def astream(self, model: str) -> AsyncIterator[Any]:
        """``stream`` without blocking."""
        return self._runnable(model).astream(*self._arguments(model), **self.options)

    def _runnable(self, model: str) -> AnyRunnable:
        return self.derive(self.models[model])

    def _arguments(self, model: str) -> tuple[list[BaseMessage], RunnableConfig]:
        config = merge_configs(self.config, {"metadata": {"llmrouter_model": model}})
        if self._used_run_id:  # a run's id can be given once; a second attempt is another run
            config.pop("run_id", None)
        self._used_run_id = True
        return list(self.messages), config


def chunk_of(streamed: Streamed[Any]) -> AIMessageChunk:
    """A piece as a chunk; an answer that was heard whole is the stream's only piece."""
    if streamed.decision.answer is None:
        return cast("AIMessageChunk", streamed.piece)
    fields = streamed.decision.answer.value.model_dump(exclude={"type"})
    return AIMessageChunk(**fields, chunk_position="last")


def _answer(model: str, value: Any) -> Answer:
    if not isinstance(value, AIMessage):
        return Answer(model, str(value), value)
    usage = cast("dict[str, Any]", value.usage_metadata or {})
    return Answer(
        model,
        str(value.text),
        value,
        in_tokens=usage.get("input_tokens"),
        out_tokens=usage.get("output_tokens"),
    )
