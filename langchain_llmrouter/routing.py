"""Who decides, and what this framework adds to it: facts about the models, staying, reliability."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.utils import ConfigurableFieldSpec

from langchain_llmrouter.profiles import facts_of
from shared_core.decision import RoutingDecision
from shared_core.dispatch import Dispatcher, twins_of
from shared_core.errors import ConfigError
from shared_core.pool import ModelPool
from shared_core.query import Query
from shared_core.routers.base import Router, check_router
from shared_core.routers.sticky import Mode, StickyRouter, untraced

PREFIX: Final = "llmrouter_"
"""Of the keys of ``config["configurable"]`` that are for the router."""

_WISHES: Final[Mapping[str, tuple[Any, str]]] = {
    "model": (str, "The model to use."),
    "cost_weight": (float, "Cost against quality: 0 looks at quality only."),
    "deadline": (float, "Seconds the whole call may take."),
    "max_cost": (float, "USD the whole call may cost."),
    "tags": (frozenset[str], "Data tags: only models that carry them all may serve."),
}

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


@dataclass
class Routing:
    """A router over LangChain models, ready to be asked.

    Args:
        models: name -> model, for exactly the names of the router's pool.
        router: who decides.
        sticky: when to stay with a conversation's model; a StickyRouter is taken as it is.
        options: of the Dispatcher.

    Raises:
        ConfigError: models and pool do not match.
    """

    models: Mapping[str, Runnable[Any, Any]]
    router: Router
    sticky: Mode
    options: Mapping[str, Any]
    known: ModelPool = field(init=False)
    dispatcher: Dispatcher = field(init=False)

    def __post_init__(self) -> None:
        check_models(self.models, self.router)
        facts = {name: facts_of(model) for name, model in self.models.items()}
        self.known = self.router.pool.completed(facts)
        if not isinstance(self.router, StickyRouter) and self.sticky != "off":
            self.router = StickyRouter(self.router, self.sticky)
        self.dispatcher = Dispatcher(
            self.router, **{"twins": twins_of(self.models), **self.options}
        )

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
