"""Structured output of whichever model is chosen."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Any

from langchain_core.runnables import Runnable, RunnableConfig

from langchain_llmrouter.delegation import AnyRunnable, Delegation
from shared_core.query import Query

if TYPE_CHECKING:
    from langchain_llmrouter.chat_model import ChatLLMRouter


class StructuredOutput(Runnable[Any, Any]):
    """Routes like the chat model it comes from, and lets the chosen model parse its own way."""

    def __init__(self, chat: ChatLLMRouter, derive: Callable[[AnyRunnable], AnyRunnable]) -> None:
        self._chat = chat
        self._derive = derive

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        query, delegation = self._prepared(input, config, kwargs)
        return self._chat._dispatcher.run(query, delegation.call)[1].value

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        query, delegation = self._prepared(input, config, kwargs)
        return (await self._chat._dispatcher.arun(query, delegation.acall))[1].value

    def stream(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any | None
    ) -> Iterator[Any]:
        query, delegation = self._prepared(input, config, kwargs)
        for streamed in self._chat._dispatcher.stream(query, delegation.call, delegation.stream):
            answer = streamed.decision.answer
            yield streamed.piece if answer is None else answer.value

    async def astream(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any | None
    ) -> AsyncIterator[Any]:
        query, delegation = self._prepared(input, config, kwargs)
        pieces = self._chat._dispatcher.astream(query, delegation.acall, delegation.astream)
        async for streamed in pieces:
            answer = streamed.decision.answer
            yield streamed.piece if answer is None else answer.value

    def _prepared(
        self, input: Any, config: RunnableConfig | None, kwargs: dict[str, Any]
    ) -> tuple[Query, Delegation]:
        stop = kwargs.pop("stop", None)
        return self._chat._prepared(input, config, stop, kwargs, self._derive)
