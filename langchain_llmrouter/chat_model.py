"""A LangChain chat model that hands every call to the model the router finds worth it.

It delegates the *public* methods, so the chosen model's run is the only model run: usage is counted
once, streamed text appears once, and caches and tracers see the model that answered.
"""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self, cast

from langchain_core.callbacks import Callbacks
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult, LLMResult
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import ensure_config, merge_configs
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from langchain_llmrouter.delegation import AnyRunnable, Delegation, chunk_of
from langchain_llmrouter.messages import query_of, with_record
from langchain_llmrouter.structured import StructuredOutput
from shared_core.decision import RoutingDecision
from shared_core.dispatch import Dispatcher
from shared_core.errors import ConfigError
from shared_core.events import Listener
from shared_core.pool import ModelPool
from shared_core.query import Query, estimate_tokens
from shared_core.routers.base import Router

FORCE: Final = "llmrouter_model"
"""Key of ``config["configurable"]`` that names the model to use."""

_ORIGINAL_TOOLS: Final = "_llmrouter_tools"
_SET_ON_MODELS: Final = ("cache", "rate_limiter", "disable_streaming", "output_version")
_NO_EFFECT: Final = ("timeout", "max_retries", "api_key", "streaming")


class ChatLLMRouter(BaseChatModel):
    """Answers every call with the model of a pool that is worth it.

    ::

        router = ChatLLMRouter(
            models={"small": ChatOpenAI(model="…"), "large": ChatOpenAI(model="…")},
            router=KNNRouter.load("my-router"),
        )
        answer = router.invoke("What is 2 + 2?")
        answer.response_metadata["llm_router"]["model"]

    Args:
        models: name -> chat model (or a runnable that answers like one), for exactly the names of
            the router's pool.
        router: who decides.
        failover: ask the next of the ranking when a model fails before it said anything.
        failover_on: errors that count as a model's failure.
        listeners: told what happens; see ``RoutingEvent``.
        temperature, max_tokens, stop: handed on with every call, where given.

    The decision is in ``response_metadata["llm_router"]`` of the answer, of exactly one chunk when
    streaming. One call is forced to a model by ``model="name"`` or by
    ``config={"configurable": {"llmrouter_model": "name"}}``.

    Raises:
        ConfigError: models and pool do not match, or an option does not exist.
    """

    models: dict[str, Any] = Field(exclude=True, repr=False)
    router: Router = Field(exclude=True, repr=False)
    failover: bool = True
    failover_on: tuple[type[Exception], ...] = Field(default=(Exception,), exclude=True, repr=False)
    listeners: tuple[Listener, ...] = Field(default=(), exclude=True, repr=False)
    model: str = "llmrouter"
    temperature: float | None = None
    max_tokens: int | None = None
    stop: list[str] | None = None
    _dispatcher: Dispatcher = PrivateAttr()

    model_config = ConfigDict(arbitrary_types_allowed=True)

    def __init__(self, models: Mapping[str, AnyRunnable], router: Router, **options: Any) -> None:
        _check_options(type(self), options)
        _check_models(models, router.pool)
        known = {name: value for name, value in options.items() if name not in _NO_EFFECT}
        super().__init__(models=dict(models), router=router, **known)
        self._dispatcher = Dispatcher(
            router,
            failover=self.failover,
            failover_on=self.failover_on,
            listeners=self.listeners,
        )

    @classmethod
    def from_artifact(
        cls,
        folder: str | Path,
        models: Mapping[str, AnyRunnable],
        *,
        pool: ModelPool | None = None,
        **options: Any,
    ) -> Self:
        """The chat model of a saved router; see ``Router.load`` and the class's arguments."""
        return cls(models=models, router=Router.load(folder, pool=pool), **options)

    def route(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> RoutingDecision:
        """Decide and call nobody.

        Raises:
            ConfigError: the router has to hear answers before it can decide.
            NoEligibleModel: no model can serve this input.
        """
        return self.router.route(self._query(input, config, kwargs))

    async def aroute(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> RoutingDecision:
        """``route`` without blocking the event loop."""
        return await self.router.aroute(self._query(input, config, kwargs))

    def invoke(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AIMessage:
        query, delegation = self._prepared(input, config, stop, kwargs)
        decision, answer = self._dispatcher.run(query, delegation.call)
        message: AIMessage = answer.value
        return with_record(message, decision)

    async def ainvoke(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AIMessage:
        query, delegation = self._prepared(input, config, stop, kwargs)
        decision, answer = await self._dispatcher.arun(query, delegation.acall)
        message: AIMessage = answer.value
        return with_record(message, decision)

    def stream(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> Iterator[AIMessageChunk]:
        query, delegation = self._prepared(input, config, stop, kwargs)
        recorded = False
        for streamed in self._dispatcher.stream(query, delegation.call, delegation.stream):
            chunk = chunk_of(streamed)
            yield chunk if recorded else with_record(chunk, streamed.decision)
            recorded = True

    async def astream(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[AIMessageChunk]:
        query, delegation = self._prepared(input, config, stop, kwargs)
        recorded = False
        pieces = self._dispatcher.astream(query, delegation.acall, delegation.astream)
        async for streamed in pieces:
            chunk = chunk_of(streamed)
            yield chunk if recorded else with_record(chunk, streamed.decision)
            recorded = True

    def generate(
        self,
        messages: list[list[BaseMessage]],
        stop: list[str] | None = None,
        callbacks: Callbacks = None,
        **kwargs: Any,
    ) -> LLMResult:
        config, kwargs = _config_of(callbacks, kwargs)
        answers = [self.invoke(one, config, stop=stop, **kwargs) for one in messages]
        return _llm_result(answers)

    async def agenerate(
        self,
        messages: list[list[BaseMessage]],
        stop: list[str] | None = None,
        callbacks: Callbacks = None,
        **kwargs: Any,
    ) -> LLMResult:
        config, kwargs = _config_of(callbacks, kwargs)
        answers = [await self.ainvoke(one, config, stop=stop, **kwargs) for one in messages]
        return _llm_result(answers)

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | dict[str, Any] | bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Tools for whichever model is chosen, which binds them its own way."""
        shown = [tool if isinstance(tool, dict) else convert_to_openai_tool(tool) for tool in tools]
        bound = {"tools": shown, "tool_choice": tool_choice, _ORIGINAL_TOOLS: list(tools)}
        return self.bind(**{k: v for k, v in bound.items() if v is not None}, **kwargs)

    def with_structured_output(
        self, schema: dict[str, Any] | type, *, include_raw: bool = False, **kwargs: Any
    ) -> Runnable[LanguageModelInput, dict[str, Any] | BaseModel]:
        """Structured answers by the chosen model's own method."""

        def derive(model: AnyRunnable) -> AnyRunnable:
            structured: AnyRunnable = model.with_structured_output(  # type: ignore[attr-defined]
                schema, include_raw=include_raw, **kwargs
            )
            return structured

        def prepare(
            input: LanguageModelInput, config: RunnableConfig | None, options: Mapping[str, Any]
        ) -> tuple[Query, Delegation]:
            rest = dict(options)
            return self._prepared(input, config, rest.pop("stop", None), rest, derive)

        return StructuredOutput(self._dispatcher, prepare)

    def _generate(self, messages: list[BaseMessage], *_: Any, **kwargs: Any) -> ChatResult:
        """Not reached from LangChain's public methods, which all delegate; for direct callers."""
        return ChatResult(generations=[ChatGeneration(message=self.invoke(messages, **kwargs))])

    def get_num_tokens(self, text: str) -> int:
        """Rough upper estimate, offline: the pool's models differ in their tokenizers."""
        return estimate_tokens(text)

    def get_num_tokens_from_messages(
        self, messages: list[BaseMessage], tools: Sequence[Any] | None = None
    ) -> int:
        """Rough upper estimate, offline."""
        shown = "".join(str(convert_to_openai_tool(tool)) for tool in tools or ())
        return query_of(messages).input_tokens + (estimate_tokens(shown) if shown else 0)

    @property
    def _llm_type(self) -> str:
        return "llmrouter"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "models": list(self.router.pool),
            "router": type(self.router).__name__,
        }

    def _query(
        self, input: LanguageModelInput, config: RunnableConfig | None, kwargs: Mapping[str, Any]
    ) -> Query:
        messages = self._convert_input(input).to_messages()
        return _query_of_call(messages, ensure_config(config), kwargs, needs=())

    def _prepared(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None,
        stop: list[str] | None,
        kwargs: Mapping[str, Any],
        derive: Callable[[AnyRunnable], AnyRunnable] | None = None,
    ) -> tuple[Query, Delegation]:
        """The query to route and the call to hand on; ``derive`` makes answers structured."""
        messages = self._convert_input(input).to_messages()
        full = ensure_config(config)
        needs = () if derive is None else ("structured_output",)
        options, bind = _split_tools({**self._defaults(), **kwargs})
        options.pop("model", None)
        if stop is not None:
            options["stop"] = stop
        delegation = Delegation(
            models=self.models,
            messages=messages,
            config=merge_configs(self._own_config(), full),
            options=options,
            derive=derive or bind,
        )
        return _query_of_call(messages, full, kwargs, needs), delegation

    def _own_config(self) -> RunnableConfig:
        own: RunnableConfig = {"tags": self.tags or [], "metadata": self.metadata or {}}
        if self.callbacks is not None:
            own["callbacks"] = self.callbacks
        return own

    def _defaults(self) -> dict[str, Any]:
        given = {
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            "stop": self.stop or None,
        }
        return {name: value for name, value in given.items() if value is not None}


def _query_of_call(
    messages: Sequence[BaseMessage],
    config: RunnableConfig,
    kwargs: Mapping[str, Any],
    needs: Sequence[str],
) -> Query:
    configurable = config.get("configurable", {})
    return query_of(
        messages,
        needs=(*needs, "tools") if kwargs.get("tools") else needs,
        model=kwargs.get("model") or configurable.get(FORCE),
        conversation=configurable.get("thread_id"),
    )


def _check_options(model_class: type[BaseModel], options: Mapping[str, Any]) -> None:
    own = set(model_class.model_fields) - {"models", "router"}
    if unknown := sorted(set(options) - own - set(_NO_EFFECT)):
        raise ConfigError(f"ChatLLMRouter has no option {', '.join(unknown)}; it has {sorted(own)}")
    if misplaced := [name for name in _SET_ON_MODELS if options.get(name) is not None]:
        raise ConfigError(
            f"set {', '.join(misplaced)} on the models: the router only hands calls on"
        )
    if idle := [name for name in _NO_EFFECT if options.get(name) is not None]:
        told = f"{', '.join(idle)} has no effect on a router: set it on the models"
        warnings.warn(told, UserWarning, stacklevel=3)


def _check_models(models: Mapping[str, AnyRunnable], pool: ModelPool) -> None:
    if set(models) != set(pool):
        raise ConfigError(
            f"the router chooses among {', '.join(pool)}; "
            f"models has {', '.join(models) or 'none'}: give one model for each name"
        )
    for name, model in models.items():
        if not isinstance(model, Runnable):
            raise ConfigError(f"{name} is a {type(model).__name__}, no LangChain model or Runnable")


def _split_tools(
    kwargs: dict[str, Any],
) -> tuple[dict[str, Any], Callable[[AnyRunnable], AnyRunnable]]:
    """Options without our bound tools, and what binds those to a model."""
    tools = kwargs.pop(_ORIGINAL_TOOLS, None)
    if tools is None:
        return kwargs, lambda model: model
    kwargs.pop("tools", None)
    choice = {"tool_choice": kwargs.pop("tool_choice")} if "tool_choice" in kwargs else {}
    return kwargs, lambda model: model.bind_tools(tools, **choice)


def _config_of(
    callbacks: Callbacks, kwargs: Mapping[str, Any]
) -> tuple[RunnableConfig, dict[str, Any]]:
    """The config that the legacy arguments amount to, and the other arguments."""
    legacy = ("tags", "metadata", "run_name", "run_id")
    given = {name: kwargs[name] for name in legacy if kwargs.get(name) is not None}
    rest = {name: value for name, value in kwargs.items() if name not in legacy}
    return cast("RunnableConfig", {**given, "callbacks": callbacks}), rest


def _llm_result(answers: Sequence[AIMessage]) -> LLMResult:
    return LLMResult(generations=[[ChatGeneration(message=answer)] for answer in answers])
