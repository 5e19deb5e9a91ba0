"""A chat model's models as they are called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_llmrouter.delegation import AnyRunnable
from langchain_llmrouter.kept import Kept
from langchain_llmrouter.options import configured
from langchain_llmrouter.routing import Memories


class Members(dict[str, AnyRunnable]):
    """Models that copies of a chat model share, and with them what is remembered of them.

    A deep or pickled copy starts anew.

    Args:
        given: name -> model, as the caller has them.
        wanted: what is set on those of them that can have it: cache, output version, streaming.
    """

    def __init__(self, given: Mapping[str, AnyRunnable], wanted: Mapping[str, Any]) -> None:
        self.wanted = {name: value for name, value in wanted.items() if value is not None}
        super().__init__(configured(given, self.wanted))
        # Of the models as given: a cache's corners make different objects of the same ones.
        self.memories = Memories(dict(given))
        self._kin = Kept[Members]()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.memories.models, self.wanted)

    def with_options(self, wanted: Mapping[str, Any]) -> Members:
        """The same models with these options, which are remembered together."""
        wanted = {name: value for name, value in wanted.items() if value is not None}
        if wanted == self.wanted:
            return self
        return self._kin.one(lambda known: known.wanted == wanted, lambda: self._with(wanted))

    def _with(self, wanted: Mapping[str, Any]) -> Members:
        made = Members(self.memories.models, wanted)
        made.memories, made._kin = self.memories, self._kin
        return made
