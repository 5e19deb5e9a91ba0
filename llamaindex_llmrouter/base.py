"""What every method of the router LLM needs: models, who decides, what a call amounts to."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Final, Self

from llama_index.core.base.llms.types import ChatMessage, LLMMetadata
from llama_index.core.llms import LLM
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.prompts import BasePromptTemplate
from pydantic import ConfigDict, Field, computed_field
from pydantic.json_schema import SkipJsonSchema

from llamaindex_llmrouter.authors import Authors
from llamaindex_llmrouter.callbacks import lend
from llamaindex_llmrouter.capabilities import (
    MetadataMode,
    can_call_tools,
    facts_of,
    pool_metadata,
    warn_of_undeclared_windows,
)
from llamaindex_llmrouter.delegation import Delegation
from llamaindex_llmrouter.events import announce_decided
from llamaindex_llmrouter.identity import made_of
from llamaindex_llmrouter.messages import count_tokens, query_of
from llamaindex_llmrouter.options import OPTIONS, check, check_match
from llamaindex_llmrouter.requests import PREFIX, Conversation, Request, provider_of, split
from shared_core.dispatch import Dispatcher, twins_of
from shared_core.errors import ConfigError
from shared_core.events import Listener
from shared_core.pool import ModelPool
from shared_core.query import Query
from shared_core.reliability import Reliability
from shared_core.routers.base import Router
from shared_core.routers.sticky import Mode, StickyRouter

_WORKED_OUT: Final = (
    "_authors",
    "_known",
    "_windows",
    "_providers",
    "_unable",
    "_without_tool_chat",
    "_deciding",
    "_delegation",
)
_WORKED_OUT_FROM: Final[Mapping[str, Sequence[str]]] = {
    "models": (*_WORKED_OUT, "made_of"),
    "router": ("made_of", "_known", "_windows", "_deciding", "_delegation"),
    "sticky": ("_deciding", "_delegation"),
    **dict.fromkeys(("failover", "failover_on", "listeners", "reliability"), ("_delegation",)),
}
"""Field -> what is worked out from it."""

_FILLED_IN: Final = {"completion_to_prompt": None, "messages_to_prompt": None}
"""Said outright, so that LlamaIndex fills them in as it validates and not by assignment."""


class RouterBase(FunctionCallingLLM):
    """The state of a ``RouterLLM``, and what its methods have in common."""

    model_config = ConfigDict(validate_assignment=True)

    models: SkipJsonSchema[dict[str, LLM]] = Field(exclude=True, repr=False)
    router: SkipJsonSchema[Router] = Field(exclude=True, repr=False)
    sticky: Mode = "turn"
    failover: bool = True
    failover_on: SkipJsonSchema[tuple[type[Exception], ...]] = Field(
        default=(Exception,), exclude=True, repr=False
    )
    reliability: SkipJsonSchema[Reliability] = Field(
        default=Reliability(), exclude=True, repr=False
    )
    listeners: SkipJsonSchema[tuple[Listener, ...]] = Field(default=(), exclude=True, repr=False)
    metadata_mode: MetadataMode = "conservative"

    def __init__(self, models: Mapping[str, LLM], router: Router, **options: Any) -> None:
        check({**options, "models": models, "router": router})
        check_match(models, router.pool)
        given = {name: value for name, value in options.items() if name in OPTIONS}
        super().__init__(models=dict(models), router=router, **_FILLED_IN, **given)
        warn_of_undeclared_windows(router.pool, self.models)
        for name in _WORKED_OUT:
            getattr(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in _WORKED_OUT_FROM and vars(self).get(name, self) is value:
            return  # ``Settings`` sets its callback manager whenever it is asked for its LLM
        if name in type(self).model_fields:
            check({name: value})
        super().__setattr__(name, value)
        for stale in _WORKED_OUT_FROM.get(name, ()):
            vars(self).pop(stale, None)

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """The same models, router and listeners, which hold clients and locks; else independent."""
        copied = copy.copy(self)
        copied.models = dict(self.models)
        return copied

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        copied = copy.deepcopy(self) if deep else copy.copy(self)
        for name, value in (update or {}).items():
            setattr(copied, name, value)
        return copied

    @computed_field(repr=False)  # type: ignore[prop-decorator]
    @cached_property
    def made_of(self) -> dict[str, Any]:
        """What tells this LLM from another; worked out anew when models or router are set."""
        return made_of(self.models, self.router)

    # Not PrivateAttr: pydantic takes 25 times as long to find one.

    @cached_property
    def _authors(self) -> Authors:
        return Authors()

    @cached_property
    def _known(self) -> ModelPool:
        """The router's pool with what LlamaIndex knows of its models."""
        check_match(self.models, self.router.pool)
        return self.router.pool.completed({n: facts_of(m) for n, m in self.models.items()})

    @cached_property
    def _windows(self) -> list[int]:
        """The windows that are known, from the smallest to the largest."""
        known = self._known.values()
        return sorted(one.context_window for one in known if one.context_window is not None)

    @cached_property
    def _providers(self) -> dict[str, str]:
        return {name: provider_of(model) for name, model in self.models.items()}

    @cached_property
    def _unable(self) -> dict[str, str]:
        """Models that must not be given tools, and why."""
        models = self.models.items()
        return {name: "cannot call tools" for name, model in models if not can_call_tools(model)}

    @cached_property
    def _without_tool_chat(self) -> dict[str, str]:
        """Models that have no chat with tools, even where there are none to give them; and why."""
        return {
            name: "has no chat with tools"
            for name, model in self.models.items()
            if not isinstance(model, FunctionCallingLLM)
        }

    @cached_property
    def _deciding(self) -> Router:
        """The router, made to stay with a conversation's model unless it does so by itself."""
        if self.sticky == "off" or isinstance(self.router, StickyRouter):
            return self.router
        return StickyRouter(self.router, self.sticky)

    @cached_property
    def _delegation(self) -> Delegation:
        dispatcher = Dispatcher(
            self._deciding,
            failover=self.failover,
            failover_on=self.failover_on,
            listeners=(announce_decided, *self.listeners),
            reliability=self.reliability,
            twins=twins_of(self.models),
        )
        lend(self.models.values())
        return Delegation(self.models, dispatcher)

    def __init_subclass__(cls, **options: Any) -> None:
        """LlamaIndex' spans look at a method's signature in every call; here it is worked out."""
        for method in vars(cls).values():
            if inspect.isfunction(method):
                method.__signature__ = inspect.signature(method)  # type: ignore[attr-defined]
        super().__init_subclass__(**options)

    @property
    def metadata(self) -> LLMMetadata:
        """What holds whichever model is chosen; tools go to the models that can call them."""
        return pool_metadata(self.router.pool, self.models, self.metadata_mode)

    def _chat_request(
        self,
        messages: Sequence[ChatMessage],
        kwargs: Mapping[str, Any],
        **about: Any,
    ) -> tuple[Request, Conversation, dict[str, Any]]:
        """A conversation to route, and the keyword arguments to hand on."""
        own, options = split(kwargs)
        if isinstance(messages, str):
            raise ConfigError("a chat takes a list of ChatMessage; for one text there is complete")
        conversation = Conversation(messages, self._authors, self._providers)
        about |= _of_call(options) | own
        if about.get("tools"):  # whatever a candidate says of itself
            about["exclude"] = self._unable
        query = self._served(conversation.query(**about), messages, about.get("tools") or ())
        return Request(query, self.callback_manager, conversation.note), conversation, options

    def _text_request(
        self, prompt: str, formatted: bool, kwargs: Mapping[str, Any]
    ) -> tuple[Request, dict[str, Any]]:
        """A text to route, and the keyword arguments to hand on: those the caller gave."""
        own, options = split({**kwargs, "formatted": True} if formatted else kwargs)
        query = query_of(prompt, **_of_call(options), **own)
        return Request(self._served(query, prompt), self.callback_manager), options

    def _prompt_request(
        self, prompt: BasePromptTemplate, prompt_args: Mapping[str, Any], **about: Any
    ) -> tuple[Request, dict[str, Any]]:
        """A prompt to route, and its arguments to hand on."""
        own, args = split(prompt_args)
        messages = prompt.format_messages(llm=self, **args)
        if isinstance(text := {**prompt.kwargs, **args}.get("query_str"), str):
            about["text"] = text
        query = self._served(query_of(messages, **about, **own), messages)
        return Request(query, self.callback_manager), args

    def _served(
        self, query: Query, said: Sequence[ChatMessage] | str, tools: Sequence[Any] = ()
    ) -> Query:
        """The query for those who can serve it; its size is counted where an estimate may not do.

        Prompts and histories that LlamaIndex packs fill a window to the last token.
        """
        size = query.input_tokens + (query.reserved_output or 0)
        if self._windows and size > self._windows[0] and query.sure_tokens <= self._windows[-1]:
            query = query.counted(count_tokens(said, tools))
        return self._known.narrowed(query)

    def _structured_request(
        self,
        prompt: BasePromptTemplate,
        llm_kwargs: Mapping[str, Any] | None,
        prompt_args: Mapping[str, Any],
    ) -> tuple[Request, dict[str, Any] | None, dict[str, Any]]:
        """The request, the keyword arguments for the model and those for the prompt."""
        own, extra = split(llm_kwargs or {})
        ours = {PREFIX + name: value for name, value in own.items()}
        needs = ["structured_output"]
        request, args = self._prompt_request(prompt, {**prompt_args, **ours}, needs=needs)
        return request, None if llm_kwargs is None else extra, args


def _of_call(options: Mapping[str, Any]) -> dict[str, Any]:
    """What the keyword arguments of a call say about the query; a limit only if it is a number."""
    limit = options.get("max_tokens")
    said = {
        "reserved_output": limit if isinstance(limit, int) else None,
        "tools": options.get("tools"),
    }
    return {name: value for name, value in said.items() if value}
