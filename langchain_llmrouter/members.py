"""A chat model's models as they are called, and what is remembered of them from call to call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Self

from langchain_llmrouter.authors import REMEMBERED, TTL
from langchain_llmrouter.delegation import AnyRunnable
from langchain_llmrouter.options import SET_ON_EACH, configured
from langchain_llmrouter.routing import Routing
from shared_core.dispatch import twins_of
from shared_core.routers.base import Router
from shared_core.routers.sticky import Memory, Mode

_KEPT: Final = 64
"""Routings that are remembered, the latest made."""


class Members(dict[str, AnyRunnable]):
    """Models that copies of a chat model share, and with them breakers, places and conversations.

    A deep or pickled copy starts anew.

    Args:
        given: name -> model, as the caller has them.
        wanted: what is set on those of them that can have it: cache, output version, streaming.
    """

    def __init__(self, given: Mapping[str, AnyRunnable], wanted: Mapping[str, Any]) -> None:
        super().__init__(configured(given, wanted))
        self.wanted = dict(wanted)
        self.authors = Memory(REMEMBERED, TTL)
        self._given = dict(given)
        self._twins = twins_of(given)  # before a cache's corners made them different objects
        self._routings: list[tuple[Router, Mode, dict[str, Any], Routing]] = []

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._given, self.wanted)

    @classmethod
    def of(cls, models: Mapping[str, AnyRunnable], options: Mapping[str, Any]) -> Self:
        """The models with these options; members that have them already are taken as they are."""
        given = {name: options.get(name) for name in SET_ON_EACH}
        wanted = {name: value for name, value in given.items() if value is not None}
        if not isinstance(models, cls):
            return cls(models, wanted)
        return models if models.wanted == wanted else cls(models._given, wanted)

    def routing(self, router: Router, sticky: Mode, options: Mapping[str, Any]) -> Routing:
        """Routing over them, the same for the same router and options; see ``Routing``."""
        for known, mode, dispatching, routing in self._routings:
            if known is router and mode == sticky and dispatching == options:
                return routing
        routing = Routing(self, router, sticky, {**options, "twins": self._twins})
        latest = self._routings[1 - _KEPT :]
        self._routings = [*latest, (router, sticky, dict(options), routing)]
        return routing
