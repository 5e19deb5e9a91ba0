"""A LlamaIndex LLM that hands every call to the model the router finds worth it.

It delegates the *public* methods, so the chosen model's events are the only ones: calls and tokens
are counted once, tools are described and tool calls read by the model that gets and makes them, and
structured output goes its native way.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseAsyncGen,
    CompletionResponseGen,
    LLMMetadata,
)
from llama_index.core.callbacks import CallbackManager
from llama_index.core.llms import LLM
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.prompts import BasePromptTemplate, PromptTemplate
from llama_index.core.tools import BaseTool
from llama_index.core.types import Model, TokenAsyncGen, TokenGen
from pydantic import Field, PrivateAttr

from llamaindex_llmrouter.delegation import Delegation
from llamaindex_llmrouter.events import announce_decided
from llamaindex_llmrouter.messages import query_of, routing_record, without_record
from shared_core.decision import RoutingDecision
from shared_core.dispatch import Dispatcher
from shared_core.errors import ConfigError
from shared_core.events import Listener
from shared_core.pool import ModelPool
from shared_core.query import Query
from shared_core.routers.base import Router

FORCE: Final = "llm_router_model"
"""Keyword of any call that names the model to use."""

_OPTIONS: Final = ("callback_manager", "failover", "failover_on", "listeners")
_SET_ON_MODELS: Final = (
    "completion_to_prompt",
    "messages_to_prompt",
    "output_parser",
    "pydantic_program_mode",
    "query_wrapper_prompt",
    "rate_limiter",
    "system_prompt",
)


class RouterLLM(FunctionCallingLLM):
    """Answers every call with the model of a pool that is worth it.

    ::

        llm = RouterLLM(
            models={"small": OpenAI(model="…"), "large": OpenAI(model="…")},
            router=KNNRouter.load("my-router"),
        )
        answer = llm.complete("What is 2 + 2?")
        answer.additional_kwargs["llm_router"]["model"]

    Args:
        models: name -> LLM, for exactly the names of the router's pool.
        router: who decides.
        failover: ask the next of the ranking when a model fails before it said anything.
        failover_on: errors that count as a model's failure.
        listeners: told what happens; see ``RoutingEvent``.
        callback_manager: lent to models that have no handlers of their own.

    The decision is in ``additional_kwargs["llm_router"]`` of the response, of every one when
    streaming. Any call is forced to a model by ``llm_router_model="name"``. In calls with a prompt
    template that has a ``query_str``, that is the text to judge, not the documents around it.

    Raises:
        ConfigError: models and pool do not match, or an option does not exist here.
    """

    models: dict[str, LLM] = Field(exclude=True, repr=False)
    router: Router = Field(exclude=True, repr=False)
    failover: bool = True
    failover_on: tuple[type[Exception], ...] = Field(default=(Exception,), exclude=True, repr=False)
    listeners: tuple[Listener, ...] = Field(default=(), exclude=True, repr=False)
    _delegation: Delegation = PrivateAttr()
    _lent: CallbackManager | None = PrivateAttr(default=None)

    def __init__(self, models: Mapping[str, LLM], router: Router, **options: Any) -> None:
        _check_options(options)
        _check_models(models, router.pool)
        given = {name: value for name, value in options.items() if name in _OPTIONS}
        super().__init__(models=dict(models), router=router, **given)
        dispatcher = Dispatcher(
            router,
            failover=self.failover,
            failover_on=self.failover_on,
            listeners=(announce_decided, *self.listeners),
        )
        self._delegation = Delegation(self.models, dispatcher)

    @classmethod
    def from_artifact(
        cls,
        folder: str | Path,
        models: Mapping[str, LLM],
        *,
        pool: ModelPool | None = None,
        **options: Any,
    ) -> Self:
        """The LLM of a saved router; see ``Router.load`` and the class's arguments."""
        return cls(models, Router.load(folder, pool=pool), **options)

    @classmethod
    def class_name(cls) -> str:
        return "RouterLLM"

    @property
    def metadata(self) -> LLMMetadata:
        """What holds whichever model is chosen; tools go to the models that can call them."""
        each = [model.metadata for model in self.models.values()]
        known = (candidate.context_window for candidate in self.router.pool.values())
        windows = [one.context_window for one in each] + [size for size in known if size]
        return LLMMetadata(
            context_window=min(windows),
            num_output=min((one.num_output for one in each if one.num_output != -1), default=-1),
            is_chat_model=all(one.is_chat_model for one in each),
            is_function_calling_model=any(map(_can_call_tools, self.models.values())),
            model_name="llmrouter",
            system_role=each[0].system_role,
        )

    def route(
        self,
        messages: Sequence[ChatMessage] | str,
        tools: Sequence[BaseTool] | None = None,
        **kwargs: Any,
    ) -> RoutingDecision:
        """Decide and call nobody.

        Args:
            messages: the conversation, or a single text.
            tools: tools the model may call.
            kwargs: other arguments of the call; only ``llm_router_model`` has a say.

        Raises:
            ConfigError: the router has to hear answers before it can decide.
            NoEligibleModel: no model can serve this call.
        """
        return self.router.route(self._query(messages, kwargs, tools=tools or ()))

    async def aroute(
        self,
        messages: Sequence[ChatMessage] | str,
        tools: Sequence[BaseTool] | None = None,
        **kwargs: Any,
    ) -> RoutingDecision:
        """``route`` without blocking the event loop."""
        return await self.router.aroute(self._query(messages, kwargs, tools=tools or ()))

    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        query, options = self._prepared(messages, kwargs)
        return self._delegation.run(query, lambda model: model.chat(messages, **options))

    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        query, options = self._prepared(messages, kwargs)
        return await self._delegation.arun(query, lambda model: model.achat(messages, **options))

    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        query, options = self._prepared(messages, kwargs)
        return self._delegation.stream(
            query,
            lambda model: model.chat(messages, **options),
            lambda model: model.stream_chat(messages, **options),
        )

    async def astream_chat(
        self, messages: Sequence[ChatMessage], **kwargs: Any
    ) -> ChatResponseAsyncGen:
        query, options = self._prepared(messages, kwargs)
        return await self._delegation.astream(
            query,
            lambda model: model.achat(messages, **options),
            lambda model: model.astream_chat(messages, **options),
        )

    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        query, options = self._prepared(prompt, kwargs)
        return self._delegation.run(
            query, lambda model: model.complete(prompt, formatted=formatted, **options)
        )

    async def acomplete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> CompletionResponse:
        query, options = self._prepared(prompt, kwargs)
        return await self._delegation.arun(
            query, lambda model: model.acomplete(prompt, formatted=formatted, **options)
        )

    def stream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> CompletionResponseGen:
        query, options = self._prepared(prompt, kwargs)
        return self._delegation.stream(
            query,
            lambda model: model.complete(prompt, formatted=formatted, **options),
            lambda model: model.stream_complete(prompt, formatted=formatted, **options),
        )

    async def astream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> CompletionResponseAsyncGen:
        query, options = self._prepared(prompt, kwargs)
        return await self._delegation.astream(
            query,
            lambda model: model.acomplete(prompt, formatted=formatted, **options),
            lambda model: model.astream_complete(prompt, formatted=formatted, **options),
        )

    def chat_with_tools(
        self,
        tools: Sequence[BaseTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> ChatResponse:
        query, options = self._prepared(_conversation(user_msg, chat_history), kwargs, tools=tools)
        call = (tools, user_msg, chat_history, *args)
        return self._delegation.run(
            query, lambda model: _caller(model).chat_with_tools(*call, **options)
        )

    async def achat_with_tools(
        self,
        tools: Sequence[BaseTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> ChatResponse:
        query, options = self._prepared(_conversation(user_msg, chat_history), kwargs, tools=tools)
        call = (tools, user_msg, chat_history, *args)
        return await self._delegation.arun(
            query, lambda model: _caller(model).achat_with_tools(*call, **options)
        )

    def stream_chat_with_tools(
        self,
        tools: Sequence[BaseTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> ChatResponseGen:
        query, options = self._prepared(_conversation(user_msg, chat_history), kwargs, tools=tools)
        call = (tools, user_msg, chat_history, *args)
        return self._delegation.stream(
            query,
            lambda model: _caller(model).chat_with_tools(*call, **options),
            lambda model: _caller(model).stream_chat_with_tools(*call, **options),
        )

    async def astream_chat_with_tools(
        self,
        tools: Sequence[BaseTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> ChatResponseAsyncGen:
        query, options = self._prepared(_conversation(user_msg, chat_history), kwargs, tools=tools)
        call = (tools, user_msg, chat_history, *args)
        return await self._delegation.astream(
            query,
            lambda model: _caller(model).achat_with_tools(*call, **options),
            lambda model: _caller(model).astream_chat_with_tools(*call, **options),
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
        query, options = self._prepared(_conversation(user_msg, chat_history), kwargs, tools=tools)
        chosen = self.router.route(query).model
        prepare = _caller(self.models[chosen])._prepare_chat_with_tools
        return {**prepare(tools, user_msg, chat_history, *args, **options), FORCE: chosen}

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
        return _caller(self.models[name]).get_tool_calls_from_response(
            without_record(response), error_on_no_tool_call=error_on_no_tool_call, **kwargs
        )

    def structured_predict(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Model:
        query, extra, args = self._prepared_structured(prompt, llm_kwargs, prompt_args)
        answer: Model = self._delegation.run(
            query, lambda model: model.structured_predict(output_cls, prompt, extra, **args)
        )
        return answer

    async def astructured_predict(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Model:
        query, extra, args = self._prepared_structured(prompt, llm_kwargs, prompt_args)
        return await self._delegation.arun(
            query, lambda model: model.astructured_predict(output_cls, prompt, extra, **args)
        )

    def stream_structured_predict(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Generator[Any, None, None]:
        query, extra, args = self._prepared_structured(prompt, llm_kwargs, prompt_args)
        return self._delegation.stream(
            query,
            lambda model: model.structured_predict(output_cls, prompt, extra, **args),
            lambda model: model.stream_structured_predict(output_cls, prompt, extra, **args),
        )

    async def astream_structured_predict(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> AsyncGenerator[Any, None]:
        query, extra, args = self._prepared_structured(prompt, llm_kwargs, prompt_args)
        return await self._delegation.astream(
            query,
            lambda model: model.astructured_predict(output_cls, prompt, extra, **args),
            lambda model: model.astream_structured_predict(output_cls, prompt, extra, **args),
        )

    def predict(self, prompt: BasePromptTemplate, **prompt_args: Any) -> str:
        query, args = self._prepared_prompt(prompt, prompt_args)
        return self._delegation.run(query, lambda model: model.predict(prompt, **args))

    async def apredict(self, prompt: BasePromptTemplate, **prompt_args: Any) -> str:
        query, args = self._prepared_prompt(prompt, prompt_args)
        return await self._delegation.arun(query, lambda model: model.apredict(prompt, **args))

    def stream(self, prompt: BasePromptTemplate, **prompt_args: Any) -> TokenGen:
        query, args = self._prepared_prompt(prompt, prompt_args)
        return self._delegation.stream(
            query,
            lambda model: model.predict(prompt, **args),
            lambda model: model.stream(prompt, **args),
        )

    async def astream(self, prompt: BasePromptTemplate, **prompt_args: Any) -> TokenAsyncGen:
        query, args = self._prepared_prompt(prompt, prompt_args)
        return await self._delegation.astream(
            query,
            lambda model: model.apredict(prompt, **args),
            lambda model: model.astream(prompt, **args),
        )

    def _prepared(
        self,
        messages: Sequence[ChatMessage] | str,
        kwargs: Mapping[str, Any],
        tools: Sequence[BaseTool] = (),
    ) -> tuple[Query, dict[str, Any]]:
        """The query to route, and the keyword arguments to hand on."""
        self._lend_callbacks()
        return self._query(messages, kwargs, tools=tools), _without_force(kwargs)

    def _prepared_prompt(
        self, prompt: BasePromptTemplate, prompt_args: Mapping[str, Any], **about: Any
    ) -> tuple[Query, dict[str, Any]]:
        """The query that a prompt amounts to, and the prompt's arguments to hand on."""
        self._lend_callbacks()
        args = _without_force(prompt_args)
        messages = prompt.format_messages(llm=self, **args)
        text = {**prompt.kwargs, **args}.get("query_str")
        return self._query(messages, prompt_args, text=text, **about), args

    def _prepared_structured(
        self,
        prompt: BasePromptTemplate,
        llm_kwargs: Mapping[str, Any] | None,
        prompt_args: Mapping[str, Any],
    ) -> tuple[Query, dict[str, Any] | None, dict[str, Any]]:
        """The query, the keyword arguments for the model and those for the prompt."""
        force = {FORCE: llm_kwargs[FORCE]} if llm_kwargs and FORCE in llm_kwargs else {}
        needs = ["structured_output"]
        query, args = self._prepared_prompt(prompt, {**prompt_args, **force}, needs=needs)
        return query, None if llm_kwargs is None else _without_force(llm_kwargs), args

    def _query(
        self,
        messages: Sequence[ChatMessage] | str,
        kwargs: Mapping[str, Any],
        tools: Sequence[Any] = (),
        **about: Any,
    ) -> Query:
        tools = tools or kwargs.get("tools") or ()
        unable = self._unable() if tools else {}
        forced = kwargs.get(FORCE)
        return query_of(messages, tools=tools, exclude=unable, model=forced, **about)

    def _unable(self) -> dict[str, str]:
        """Models that have to be spared tools, whatever the pool knows of them."""
        return {
            name: "cannot call tools"
            for name, model in self.models.items()
            if not _can_call_tools(model)
        }

    def _lend_callbacks(self) -> None:
        """Have models without handlers of their own report to the router's callback manager."""
        for model in self.models.values():
            if not model.callback_manager.handlers or model.callback_manager is self._lent:
                model.callback_manager = self.callback_manager
        self._lent = self.callback_manager


def _check_options(options: Mapping[str, Any]) -> None:
    misplaced = [name for name in _SET_ON_MODELS if options.get(name) is not None]
    if misplaced:
        raise ConfigError(
            f"set {', '.join(misplaced)} on the models: the router only hands calls on"
        )
    if unknown := sorted(set(options) - set(_OPTIONS) - set(_SET_ON_MODELS)):
        raise ConfigError(f"RouterLLM has no option {', '.join(unknown)}; it has {list(_OPTIONS)}")


def _check_models(models: Mapping[str, LLM], pool: ModelPool) -> None:
    if set(models) != set(pool):
        raise ConfigError(
            f"the router chooses among {', '.join(pool)}; models has "
            f"{', '.join(models) or 'none'}: give one LLM for each name"
        )
    for name, model in models.items():
        if not isinstance(model, LLM):
            raise ConfigError(f"{name} is a {type(model).__name__}, no LlamaIndex LLM")


def _can_call_tools(model: LLM) -> bool:
    return isinstance(model, FunctionCallingLLM) and model.metadata.is_function_calling_model


def _caller(model: LLM) -> FunctionCallingLLM:
    """The model as one that calls tools; queries with tools go to no other."""
    if not isinstance(model, FunctionCallingLLM):
        raise ConfigError(f"a {type(model).__name__} cannot call tools")
    return model


def _conversation(
    user_msg: str | ChatMessage | None, chat_history: Sequence[ChatMessage] | None
) -> list[ChatMessage]:
    newest = ChatMessage(user_msg) if isinstance(user_msg, str) else user_msg
    return [*(chat_history or ()), *([] if newest is None else [newest])]


def _without_force(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in kwargs.items() if name != FORCE}
