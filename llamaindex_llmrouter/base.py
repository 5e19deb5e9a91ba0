"""What every method of the router LLM needs: models, who decides, what is known of them."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Final, Self

from llama_index.core.base.llms.types import LLMMetadata
from llama_index.core.llms import LLM
from llama_index.core.llms.function_calling import FunctionCallingLLM
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
from llamaindex_llmrouter.identity import name_of, told_of
from llamaindex_llmrouter.options import OPTIONS, check, check_match
from llamaindex_llmrouter.requests import provider_of
from shared_core.dispatch import Dispatcher, twins_of
from shared_core.events import Listener
from shared_core.pool import ModelPool
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
    "models": _WORKED_OUT,
    "router": ("_router_name", "_known", "_windows", "_deciding", "_delegation"),
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

    def __getstate__(self) -> dict[str, Any]:
        """What the constructor takes; callbacks belong to the process, as memories do."""
        kept = {"models", "router", *OPTIONS} - {"callback_manager"}
        return {name: getattr(self, name) for name in kept}

    def __setstate__(self, state: dict[str, Any]) -> None:
        RouterBase.__init__(self, **state)

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
    @property
    def made_of(self) -> dict[str, Any]:
        """What tells this LLM from another."""
        models = {name: told_of(model) for name, model in self.models.items()}
        return {"models": models, "router": self._router_name}

    # Not PrivateAttr: pydantic takes 25 times as long to find one.

    @cached_property
    def _router_name(self) -> str:
        return name_of(self.router)

    @cached_property
    def _authors(self) -> Authors:
        return Authors()

    @cached_property
    def _known(self) -> ModelPool:
        """The router's pool with what LlamaIndex knows of its models."""
        check_match(self.models, self.router.pool)
        return self.router.pool.completed({n: facts_of(m) for n, m in self.models.items()})

    @cached_property
    def _windows(self) -> set[int]:
        """The windows that are known."""
        known = self._known.values()
        return {one.context_window for one in known if one.context_window is not None}

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
