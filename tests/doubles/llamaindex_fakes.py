"""A LlamaIndex LLM that plays a provider: answers, calls tools, counts and fails on demand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator, Iterator, Sequence
from typing import Any

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    CompletionResponse,
    LLMMetadata,
    MessageRole,
    TextBlock,
    ToolCallBlock,
)
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.tools import BaseTool
from pydantic import Field

USAGE = {"prompt_tokens": 7, "completion_tokens": 3}


class FakeProvider(FunctionCallingLLM):
    """Answers ``hello from <name>``; raises ``fail`` before or, ``late``, after its first piece.

    With ``hangs``, its asynchronous forms never answer. Calls every tool it is given once, with
    its own name for every argument.
    """

    name: str
    fail: Any = None
    late: bool = False
    hangs: bool = False
    logprobs: dict[str, Any] | None = None
    calls_tools: bool = True
    is_chat: bool = True
    window: int = 4000
    num_output: int = 100
    api_key: str = "sk-sentinel"
    calls: list[dict[str, Any]] = Field(default_factory=list, exclude=True)

    @classmethod
    def class_name(cls) -> str:
        return "FakeProvider"

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(
            context_window=self.window,
            num_output=self.num_output,
            is_chat_model=self.is_chat,
            is_function_calling_model=self.calls_tools,
            model_name=self.name,
        )

    def _note(self, asked: Any, kwargs: dict[str, Any]) -> None:
        self.calls.append({"asked": asked, **kwargs})
        if self.fail is not None and not self.late:
            raise self.fail

    def _message(self, messages: Sequence[ChatMessage], tools: Sequence[BaseTool]) -> ChatMessage:
        if not tools or messages[-1].role == MessageRole.TOOL:
            return ChatMessage(f"hello from {self.name}", role=MessageRole.ASSISTANT)
        calls = [
            ToolCallBlock(
                tool_call_id=f"call-{tool.metadata.name}",
                tool_name=str(tool.metadata.name),
                tool_kwargs=dict.fromkeys(
                    tool.metadata.get_parameters_dict()["properties"], self.name
                ),
            )
            for tool in tools
        ]
        legacy = {"tool_calls": [call.tool_name for call in calls]}  # structured streams look here
        return ChatMessage(role=MessageRole.ASSISTANT, blocks=calls, additional_kwargs=legacy)

    def _chat(
        self, messages: Sequence[ChatMessage], tools: Any = (), **kwargs: Any
    ) -> ChatResponse:
        self._note(list(messages), {"tools": list(tools), **kwargs})
        raw = {"choices": [{"logprobs": self.logprobs}]} if self.logprobs else None
        message = self._message(messages, tools)
        return ChatResponse(message=message, raw=raw, additional_kwargs=dict(USAGE))

    async def _hang(self) -> None:
        while self.hangs:
            await asyncio.sleep(0.01)

    def _pieces(self, response: ChatResponse) -> Iterator[ChatResponse]:
        words = (response.message.content or "").split()
        for i, word in enumerate(words or [""]):
            so_far = [TextBlock(text=" ".join(words[: i + 1]))]
            message = response.message.model_copy(update={"blocks": so_far} if words else {})
            yield response.model_copy(
                update={"message": message, "delta": word if i == 0 else f" {word}"}
            )
            if self.late:
                raise self.fail

    @llm_chat_callback()
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        return self._chat(messages, **kwargs)

    @llm_chat_callback()
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        response = self._chat(messages, **kwargs)
        await self._hang()
        return response

    @llm_chat_callback()
    def stream_chat(
        self, messages: Sequence[ChatMessage], **kwargs: Any
    ) -> Generator[ChatResponse, None, None]:
        def pieces() -> Generator[ChatResponse, None, None]:
            yield from self._pieces(self._chat(messages, **kwargs))

        return pieces()

    @llm_chat_callback()
    async def astream_chat(
        self, messages: Sequence[ChatMessage], **kwargs: Any
    ) -> AsyncGenerator[ChatResponse, None]:
        async def pieces() -> AsyncGenerator[ChatResponse, None]:
            response = self._chat(messages, **kwargs)
            await self._hang()
            for piece in self._pieces(response):
                yield piece

        return pieces()

    def _complete(self, prompt: str, **kwargs: Any) -> CompletionResponse:
        self._note(prompt, kwargs)
        return CompletionResponse(text=f"hello from {self.name}", additional_kwargs=dict(USAGE))

    def _parts(self, response: CompletionResponse) -> Iterator[CompletionResponse]:
        words = response.text.split()
        for i, word in enumerate(words):
            text = " ".join(words[: i + 1])
            yield response.model_copy(
                update={"text": text, "delta": word if i == 0 else f" {word}"}
            )
            if self.late:
                raise self.fail

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        return self._complete(prompt, **kwargs)

    @llm_completion_callback()
    async def acomplete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> CompletionResponse:
        return self._complete(prompt, **kwargs)

    @llm_completion_callback()
    def stream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> Generator[CompletionResponse, None, None]:
        def parts() -> Generator[CompletionResponse, None, None]:
            yield from self._parts(self._complete(prompt, **kwargs))

        return parts()

    @llm_completion_callback()
    async def astream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> AsyncGenerator[CompletionResponse, None]:
        async def parts() -> AsyncGenerator[CompletionResponse, None]:
            for part in self._parts(self._complete(prompt, **kwargs)):
                yield part

        return parts()

    def _prepare_chat_with_tools(
        self,
        tools: Sequence[BaseTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        verbose: bool = False,
        allow_parallel_tool_calls: bool = False,
        tool_required: bool = False,
        **kwargs: Any,
    ) -> dict[str, Any]:
        newest = ChatMessage(user_msg) if isinstance(user_msg, str) else user_msg
        messages = [*(chat_history or []), *([newest] if newest else [])]
        return {"messages": messages, "tools": tools, "tool_required": tool_required, **kwargs}

    def get_tool_calls_from_response(
        self, response: ChatResponse, error_on_no_tool_call: bool = True, **kwargs: Any
    ) -> list[ToolSelection]:
        blocks = [b for b in response.message.blocks if isinstance(b, ToolCallBlock)]
        if not blocks and error_on_no_tool_call:
            raise ValueError("no tool call")
        return [
            ToolSelection(
                tool_id=f"{block.tool_call_id} read by {self.name}",
                tool_name=block.tool_name,
                tool_kwargs=block.tool_kwargs,
            )
            for block in blocks
        ]
