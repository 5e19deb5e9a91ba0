"""One call of the chat model from end to end: prepared, decided, carried out, on record."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from contextlib import aclosing, closing
from dataclasses import dataclass
from typing import Any, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import ensure_config, merge_configs

from langchain_llmrouter.authors import Authors
from langchain_llmrouter.bubble import delivered
from langchain_llmrouter.delegation import AnyRunnable, Delegation
from langchain_llmrouter.messages import query_of
from langchain_llmrouter.routing import Routing, wishes_of, without_model
from langchain_llmrouter.runs import OwnRun, added_up, own_arun, own_run
from langchain_llmrouter.tools import BOUND, BoundTools, needs_of, reserved_of, structure_of
from langchain_llmrouter.turnstile import my_turn
from shared_core.decision import Answer, RoutingDecision
from shared_core.dispatch import Streamed
from shared_core.errors import own_errors
from shared_core.query import Query

Derive = Callable[[AnyRunnable], AnyRunnable]


@dataclass(frozen=True, slots=True)
class Form:
    """What the caller is given.

    Args:
        whole: (a model's answer, the model) -> the answer.
        piece: a piece of a stream, or an answer that was heard whole -> a piece.
        signed: (answer or piece, decision) -> the same; a copy, where it carries the decision.
        derive: what to make of a model before calling it; None where it is called as it is.
        structure: what a model so made is told of the structure it has to answer in.
        total: makes one answer of the pieces.
        as_events: whether the pieces are a model's events (``v3``).
    """

    whole: Callable[[Any, str], Any]
    piece: Callable[[Streamed[Any]], Any]
    signed: Callable[[Any, RoutingDecision], Any]
    derive: Derive | None = None
    structure: str = ""
    total: Callable[[Sequence[Any]], Any] = added_up
    as_events: bool = False


class Exchange:
    """Carries calls of a chat model out.

    Args:
        chat: whose.
        routing: who decides.
        authors: signs the answers.
        defaults: options that go with every call.
    """

    def __init__(
        self,
        chat: BaseChatModel,
        routing: Routing,
        authors: Authors,
        defaults: Mapping[str, Any],
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
        self, input: Any, config: RunnableConfig | None, kwargs: Mapping[str, Any], form: Form
    ) -> Any:
        """The chosen model's answer."""
        full = self._config(config)
        with own_run(full, self._name, {"input": input}) as run, delivered(), own_errors():
            query, asked = self._prepared(input, full, run, kwargs, form)
            dispatcher = self.routing.dispatcher
            heard = dispatcher.run(query, asked.call, asked.hear, asked.ready)
            return self._answer(*heard, run, query, form)

    async def arun(
        self, input: Any, config: RunnableConfig | None, kwargs: Mapping[str, Any], form: Form
    ) -> Any:
        """``run`` for coroutines."""
        await my_turn()
        full, dispatcher = self._config(config), self.routing.dispatcher
        async with own_arun(full, self._name, {"input": input}) as run:
            query, asked = self._prepared(input, full, run, kwargs, form)
            with delivered(), own_errors():
                heard = await dispatcher.arun(query, asked.acall, asked.ahear, asked.aready)
            return self._answer(*heard, run, query, form)

    def stream(
        self, input: Any, config: RunnableConfig | None, kwargs: Mapping[str, Any], form: Form
    ) -> Generator[Any]:
        """The chosen model's answer piece by piece, of which one carries the decision."""
        full, named = self._config(config), {"input": input}
        with own_run(full, self._name, named, form.total) as run, delivered(), own_errors():
            query, asked = self._prepared(input, full, run, kwargs, form)
            stream = asked.events if form.as_events else asked.stream
            pieces = self.routing.dispatcher.stream(query, asked.hear, stream, asked.ready)
            with closing(pieces):
                for streamed in pieces:
                    yield self._piece(streamed, run, query, form)

    async def astream(
        self, input: Any, config: RunnableConfig | None, kwargs: Mapping[str, Any], form: Form
    ) -> AsyncGenerator[Any]:
        """``stream`` for coroutines."""
        await my_turn()
        full, dispatcher = self._config(config), self.routing.dispatcher
        async with own_arun(full, self._name, {"input": input}, form.total) as run:
            query, asked = self._prepared(input, full, run, kwargs, form)
            stream = asked.aevents if form.as_events else asked.astream
            pieces = dispatcher.astream(query, asked.ahear, stream, asked.aready)
            with delivered(), own_errors():
                async with aclosing(pieces):
                    async for streamed in pieces:
                        yield self._piece(streamed, run, query, form)

    def _answer(
        self, decision: RoutingDecision, answer: Answer, run: OwnRun, query: Query, form: Form
    ) -> Any:
        run.decision = self.routing.explained(decision, query)
        given = form.signed(form.whole(answer.value, decision.model), run.decision)
        run.gives(given)
        return given

    def _piece(self, streamed: Streamed[Any], run: OwnRun, query: Query, form: Form) -> Any:
        if run.decision is None:
            run.decision = self.routing.explained(streamed.decision, query)
        given = form.piece(streamed)
        if not run.is_signed:
            bare, given = given, form.signed(given, run.decision)
            run.is_signed = given is not bare
        run.gives(given)
        return given

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
        form: Form | None,
    ) -> Query:
        options = {**self._defaults, **kwargs}
        if (tools := options.get(BOUND)) is not None:
            options = {**tools.options, **options}
        about = wishes_of(config)
        if kwargs.get("model"):
            about["model"] = kwargs["model"]
        is_plain = form is None or form.derive is None
        about |= {
            "needs": needs_of(options) if is_plain else (*needs_of(options), "structured_output"),
            "structure": (form and form.structure) or structure_of(options.get("response_format")),
            "reserved_output": reserved_of(options),
            "latest": self.authors.latest,
        }
        query = query_of(messages, tools=options.get("tools") or (), **about)
        return self.routing.narrowed(query)

    def _prepared(
        self,
        input: Any,
        config: RunnableConfig,
        run: OwnRun,
        kwargs: Mapping[str, Any],
        form: Form,
    ) -> tuple[Query, Delegation]:
        """The query to route and the call to hand on."""
        messages = self._messages(input)
        options = {**self._defaults, **kwargs}
        options.pop("model", None)
        tools = cast("BoundTools | None", options.pop(BOUND, None))
        if tools is not None:
            options = tools.added_to(options)
        query = self._query(messages, config, kwargs, form)
        models, limiter = self.routing.models, self._chat.rate_limiter
        inner = without_model(run.config)
        derive, handed = form.derive or tools, self.authors.handed
        return query, Delegation(models, messages, inner, options, derive, limiter, handed)
