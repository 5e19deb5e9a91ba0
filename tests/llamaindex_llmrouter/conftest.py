"""Routers over providers' doubles, and who listens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.events import BaseEvent
from llamaindex_fakes import FakeProvider
from pydantic import Field

from llamaindex_llmrouter import Always, Router, RouterLLM


class Heard(BaseEventHandler):
    """Remembers the events of LlamaIndex' instrumentation."""

    events: list[Any] = Field(default_factory=list)

    @classmethod
    def class_name(cls) -> str:
        return "Heard"

    def handle(self, event: BaseEvent, **kwargs: Any) -> None:
        self.events.append(event)

    def named(self, *names: str) -> list[Any]:
        return [event for event in self.events if event.class_name() in names]

    def names(self, *kinds: str) -> list[str]:
        """Names of the events of these kinds, in order."""
        return [event.class_name() for event in self.named(*kinds)]


Make = Callable[..., RouterLLM]


@pytest.fixture
def fake() -> type[FakeProvider]:
    """The provider's double."""
    return FakeProvider


@pytest.fixture
def make() -> Make:
    """Makes a router that always takes ``a``, over fakes ``a`` and ``b`` with the fields given."""

    def made(
        router: Router | None = None,
        options: dict[str, Any] | None = None,
        **fields: dict[str, Any],
    ) -> RouterLLM:
        given = {"a": {}, "b": {}, **fields}
        models = {name: FakeProvider(name=name, **its) for name, its in given.items()}
        return RouterLLM(models, router or Always(list(given)), **(options or {}))

    return made


@pytest.fixture
def heard() -> Iterator[Heard]:
    """The events of everything that happens in the test."""
    root, handler = get_dispatcher(), Heard()
    root.add_event_handler(handler)
    yield handler
    root.event_handlers.remove(handler)
