"""Chat and completion of whichever model is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseAsyncGen,
    CompletionResponseGen,
)

from llamaindex_llmrouter.intake import Intake


class ChatMethods(Intake):
    """Chats and completions."""

    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        request, told, options = self._chat_request(messages, kwargs)
        return self._delegation.run(
            request, lambda model: model.chat(told.told_to(model), **options)
        )

    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        request, told, options = self._chat_request(messages, kwargs)
        return await self._delegation.arun(
            request, lambda model: model.achat(told.told_to(model), **options)
        )

    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        request, told, options = self._chat_request(messages, kwargs)
        return self._delegation.stream(
            request,
            lambda model: model.chat(told.told_to(model), **options),
            lambda model: model.stream_chat(told.told_to(model), **options),
        )

    async def astream_chat(
        self, messages: Sequence[ChatMessage], **kwargs: Any
    ) -> ChatResponseAsyncGen:
        request, told, options = self._chat_request(messages, kwargs)
        return await self._delegation.astream(
            request,
            lambda model: model.achat(told.told_to(model), **options),
            lambda model: model.astream_chat(told.told_to(model), **options),
        )

    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        request, options = self._text_request(prompt, formatted, kwargs)
        return self._delegation.run(request, lambda model: model.complete(prompt, **options))

    async def acomplete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> CompletionResponse:
        request, options = self._text_request(prompt, formatted, kwargs)
        return await self._delegation.arun(
            request, lambda model: model.acomplete(prompt, **options)
        )

    def stream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> CompletionResponseGen:
        request, options = self._text_request(prompt, formatted, kwargs)
        return self._delegation.stream(
            request,
            lambda model: model.complete(prompt, **options),
            lambda model: model.stream_complete(prompt, **options),
        )

    async def astream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> CompletionResponseAsyncGen:
        request, options = self._text_request(prompt, formatted, kwargs)
        return await self._delegation.astream(
            request,
            lambda model: model.acomplete(prompt, **options),
            lambda model: model.astream_complete(prompt, **options),
        )
