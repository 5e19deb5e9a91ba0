"""A chat model that plays a provider: answers, counts, fails on demand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import Field

USAGE = UsageMetadata(input_tokens=7, output_tokens=3, total_tokens=10)


class FakeProvider(BaseChatModel):
    """Answers ``hello from <name>``; raises ``fail`` before or, ``late``, after its first chunk.

    With ``hangs``, its asynchronous forms never answer.
    """

    name_of_model: str
    fail: Any = None
    late: bool = False
    hangs: bool = False
    logprobs: dict[str, Any] | None = None
    secret_key: str = "sk-sentinel"
    calls: list[dict[str, Any]] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "fake"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": self.name_of_model}

    def _metadata(self) -> dict[str, Any]:
        return {"model_name": self.name_of_model, "model_provider": "fake"}

    def _note(self, messages: Sequence[BaseMessage], kwargs: dict[str, Any]) -> None:
        self.calls.append({"messages": list(messages), **kwargs})
        if self.fail is not None and not self.late:
            raise self.fail

    def _generate(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        self._note(messages, {"stop": stop, **kwargs})
        tool_calls = [
            {"name": tool["function"]["name"], "args": {}, "id": f"call-{i}"}
            for i, tool in enumerate(kwargs.get("tools", ()))
        ]
        message = AIMessage(
            f"hello from {self.name_of_model}",
            usage_metadata=USAGE,
            response_metadata={**self._metadata(), "logprobs": self.logprobs},
            tool_calls=tool_calls,
        )
        return ChatResult(generations=[ChatGeneration(message=message)])

    async def _agenerate(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        result = self._generate(messages, stop, run_manager, **kwargs)
        await self._hang()
        return result

    async def _astream(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in self._stream(messages, stop, run_manager, **kwargs):
            await self._hang()
            yield chunk

    async def _hang(self) -> None:
        while self.hangs:
            await asyncio.sleep(0.01)

    def _stream(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        self._note(messages, {"stop": stop, **kwargs})
        for word in ("hello ", "from ", self.name_of_model):
            yield ChatGenerationChunk(message=AIMessageChunk(word))
            if self.fail is not None:
                raise self.fail
        for i, tool in enumerate(kwargs.get("tools", ())):
            piece = {"name": tool["function"]["name"], "args": "{}", "id": f"call-{i}", "index": i}
            yield ChatGenerationChunk(message=AIMessageChunk("", tool_call_chunks=[piece]))
        last = AIMessageChunk(
            "", usage_metadata=USAGE, response_metadata=self._metadata(), chunk_position="last"
        )
        yield ChatGenerationChunk(message=last)

    def bind_tools(
        self, tools: Any, *, tool_choice: Any = None, **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], **kwargs)
