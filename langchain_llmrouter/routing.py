"""Who decides, and what this framework adds to it: facts about the models, staying, reliability."""

from __future__ import annotations

import difflib
import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.utils import ConfigurableFieldSpec

from langchain_llmrouter.authors import REMEMBERED, TTL
from langchain_llmrouter.kept import Kept
from langchain_llmrouter.profiles import facts_of
from shared_core.calls.health import Health
from shared_core.decision import RoutingDecision
from shared_core.dispatch import Dispatcher, check_options, twins_of
from shared_core.errors import ConfigError, UnknownModel
from shared_core.pool import ModelPool
from shared_core.query import Query
from shared_core.reliability import Reliability
from shared_core.routers.base import Router, check_router
from shared_core.routers.sticky import Memory, Mode, StickyRouter, untraced

PREFIX: Final = "llmrouter_"
"""Of the keys of ``config["configurable"]`` that are for the router."""

_ELSEWHERE: Final = "llm_router_"
_MEANT: Final = (PREFIX, _ELSEWHERE)
"""How keys begin that are meant for the router, be it as keywords of LlamaIndex are spelt."""

_WISHES: Final[Mapping[str, tuple[Any, str]]] = {
    "model": (str, "The model to use."),
    "cost_weight": (float, "Cost against quality: 0 looks at quality only."),
    "deadline": (float, "Seconds the whole call may take."),
    "max_cost": (float, "USD the whole call may cost."),
    "tags": (frozenset[str], "Data tags: only models that carry them all may serve."),
}

_FIELDS: Final = {PREFIX + wish: wish for wish in _WISHES} | {"thread_id": "conversation"}
"""Key of a config -> field of a query."""

CONFIG_SPECS: Final = tuple(
    ConfigurableFieldSpec(
        id=PREFIX + field,
        annotation=annotation,
        name=field.replace("_", " ").capitalize(),
        description=description,
        default=None,
    )
    for field, (annotation, description) in _WISHES.items()
)


class Memories:
    """What is remembered of models from call to call, whoever routes over them, and how.

    Copies of a router that differ in their options share it: who wrote which answer, who began
    which thread, with whom conversations are, breakers and places. A deep or pickled copy starts
    anew.

    Args:
        models: name -> model.
    """

    def __init__(self, models: Mapping[str, Runnable[Any, Any]]) -> None:
        self.models = models
        self.authors = Memory(REMEMBERED, TTL)
        self.threads = Memory(REMEMBERED, math.inf)
        self._health = Kept[tuple[Hashable, dict[str, Health]]]()
        self._sticky = Kept[tuple[Router, Mode, StickyRouter]]()
        self._routings = Kept[Routing]()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.models,)

    def routing(
        self,
        models: Mapping[str, Runnable[Any, Any]],
        router: Router,
        sticky: Mode,
        options: Mapping[str, Any],
    ) -> Routing:
        """Routing over these models, the same for the same router and options."""
        return self._routings.one(
            lambda known: known.models is models and known.fits(router, sticky, options),
            lambda: Routing(models, router, sticky, dict(options), self),
        )

    def sticking(self, router: Router, sticky: Mode) -> Router:
        """The router that stays with a conversation's model; a StickyRouter is taken as it is."""
        if isinstance(router, StickyRouter) or sticky == "off":
            return router
        *_, made = self._sticky.one(
            lambda known: known[0] is router and known[1] == sticky,
            lambda: (router, sticky, StickyRouter(router, sticky)),
        )
        return made

    def health(self, reliability: Reliability) -> dict[str, Health]:
        """Breakers and places of the models, shared by all who treat each of them alike."""
        each = ((name, reliability.of(name)) for name in self.models)
        rules = tuple((name, limits.breaker, limits.places) for name, limits in each)
        _, health = self._health.one(lambda known: known[0] == rules, lambda: (rules, {}))
        return health


