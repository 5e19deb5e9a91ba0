"""Structured output of whichever model is chosen."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig

from langchain_llmrouter.delegation import Delegation
from shared_core.dispatch import Dispatcher
from shared_core.query import Query

Prepare = Callable[[Any, RunnableConfig | None, Mapping[str, Any]], tuple[Query, Delegation]]


class StructuredOutput(Runnable[Any, Any]):
    """Routes like the chat model it comes from, and lets the chosen model parse its own way.

    Args:
        dispatcher: the chat model's.
        prepare: input, config and options of a call -> the query to route and the call to hand on.
    """

    def __init__(self, dispatcher: Dispatcher, prepare: Prepare) -> None:
        self._dispatcher = dispatcher
        self._prepare = prepare

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        query, delegation = self._prepare(input, config, kwargs)
        return self._dispatcher.run(query, delegation.call)[1].value

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        query, delegation = self._prepare(input, config, kwargs)
        return (await self._dispatcher.arun(query, delegation.acall))[1].value

    def stream(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any | None
    ) -> Iterator[Any]:
        query, delegation = self._prepare(input, config, kwargs)
        for streamed in self._dispatcher.stream(query, delegation.call, delegation.stream):
            answer = streamed.decision.answer
            yield streamed.piece if answer is None else answer.value

    async def astream(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any | None
    ) -> AsyncIterator[Any]:
        query, delegation = self._prepare(input, config, kwargs)
        pieces = self._dispatcher.astream(query, delegation.acall, delegation.astream)
        async for streamed in pieces:
            answer = streamed.decision.answer
            yield streamed.piece if answer is None else answer.value
