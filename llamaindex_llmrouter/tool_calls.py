"""Tools of whichever model is chosen: told to it, and its calls read by it, in its own way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
)
from llama_index.core.llms import LLM
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.tools import BaseTool

from llamaindex_llmrouter.intake import Intake
from llamaindex_llmrouter.messages import routing_record, without_record
from llamaindex_llmrouter.requests import FORCE, Conversation, Request
from shared_core.errors import ConfigError

_POSITIONAL: Final = ("verbose", "allow_parallel_tool_calls", "tool_required")
"""What LlamaIndex calls the arguments after the history."""


@dataclass(frozen=True)
class _ToolCall:
    """The arguments of a chat with tools, as far as they are the same for every model."""

    request: Request
    conversation: Conversation
    tools: Sequence[BaseTool]
    user_msg: str | ChatMessage | None
    chat_history: list[ChatMessage] | None
    args: Sequence[Any]
    options: Mapping[str, Any]

    def told_to(self, model: LLM) -> tuple[Any, ...]:
        """The positional arguments, with the conversation as this model can read it."""
        history, newest = self.chat_history, self.user_msg
        if history:
            told = self.conversation.told_to(model)
            history = list(told[: len(history)])
            newest = told[-1] if isinstance(newest, ChatMessage) else newest
        return (self.tools, newest, history, *self.args)


class ToolMethods(Intake):
    """Chats with tools."""

    def chat_with_tools(
        self,
        tools: Sequence[BaseTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> ChatResponse:
        call = self._tool_call(tools, user_msg, chat_history, args, kwargs)
        return self._delegation.run(
            call.request,
            lambda model: _caller(model).chat_with_tools(*call.told_to(model), **call.options),
        )

    async def achat_with_tools(
        self,
        tools: Sequence[BaseTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> ChatResponse:
        call = self._tool_call(tools, user_msg, chat_history, args, kwargs)
        return await self._delegation.arun(
            call.request,
            lambda model: _caller(model).achat_with_tools(*call.told_to(model), **call.options),
        )

    def stream_chat_with_tools(
        self,
        tools: Sequence[BaseTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> ChatResponseGen:
        call = self._tool_call(tools, user_msg, chat_history, args, kwargs)
        return self._delegation.stream(
            call.request,
            lambda model: _caller(model).chat_with_tools(*call.told_to(model), **call.options),
            lambda model: _caller(model).stream_chat_with_tools(
                *call.told_to(model), **call.options
            ),
        )

    async def astream_chat_with_tools(
        self,
        tools: Sequence[BaseTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> ChatResponseAsyncGen:
        call = self._tool_call(tools, user_msg, chat_history, args, kwargs)
        return await self._delegation.astream(
            call.request,
            lambda model: _caller(model).achat_with_tools(*call.told_to(model), **call.options),
            lambda model: _caller(model).astream_chat_with_tools(
                *call.told_to(model), **call.options
            ),
        )

    def _prepare_chat_with_tools(
        self,
        tools: Sequence[BaseTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Arguments for ``chat``: as the chosen model prepares them, and bound to that model."""
        call = self._tool_call(tools, user_msg, chat_history, args, kwargs)
        name = self._deciding.route(call.request.query()).model
        model = _caller(self.models[name])
        prepared = model._prepare_chat_with_tools(*call.told_to(model), **call.options)
        return {**prepared, FORCE: name}

    def get_tool_calls_from_response(
        self, response: ChatResponse, error_on_no_tool_call: bool = True, **kwargs: Any
    ) -> list[ToolSelection]:
        """The tool calls in a response, as the model that produced it reads them.

        Raises:
            ConfigError: no router of these models produced the response.
        """
        record = routing_record(response)
        if record is None and not response.message.blocks and not error_on_no_tool_call:
            return []
        name = None if record is None else record["model"]
        if name not in self.models:
            raise ConfigError(
                f"the response is of {name or 'no model of a router'}; this one has "
                f"{', '.join(self.models)}: hand over the response as it came"
            )
        if name in self._without_tool_chat and not error_on_no_tool_call:
            return []
        return _caller(self.models[name]).get_tool_calls_from_response(
            without_record(response), error_on_no_tool_call=error_on_no_tool_call, **kwargs
        )

    def _tool_call(
        self,
        tools: Sequence[BaseTool],
        user_msg: str | ChatMessage | None,
        chat_history: list[ChatMessage] | None,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
    ) -> _ToolCall:
        newest = ChatMessage(user_msg) if isinstance(user_msg, str) else user_msg
        messages = [*(chat_history or ()), *([] if newest is None else [newest])]
        named = {**dict(zip(_POSITIONAL, args, strict=False)), **kwargs}
        needs = ("tool_choice",) if named.get("tool_required") else ()
        request, told, options = self._chat_request(
            messages, kwargs, tools=tools, needs=needs, exclude=self._without_tool_chat
        )
        return _ToolCall(request, told, tools, user_msg, chat_history, args, options)


def _caller(model: LLM) -> FunctionCallingLLM:
    """The model as one that has a chat with tools; such chats go to no other."""
    if not isinstance(model, FunctionCallingLLM):
        raise ConfigError(f"a {type(model).__name__} cannot call tools")
    return model
