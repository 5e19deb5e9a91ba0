"""A router whose candidates are whole chains or agents: any runnable, any input."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing, closing
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig, RunnableSerializable
from langchain_core.runnables.config import ensure_config
from langchain_core.runnables.utils import ConfigurableFieldSpec, get_unique_config_specs
from pydantic import ConfigDict, Field, PrivateAttr

from langchain_llmrouter.bubble import delivered
from langchain_llmrouter.delegation import Delegation, value_of
from langchain_llmrouter.inputs import query_of_input
from langchain_llmrouter.routing import (
    CONFIG_SPECS,
    Routing,
    check_models,
    wishes_of,
    without_model,
)
from langchain_llmrouter.runs import OwnRun, own_arun, own_run
from langchain_llmrouter.turnstile import my_turn
from shared_core.decision import RoutingDecision
from shared_core.dispatch import Streamed
from shared_core.errors import own_errors
from shared_core.events import Listener
from shared_core.query import Query
from shared_core.reliability import Reliability
from shared_core.routers.base import Router
from shared_core.routers.sticky import Mode


class RunnableLLMRouter(RunnableSerializable[Any, Any]):
    """Hands every input to the chain that is worth it.

    ::

        router = RunnableLLMRouter(
            runnables={"plain": prompt | small, "research": agent},
            router=KNNRouter.load("my-router"),
        )
        router.invoke({"question": "What is 2 + 2?"})

    Args:
        runnables: name -> runnable, for exactly the names of the router's pool.
        router: who decides.
        text: input -> text to judge, where that is not plain; see ``query_of_input``.
        sticky, failover, failover_on, reliability, listeners: see ``ChatLLMRouter``.

    The answer is the runnable's own, whatever it is; the decision is in the router's run, and the
    chosen name in the metadata of the runnable's. LangGraph's interrupts pass through.

    Raises:
        ConfigError: runnables and pool do not match.
    """

    runnables: dict[str, Any] = Field(exclude=True, repr=False)
    router: Router = Field(exclude=True, repr=False)
    text: Callable[[Any], str] | None = Field(default=None, exclude=True, repr=False)
    sticky: Mode = "turn"
    failover: bool = True
    failover_on: tuple[type[Exception], ...] = Field(default=(Exception,), exclude=True, repr=False)
    reliability: Reliability = Field(default=Reliability(), exclude=True, repr=False)
    listeners: tuple[Listener, ...] = Field(default=(), exclude=True, repr=False)
    _routing: Routing = PrivateAttr()

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    def __init__(
        self, runnables: Mapping[str, Runnable[Any, Any]], router: Router, **options: Any
    ) -> None:
        check_models(runnables, router)
        super().__init__(runnables=dict(runnables), router=router, **options)
        names = ("failover", "failover_on", "reliability", "listeners")
        dispatching = {name: getattr(self, name) for name in names}
        self._routing = Routing(self.runnables, router, self.sticky, dispatching)

    def route(self, input: Any, config: RunnableConfig | None = None) -> RoutingDecision:
        """Decide and call nobody; leaves no trace.

        Raises:
            ConfigError: the router has to hear answers before it can decide, or there is no text.
            NoEligibleModel: no runnable can serve this input.
        """
        query = self._routing.dry(self._query(input, ensure_config(config)))
        return self._routing.router.route(query)

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        full = ensure_config(config)
        with own_run(full, self.get_name(), {"input": input}) as run, delivered(), own_errors():
            query, asked = self._query(input, full), self._asked(input, run.config, kwargs)
            run.decision, answer = self._routing.dispatcher.run(query, asked.call, asked.hear)
            run.gives(answer.value)
        return answer.value

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        await my_turn()
        full, dispatcher = ensure_config(config), self._routing.dispatcher
        async with own_arun(full, self.get_name(), {"input": input}) as run:
            query, asked = self._query(input, full), self._asked(input, run.config, kwargs)
            with delivered(), own_errors():
                run.decision, answer = await dispatcher.arun(query, asked.acall, asked.ahear)
            run.gives(answer.value)
        return answer.value

    def stream(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any | None
    ) -> Iterator[Any]:
        full = ensure_config(config)
        with own_run(full, self.get_name(), {"input": input}) as run, delivered(), own_errors():
            query, asked = self._query(input, full), self._asked(input, run.config, kwargs)
            with closing(self._routing.dispatcher.stream(query, asked.hear, asked.stream)) as told:
                for streamed in told:
                    yield _piece(streamed, run)

    async def astream(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any | None
    ) -> AsyncIterator[Any]:
        await my_turn()
        full, dispatcher = ensure_config(config), self._routing.dispatcher
        async with own_arun(full, self.get_name(), {"input": input}) as run:
            query, asked = self._query(input, full), self._asked(input, run.config, kwargs)
            with delivered(), own_errors():
                async with aclosing(dispatcher.astream(query, asked.ahear, asked.astream)) as told:
                    async for streamed in told:
                        yield _piece(streamed, run)

    @property
    def config_specs(self) -> list[ConfigurableFieldSpec]:
        """The router's, and those of the runnables."""
        inner = (spec for runnable in self.runnables.values() for spec in runnable.config_specs)
        return get_unique_config_specs((*CONFIG_SPECS, *inner))

    def _query(self, input: Any, config: RunnableConfig) -> Query:
        about = wishes_of(config)
        query = (
            query_of_input(input, **about)
            if self.text is None
            else Query(self.text(input), **about)
        )
        return self._routing.narrowed(query)

    def _asked(self, input: Any, config: RunnableConfig, kwargs: Mapping[str, Any]) -> Delegation:
        return Delegation(self.runnables, input, without_model(config), kwargs)


def _piece(streamed: Streamed[Any], run: OwnRun) -> Any:
    run.decision, piece = streamed.decision, value_of(streamed)
    run.gives(piece)
    return piece