@dataclass
class Routing:
    """A router over LangChain models, ready to be asked.

    Args:
        models: name -> model, for exactly the names of the router's pool.
        given: who decides.
        sticky: when to stay with a conversation's model; a StickyRouter is taken as it is.
        options: of the Dispatcher.
        memories: of the models.

    Raises:
        ConfigError: models and pool do not match.
    """

    models: Mapping[str, Runnable[Any, Any]]
    given: Router
    sticky: Mode
    options: Mapping[str, Any]
    memories: Memories
    router: Router = field(init=False)
    known: ModelPool = field(init=False)
    dispatcher: Dispatcher = field(init=False)

    def __post_init__(self) -> None:
        check_models(self.models, self.given)
        check_options(**self.options)
        facts = {name: facts_of(model) for name, model in self.models.items()}
        self.known = self.given.pool.completed(facts)
        self.router = self.memories.sticking(self.given, self.sticky)
        self.dispatcher = Dispatcher(
            self.router,
            twins=twins_of(self.memories.models),
            health=self.memories.health(self.options.get("reliability", Reliability())),
            **self.options,
        )

    def fits(self, router: Router, sticky: Mode, options: Mapping[str, Any]) -> bool:
        """Whether it is made of these."""
        return self.given is router and self.sticky == sticky and self.options == options

    def narrowed(self, query: Query) -> Query:
        """The query without the models that cannot serve it, as far as LangChain knows.

        Raises:
            UnknownModel: the caller insists on a model that is not in the pool.
        """
        if query.model is not None and query.model not in self.known:
            raise UnknownModel(
                f"no model {query.model!r} in the pool; there are {', '.join(self.known)}. "
                "A config reaches all routers within the call; one that is not meant is left out "
                f"by .with_config(configurable={{{PREFIX + 'model'!r}: None}})"
            )
        return self.known.narrowed(query)

    def dry(self, query: Query) -> Query:
        """The query as it is asked without leaving a trace in a conversation's memory."""
        return untraced(self.router, query)

    def explained(self, decision: RoutingDecision, query: Query) -> RoutingDecision:
        """The decision, saying which needs its model is only assumed to meet."""
        unsure = self.known[decision.model].unsure(query)
        if not unsure:
            return decision
        told = f"{decision.reason}; not known whether {decision.model} has {', '.join(unsure)}"
        return replace(decision, reason=told)


def check_models(models: Mapping[str, Any], router: Router) -> None:
    """ConfigError unless there is one runnable for each name of the router's pool, no other."""
    check_router(router)
    if not isinstance(models, Mapping):
        raise ConfigError(f"models is a mapping of names, not a {type(models).__name__}")
    if set(models) != set(pool := router.pool):
        raise ConfigError(
            f"the router chooses among {', '.join(pool)}; "
            f"models has {', '.join(models) or 'none'}: give one model for each name"
        )
    for name, model in models.items():
        if not isinstance(model, Runnable):
            hint = f"; init_chat_model({model!r}) makes one" if isinstance(model, str) else ""
            raise ConfigError(
                f"{name} is a {type(model).__name__}, no LangChain model or Runnable{hint}"
            )


def wishes_of(config: RunnableConfig) -> dict[str, Any]:
    """Fields of a query that a config sets: those in ``CONFIG_SPECS``, and the conversation.

    Raises:
        ConfigError: a key is meant for the router, which has no such field.
    """
    given: dict[str, Any] = {}
    for key, value in (config.get("configurable") or {}).items():
        if (wish := _FIELDS.get(key)) is not None:
            if value is not None:
                given[wish] = str(value) if wish == "conversation" else value
        elif key.startswith(_MEANT):
            raise ConfigError(_misspelt(key))
    return given


def _misspelt(key: str) -> str:
    """What the key is called, as far as one can tell."""
    wish = key.removeprefix(PREFIX).removeprefix(_ELSEWHERE)
    close = difflib.get_close_matches(wish, _WISHES, 1)
    told = f"it is called {PREFIX}{close[0]}" if close else f"there are {', '.join(_FIELDS)}"
    return f"no {key} can be set for a call: {told}"


def without_model(config: RunnableConfig) -> RunnableConfig:
    """The config for whoever was chosen: the model it names is none of a router's within."""
    configurable = config.get("configurable") or {}
    if PREFIX + "model" not in configurable:
        return config
    rest = {name: value for name, value in configurable.items() if name != PREFIX + "model"}
    return {**config, "configurable": rest}
