"""Who decides, and what this framework adds to it: facts about the models, staying, reliability."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.utils import ConfigurableFieldSpec

from langchain_llmrouter.authors import REMEMBERED, TTL
from langchain_llmrouter.profiles import facts_of
from shared_core.decision import RoutingDecision
from shared_core.dispatch import Dispatcher, twins_of
from shared_core.errors import ConfigError
from shared_core.pool import ModelPool
from shared_core.query import Query
from shared_core.reliability import Reliability
from shared_core.routers.base import Router, check_router
from shared_core.routers.sticky import Memory, Mode, StickyRouter, untraced

PREFIX: Final = "llmrouter_"
"""Of the keys of ``config["configurable"]`` that are for the router."""

_WISHES: Final[Mapping[str, tuple[Any, str]]] = {
    "model": (str, "The model to use."),
    "cost_weight": (float, "Cost against quality: 0 looks at quality only."),
    "deadline": (float, "Seconds the whole call may take."),
    "max_cost": (float, "USD the whole call may cost."),
    "tags": (frozenset[str], "Data tags: only models that carry them all may serve."),
}

KEPT: Final = 64
"""Routings that are remembered, the latest made."""

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
        self.health: dict[Hashable, dict[str, Any]] = {}
        self._sticky: list[tuple[Router, Mode, StickyRouter]] = []
        self._routings: list[Routing] = []

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
        for known in self._routings:
            if known.models is models and known.fits(router, sticky, options):
                return known
        made = Routing(models, router, sticky, dict(options), self)
        self._routings = [*self._routings[1 - KEPT :], made]
        return made

    def sticking(self, router: Router, sticky: Mode) -> Router:
        """The router that stays with a conversation's model; a StickyRouter is taken as it is."""
        if isinstance(router, StickyRouter) or sticky == "off":
            return router
        for inner, mode, known in self._sticky:
            if inner is router and mode == sticky:
                return known
        made = StickyRouter(router, sticky)
        self._sticky = [*self._sticky[1 - KEPT :], (router, sticky, made)]
        return made


class _Sharing(Dispatcher):
    """A dispatcher whose breakers and places are those of others that treat its models alike."""

    def __init__(self, router: Router, memories: Memories, **options: Any) -> None:
        super().__init__(router, **options)
        each = ((name, self.reliability.of(name)) for name in router.pool)
        rules = tuple((name, limits.breaker, limits.places) for name, limits in each)
        self._health = memories.health.setdefault(rules, self._health)


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
        _check_options(self.options)
        facts = {name: facts_of(model) for name, model in self.models.items()}
        self.known = self.given.pool.completed(facts)
        self.router = self.memories.sticking(self.given, self.sticky)
        twins = twins_of(self.memories.models)
        self.dispatcher = _Sharing(self.router, self.memories, twins=twins, **self.options)

    def fits(self, router: Router, sticky: Mode, options: Mapping[str, Any]) -> bool:
        """Whether it is made of these."""
        return self.given is router and self.sticky == sticky and self.options == options

    def narrowed(self, query: Query) -> Query:
        """The query without the models that cannot serve it, as far as LangChain knows."""
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
            raise ConfigError(f"{name} is a {type(model).__name__}, no LangChain model or Runnable")


def _check_options(options: Mapping[str, Any]) -> None:
    """ConfigError where an option that was set later is nothing a dispatcher takes."""
    if not isinstance(limits := options.get("reliability", Reliability()), Reliability):
        raise ConfigError(f"reliability is a Reliability, not {limits!r}")
    if not isinstance(errors := options.get("failover_on", ()), tuple):
        raise ConfigError(f"failover_on is a tuple of error classes, not {errors!r}")


def wishes_of(config: RunnableConfig) -> dict[str, Any]:
    """Fields of a query that a config sets: those in ``CONFIG_SPECS``, and the conversation."""
    configurable = config.get("configurable")
    if not configurable:
        return {}
    wishes = {field: configurable.get(PREFIX + field) for field in _WISHES}
    given = {field: value for field, value in wishes.items() if value is not None}
    if (thread := configurable.get("thread_id")) is not None:
        given["conversation"] = str(thread)
    return given


def without_model(config: RunnableConfig) -> RunnableConfig:
    """The config for whoever was chosen: the model it names is none of a router's within."""
    configurable = config.get("configurable") or {}
    if PREFIX + "model" not in configurable:
        return config
    rest = {name: value for name, value in configurable.items() if name != PREFIX + "model"}
    return {**config, "configurable": rest}
