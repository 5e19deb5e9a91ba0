"""A router whose candidates are whole chains or agents: any runnable, any input."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing, closing
from typing import Any, Final

from langchain_core.runnables import Runnable, RunnableConfig, RunnableSerializable
from langchain_core.runnables.config import ensure_config
from langchain_core.runnables.utils import ConfigurableFieldSpec, get_unique_config_specs
from pydantic import ConfigDict, Field, PrivateAttr

from langchain_llmrouter.authors import Authors
from langchain_llmrouter.bubble import delivered
from langchain_llmrouter.delegation import Delegation, said_in, value_of
from langchain_llmrouter.inputs import goes_on, query_of_input
from langchain_llmrouter.routing import (
    CONFIG_SPECS,
    Memories,
    Routing,
    check_models,
    wishes_of,
    without_model,
)
from langchain_llmrouter.runs import OwnRun, own_arun, own_run
from langchain_llmrouter.turnstile import my_turn
from shared_core.decision import RoutingDecision
from shared_core.errors import own_errors
from shared_core.events import Listener
from shared_core.query import Query
from shared_core.reliability import Reliability
from shared_core.routers.base import Router
from shared_core.routers.sticky import Mode

_OPTIONS: Final = ("failover", "failover_on", "reliability", "listeners")


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
    chosen name in the metadata of the runnable's. LangGraph's interrupts pass through; what goes on
    with an interrupted thread (``Command``, or None) goes to the runnable that began it.

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
    _memories: Memories = PrivateAttr()

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    def __init__(
        self, runnables: Mapping[str, Runnable[Any, Any]], router: Router, **options: Any
    ) -> None:
        check_models(runnables, router)
        super().__init__(runnables=dict(runnables), router=router, **options)
        self._memories = Memories(self.runnables)
        _ = self._routing  # so that options that do not go together are told of here

    @property
    def _routing(self) -> Routing:
        """Who decides, with the options as they are now."""
        if self._memories.models is not self.runnables:
            self._memories = Memories(self.runnables)
        options = {name: getattr(self, name) for name in _OPTIONS}
        return self._memories.routing(self.runnables, self.router, self.sticky, options)

    def route(self, input: Any, config: RunnableConfig | None = None) -> RoutingDecision:
        """Decide and call nobody; leaves no trace.

        Raises:
            ConfigError: the router has to hear answers before it can decide, or there is no text.
            NoEligibleModel: no runnable can serve this input.
        """
        routing = self._routing
        return routing.router.route(routing.dry(self._query(input, ensure_config(config), routing)))

    async def aroute(self, input: Any, config: RunnableConfig | None = None) -> RoutingDecision:
        """``route`` without blocking the event loop."""
        routing = self._routing
        query = routing.dry(self._query(input, ensure_config(config), routing))
        return await routing.router.aroute(query)

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        full, routing = ensure_config(config), self._routing
        with own_run(full, self.get_name(), {"input": input}) as run, delivered(), own_errors():
            query, asked = self._query(input, full, routing), self._asked(input, run.config, kwargs)
            decision, answer = routing.dispatcher.run(query, asked.call, asked.hear)
            return self._given(answer.value, decision, query, run)

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        await my_turn()
        full, routing = ensure_config(config), self._routing
        async with own_arun(full, self.get_name(), {"input": input}) as run:
            query, asked = self._query(input, full, routing), self._asked(input, run.config, kwargs)
            with delivered(), own_errors():
                decision, answer = await routing.dispatcher.arun(query, asked.acall, asked.ahear)
            return self._given(answer.value, decision, query, run)

    def stream(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any | None
    ) -> Iterator[Any]:
        full, routing = ensure_config(config), self._routing
        with own_run(full, self.get_name(), {"input": input}) as run, delivered(), own_errors():
            query, asked = self._query(input, full, routing), self._asked(input, run.config, kwargs)
            with closing(routing.dispatcher.stream(query, asked.hear, asked.stream)) as told:
                for streamed in told:
                    yield self._given(value_of(streamed), streamed.decision, query, run)

    async def astream(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any | None
    ) -> AsyncIterator[Any]:
        await my_turn()
        full, routing = ensure_config(config), self._routing
        async with own_arun(full, self.get_name(), {"input": input}) as run:
            query, asked = self._query(input, full, routing), self._asked(input, run.config, kwargs)
            pieces = routing.dispatcher.astream(query, asked.ahear, asked.astream)
            with delivered(), own_errors():
                async with aclosing(pieces):
                    async for streamed in pieces:
                        yield self._given(value_of(streamed), streamed.decision, query, run)

    @property
    def config_specs(self) -> list[ConfigurableFieldSpec]:
        """The router's, and those of the runnables."""
        inner = (spec for runnable in self.runnables.values() for spec in runnable.config_specs)
        return get_unique_config_specs((*CONFIG_SPECS, *inner))

    def _query(self, input: Any, config: RunnableConfig, routing: Routing) -> Query:
        about = wishes_of(config)
        if goes_on(input) and (begun := self._begun(about)) is not None:
            return Query("", **{**about, "model": begun})
        if self.text is not None:
            return routing.narrowed(Query(self.text(input), **about))
        authors = Authors(False, routing.memories.authors, self.runnables)
        return routing.narrowed(query_of_input(input, authors.latest, **about))

    def _begun(self, about: Mapping[str, Any]) -> str | None:
        """Who has begun what is to go on: only that runnable can."""
        named: str | None = about.get("model")
        return named or self._memories.threads.model_of(about.get("conversation"))

    def _asked(self, input: Any, config: RunnableConfig, kwargs: Mapping[str, Any]) -> Delegation:
        return Delegation(self.runnables, input, without_model(config), kwargs)

    def _given(self, value: Any, decision: RoutingDecision, query: Query, run: OwnRun) -> Any:
        """What the caller is given; who gave it is remembered."""
        run.decision = decision
        run.gives(value)
        self._memories.threads.note(query.conversation, decision.model)
        if (said := said_in(value)) is not None:
            self._memories.authors.note(said.id, decision.model)
        return value
