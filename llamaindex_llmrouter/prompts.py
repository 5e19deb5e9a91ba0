"""Prompts and structured output of whichever model is chosen."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import Any

from llama_index.core.prompts import BasePromptTemplate, PromptTemplate
from llama_index.core.types import Model, TokenAsyncGen, TokenGen

from llamaindex_llmrouter.intake import Intake


class PromptMethods(Intake):
    """Prompts, with free and with structured answers."""

    def structured_predict(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Model:
        request, prompt, extra, args = self._structured_request(
            output_cls, prompt, llm_kwargs, prompt_args
        )
        answer: Model = self._delegation.run(
            request,
            lambda model: model.structured_predict(output_cls, prompt, llm_kwargs=extra, **args),
        )
        return answer

    async def astructured_predict(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Model:
        request, prompt, extra, args = self._structured_request(
            output_cls, prompt, llm_kwargs, prompt_args
        )
        return await self._delegation.arun(
            request,
            lambda model: model.astructured_predict(output_cls, prompt, llm_kwargs=extra, **args),
        )

    def stream_structured_predict(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Generator[Any, None, None]:
        request, prompt, extra, args = self._structured_request(
            output_cls, prompt, llm_kwargs, prompt_args
        )
        return self._delegation.stream(
            request,
            lambda model: model.structured_predict(output_cls, prompt, llm_kwargs=extra, **args),
            lambda model: model.stream_structured_predict(
                output_cls, prompt, llm_kwargs=extra, **args
            ),
        )

    async def astream_structured_predict(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> AsyncGenerator[Any, None]:
        request, prompt, extra, args = self._structured_request(
            output_cls, prompt, llm_kwargs, prompt_args
        )
        return await self._delegation.astream(
            request,
            lambda model: model.astructured_predict(output_cls, prompt, llm_kwargs=extra, **args),
            lambda model: model.astream_structured_predict(
                output_cls, prompt, llm_kwargs=extra, **args
            ),
        )

    def predict(self, prompt: BasePromptTemplate, **prompt_args: Any) -> str:
        request, prompt, args = self._prompt_request(prompt, prompt_args)
        return self._delegation.run(request, lambda model: model.predict(prompt, **args))

    async def apredict(self, prompt: BasePromptTemplate, **prompt_args: Any) -> str:
        request, prompt, args = self._prompt_request(prompt, prompt_args)
        return await self._delegation.arun(request, lambda model: model.apredict(prompt, **args))

    def stream(self, prompt: BasePromptTemplate, **prompt_args: Any) -> TokenGen:
        request, prompt, args = self._prompt_request(prompt, prompt_args)
        return self._delegation.stream(
            request,
            lambda model: model.predict(prompt, **args),
            lambda model: model.stream(prompt, **args),
        )

    async def astream(self, prompt: BasePromptTemplate, **prompt_args: Any) -> TokenAsyncGen:
        request, prompt, args = self._prompt_request(prompt, prompt_args)
        return await self._delegation.astream(
            request,
            lambda model: model.apredict(prompt, **args),
            lambda model: model.astream(prompt, **args),
        )
