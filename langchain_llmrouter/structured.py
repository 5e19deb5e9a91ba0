"""Structured output of whichever model is chosen."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing
from functools import partial
from typing import Any, Protocol

from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable, RunnableConfig

from langchain_llmrouter.authors import Authors
from langchain_llmrouter.delegation import value_of
from langchain_llmrouter.exchange import Exchange, Form
from langchain_llmrouter.tools import structure_of
from shared_core.decision import RoutingDecision
from shared_core.errors import ConfigError


class Routed(Protocol):
    """A chat model that routes; its options may change from call to call."""

    @property
    def _exchange(self) -> Exchange: ...


class StructuredOutput(Runnable[Any, Any]):
    """Routes like the chat model it comes from, and lets the chosen model parse its own way.

    Args:
        chat: the chat model.
        schema: what to answer in.
        options: further arguments of ``with_structured_output``.

    Raises:
        ConfigError: no model takes these.
    """

    def __init__(self, chat: Routed, schema: Any, options: Mapping[str, Any]) -> None:
        self._chat = chat
        self._schema = schema
        self._options = dict(options)
        self._check(chat._exchange.routing.models)
        self._told = "" if options.get("method") == "json_mode" else structure_of(schema)

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        exchange = self._chat._exchange
        return exchange.run(input, config, kwargs, self._form(exchange))

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        exchange = self._chat._exchange
        return await exchange.arun(input, config, kwargs, self._form(exchange))

    def stream(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any | None
    ) -> Iterator[Any]:
        exchange = self._chat._exchange
        yield from exchange.stream(input, config, kwargs, self._form(exchange))

    async def astream(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any | None
    ) -> AsyncIterator[Any]:
        exchange = self._chat._exchange
        async with aclosing(exchange.astream(input, config, kwargs, self._form(exchange))) as told:
            async for piece in told:
                yield piece

    def _form(self, exchange: Exchange) -> Form:
        signed = partial(_signed, exchange.authors)
        return Form(lambda value, _: value, value_of, signed, self._derive, self._told)

    def _check(self, models: Mapping[str, Any]) -> None:
        told = []
        for name, model in models.items():
            try:
                self._derive(model)
            except Exception as error:  # noqa: BLE001 - any of theirs: another model may take it
                told.append(f"{name}: {type(error).__name__}: {error}")
            else:
                return
        raise ConfigError(f"no model answers in this structure: {'; '.join(told)}")

    def _derive(self, model: Any) -> Runnable[Any, Any]:
        derived: Runnable[Any, Any] = model.with_structured_output(self._schema, **self._options)
        return derived


def _signed(authors: Authors, value: Any, decision: RoutingDecision) -> Any:
    """The value; with the raw message in it, that one carries the decision."""
    if isinstance(value, dict) and isinstance(raw := value.get("raw"), AIMessage):
        return {**value, "raw": authors.signed(raw, decision)}
    return value
