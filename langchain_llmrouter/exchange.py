"""One call of the chat model from end to end: prepared, decided, carried out, on record."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import aclosing, closing
from typing import Any, Final, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import ensure_config, merge_configs

from langchain_llmrouter.authors import Authors
from langchain_llmrouter.bubble import delivered
from langchain_llmrouter.delegation import AnyRunnable, Delegation
from langchain_llmrouter.messages import query_of
from langchain_llmrouter.routing import Routing, wishes_of, without_model
from langchain_llmrouter.runs import OwnRun, own_arun, own_run
from langchain_llmrouter.tools import BOUND, BoundTools, needs_of
from langchain_llmrouter.turnstile import my_turn
from shared_core.decision import RoutingDecision
from shared_core.dispatch import Streamed
from shared_core.errors import own_errors
from shared_core.query import Query

Derive = Callable[[AnyRunnable], AnyRunnable]

_RESERVED: Final = ("max_tokens", "max_completion_tokens", "max_output_tokens")


class Exchange:
    """Carries calls of a chat model out.

    Args:
        chat: whose.
        routing: who decides.
        authors: signs the answers.
        defaults: options that the chat model hands on with every call, at that moment.
    """

    def __init__(
        self,
        chat: BaseChatModel,
        routing: Routing,
        authors: Authors,
        defaults: Callable[[], Mapping[str, Any]],
    ) -> None:
        self._chat = chat
        self.routing = routing
        self.authors = authors
        self._defaults = defaults

    def query(self, input: Any, config: RunnableConfig | None, kwargs: Mapping[str, Any]) -> Query:
        """What is asked, for a decision that calls nobody."""
        messages = self._messages(input)
        return self.routing.dry(self._query(messages, ensure_config(config), kwargs, None))

    def run(
        self,
        input: Any,
        config: RunnableConfig | None,
        kwargs: Mapping[str, Any],
        derive: Derive | None = None,
    ) -> tuple[RoutingDecision, Any]:
        """The decision and the chosen model's answer."""
        full = self._config(config)
        with own_run(full, self._name, {"input": input}) as run, delivered(), own_errors():
            query, asked = self._prepared(input, full, run, kwargs, derive)
            dispatcher = self.routing.dispatcher
            decision, answer = dispatcher.run(query, asked.call, asked.hear, asked.ready)
            run.decision = self.routing.explained(decision, query)
        return run.decision, answer.value

    async def arun(
        self,
        input: Any,
        config: RunnableConfig | None,
        kwargs: Mapping[str, Any],
        derive: Derive | None = None,
    ) -> tuple[RoutingDecision, Any]:
        """``run`` for coroutines."""
        await my_turn()
        full, dispatcher = self._config(config), self.routing.dispatcher
        async with own_arun(full, self._name, {"input": input}) as run:
            query, asked = self._prepared(input, full, run, kwargs, derive)
            with delivered(), own_errors():
                decision, answer = await dispatcher.arun(
                    query, asked.acall, asked.ahear, asked.aready
                )
            run.decision = self.routing.explained(decision, query)
        return run.decision, answer.value

    def stream(
        self,
        input: Any,
        config: RunnableConfig | None,
        kwargs: Mapping[str, Any],
        derive: Derive | None = None,
        *,
        as_events: bool = False,
    ) -> Generator[Streamed[Any]]:
        """The decision and the chosen model's answer piece by piece, or event by event (``v3``)."""
        full = self._config(config)
        with own_run(full, self._name, {"input": input}) as run, delivered(), own_errors():
            query, asked = self._prepared(input, full, run, kwargs, derive)
            stream = asked.events if as_events else asked.stream
            pieces = self.routing.dispatcher.stream(query, asked.hear, stream, asked.ready)
            with closing(pieces):
                for streamed in pieces:
                    if run.decision is None:
                        run.decision = self.routing.explained(streamed.decision, query)
                        yield Streamed(run.decision, streamed.piece)
                    else:
                        yield streamed

    async def astream(
        self,
        input: Any,
        config: RunnableConfig | None,
        kwargs: Mapping[str, Any],
        derive: Derive | None = None,
        *,
        as_events: bool = False,
    ) -> AsyncGenerator[Streamed[Any]]:
        """``stream`` for coroutines."""
        await my_turn()
        full, dispatcher = self._config(config), self.routing.dispatcher
        async with own_arun(full, self._name, {"input": input}) as run:
            query, asked = self._prepared(input, full, run, kwargs, derive)
            stream = asked.aevents if as_events else asked.astream
            pieces = dispatcher.astream(query, asked.ahear, stream, asked.aready)
            with delivered(), own_errors():
                async with aclosing(pieces):
                    async for streamed in pieces:
                        if run.decision is None:
                            run.decision = self.routing.explained(streamed.decision, query)
                            yield Streamed(run.decision, streamed.piece)
                        else:
                            yield streamed

    def _messages(self, input: Any) -> list[BaseMessage]:
        if isinstance(input, str):
            return [HumanMessage(input)]
        return self._chat._convert_input(input).to_messages()

    @property
    def _name(self) -> str:
        return self._chat.name or type(self._chat).__name__

    def _config(self, config: RunnableConfig | None) -> RunnableConfig:
        full, chat = ensure_config(config), self._chat
        if chat.callbacks is not None:
            full = merge_configs({"callbacks": chat.callbacks}, full)
        if chat.metadata:
            full["metadata"] = {**chat.metadata, **(full.get("metadata") or {})}
        if chat.tags:
            full["tags"] = [*chat.tags, *(full.get("tags") or ())]
        return full

    def _query(
        self,
        messages: list[BaseMessage],
        config: RunnableConfig,
        kwargs: Mapping[str, Any],
        derive: Derive | None,
    ) -> Query:
        options = {**self._defaults(), **kwargs}
        if (tools := options.get(BOUND)) is not None:
            options = {**tools.options, **options}
        about = wishes_of(config)
        if kwargs.get("model"):
            about["model"] = kwargs["model"]
        needs = needs_of(options) if derive is None else (*needs_of(options), "structured_output")
        reserved = next((options[name] for name in _RESERVED if options.get(name)), None)
        told = options.get("tools") or ()
        about["previous"] = self.authors.latest(messages)
        query = query_of(messages, tools=told, needs=needs, reserved_output=reserved, **about)
        return self.routing.narrowed(query)

    def _prepared(
        self,
        input: Any,
        config: RunnableConfig,
        run: OwnRun,
        kwargs: Mapping[str, Any],
        derive: Derive | None,
    ) -> tuple[Query, Delegation]:
        """The query to route and the call to hand on; ``derive`` makes answers structured."""
        messages = self._messages(input)
        options = {**self._defaults(), **kwargs}
        options.pop("model", None)
        tools = cast("BoundTools | None", options.pop(BOUND, None))
        if tools is not None:
            options = tools.added_to(options)
        query = self._query(messages, config, kwargs, derive)
        models, limiter = self.routing.models, self._chat.rate_limiter
        inner = without_model(run.config)
        delegation = Delegation(models, messages, inner, options, derive or tools, limiter)
        return query, delegation
