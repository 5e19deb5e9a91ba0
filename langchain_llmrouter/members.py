"""A chat model's models as they are called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_llmrouter.delegation import AnyRunnable
from langchain_llmrouter.options import configured
from langchain_llmrouter.routing import KEPT, Memories


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
        self._kin: list[Members] = [self]

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.memories.models, self.wanted)

    def with_options(self, wanted: Mapping[str, Any]) -> Members:
        """The same models with these options, which are remembered together."""
        wanted = {name: value for name, value in wanted.items() if value is not None}
        for known in self._kin:
            if known.wanted == wanted:
                return known
        made = Members(self.memories.models, wanted)
        made.memories, made._kin = self.memories, self._kin
        del self._kin[1:-KEPT]
        self._kin.append(made)
        return made
