"""Structured output of whichever model is chosen."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing
from typing import Any

from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable, RunnableConfig

from langchain_llmrouter.delegation import value_of
from langchain_llmrouter.exchange import Exchange, Form
from shared_core.decision import RoutingDecision
from shared_core.errors import ConfigError


class StructuredOutput(Runnable[Any, Any]):
    """Routes like the chat model it comes from, and lets the chosen model parse its own way.

    Args:
        exchange: the chat model's.
        schema: what to answer in.
        options: further arguments of ``with_structured_output``.

    Raises:
        ConfigError: no model takes these.
    """

    def __init__(self, exchange: Exchange, schema: Any, options: Mapping[str, Any]) -> None:
        self._exchange = exchange
        self._schema = schema
        self._options = dict(options)
        self._check(exchange.routing.models)

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        return self._exchange.run(input, config, kwargs, self._form)

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        return await self._exchange.arun(input, config, kwargs, self._form)

    def stream(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any | None
    ) -> Iterator[Any]:
        yield from self._exchange.stream(input, config, kwargs, self._form)

    async def astream(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any | None
    ) -> AsyncIterator[Any]:
        async with aclosing(self._exchange.astream(input, config, kwargs, self._form)) as pieces:
            async for piece in pieces:
                yield piece

    @property
    def _form(self) -> Form:
        return Form(lambda value, _: value, value_of, self._signed, self._derive)

    def _signed(self, value: Any, decision: RoutingDecision) -> Any:
        """The value; with the raw message in it, that one carries the decision."""
        if isinstance(value, dict) and isinstance(raw := value.get("raw"), AIMessage):
            return {**value, "raw": self._exchange.authors.signed(raw, decision)}
        return value

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
