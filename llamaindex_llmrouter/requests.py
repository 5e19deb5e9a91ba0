"""One call on its way: what to route, and what to tell whichever model is chosen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from llama_index.core.base.llms.types import ChatMessage, ChatResponse
from llama_index.core.callbacks import CallbackManager
from llama_index.core.llms import LLM

from llamaindex_llmrouter.authors import Authors
from llamaindex_llmrouter.histories import has_signed_thoughts, has_strange_calls, readable
from llamaindex_llmrouter.messages import shown_of, turns_of
from shared_core.conversation import query_from
from shared_core.errors import ConfigError
from shared_core.pool import ModelPool
from shared_core.query import Query

PREFIX: Final = "llm_router_"
"""Of the keywords of a call that are for the router; no model receives them."""

FORCE: Final = "llm_router_model"
"""Keyword that names the model to use."""

_PREFIXES: Final = (PREFIX, "llmrouter_")
"""How such keywords begin, the other framework's among them: none is to be passed on unheeded."""

_FIELDS: Final = ("model", "conversation", "tags", "cost_weight", "deadline", "max_cost")
_KEYWORDS: Final = tuple(PREFIX + name for name in _FIELDS)

Heard = Callable[[str, Any], None]


def unheard(model: str, answer: Any) -> None:
    """Answers of which nothing is remembered."""


@dataclass(frozen=True)
class Request:
    """A call that is to be routed.

    Args:
        asked: what the router judges.
        known: the pool with all that is known of its models.
        callbacks: the router's, for models without their own.
        count: tokens of the input, where an estimate may not do.
        heard: told which model answered, and what.
    """

    asked: Query
    known: ModelPool
    callbacks: CallbackManager
    count: Callable[[], int] | None = None
    heard: Heard = unheard

    def query(self) -> Query:
        """What is asked, for those who can serve it."""
        return self._served(None if self.count is None else self.count())

    async def aquery(self) -> Query:
        """``query`` without blocking the event loop."""
        return self._served(None if self.count is None else await asyncio.to_thread(self.count))

    def _served(self, counted: int | None) -> Query:
        asked = self.asked if counted is None else self.asked.counted(counted)
        return self.known.narrowed(asked)


class Conversation:
    """Messages on their way to whichever model is chosen.

    Args:
        messages: the caller's; never changed.
        authors: knows who wrote them.
        providers: name of each model -> its provider.
    """

    def __init__(
        self, messages: Sequence[ChatMessage], authors: Authors, providers: Mapping[str, str]
    ) -> None:
        self.messages = messages
        self.authors = authors
        self.providers = providers
        self.turns = turns_of(messages)

    def query(self, tools: Sequence[Any] = (), **about: Any) -> Query:
        """What the router judges; see ``query_from``."""
        shown = map(shown_of, tools)
        previous = self.authors.latest(self.messages, self.turns)
        return query_from(self.turns, tools=shown, previous=previous, **about)

    def told_to(self, model: LLM) -> Sequence[ChatMessage]:
        """The messages as this model can read them."""
        if len(set(self.providers.values())) == 1:
            return self.messages
        provider = provider_of(model)
        authors, newest = self.authors.of(self.messages, self.turns), self._newest_request()
        foreign = [
            self._is_foreign(message, author, provider, is_settled=place < newest)
            for place, (message, author) in enumerate(zip(self.messages, authors, strict=True))
        ]
        return readable(self.messages, foreign) if any(foreign) else self.messages

    def note(self, model: str, answer: Any) -> None:
        """Remember who answered."""
        message = answer.message if isinstance(answer, ChatResponse) else None
        self.authors.note(self.turns, message, model)

    def _newest_request(self) -> int:
        places = reversed(range(len(self.turns)))
        return next((place for place in places if self.turns[place].is_request), 0)

    def _is_foreign(
        self, message: ChatMessage, author: str | None, provider: str, *, is_settled: bool
    ) -> bool:
        """Whether another provider's model wrote the message, or may have and it would show.

        Others refuse thoughts that one provider signed; that one wants them back while a tool loop
        is open, and not once the loop is settled.
        """
        if author is not None:
            return self.providers[author] != provider
        return has_strange_calls(message) or (is_settled and has_signed_thoughts(message))


def provider_of(model: LLM) -> str:
    """Models of one provider read each other's histories: those of one class at one address."""
    address = getattr(model, "api_base", None) or getattr(model, "base_url", None) or ""
    return f"{type(model).__module__}.{type(model).__qualname__} {address}"


def split(kwargs: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The query's fields among the keywords of a call, and those that are for the model.

    Raises:
        ConfigError: a keyword is for the router, which has no such field.
    """
    ours = {name for name in kwargs if name.startswith(_PREFIXES)}
    if not ours:
        return {}, dict(kwargs)
    if unknown := sorted(ours.difference(_KEYWORDS)):
        raise ConfigError(f"{', '.join(unknown)}: a call can set {', '.join(_KEYWORDS)}")
    given = {name.removeprefix(PREFIX): kwargs[name] for name in ours}
    own = {name: value for name, value in given.items() if value is not None}
    if not isinstance(conversation := own.get("conversation"), Hashable):
        raise ConfigError(f"{PREFIX}conversation is an id, not the {type(conversation).__name__}")
    return own, {name: value for name, value in kwargs.items() if name not in ours}
