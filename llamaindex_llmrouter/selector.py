"""A LlamaIndex selector that lets a router choose among query engines, retrievers or tools."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from llama_index.core.base.base_selector import BaseSelector, SelectorResult, SingleSelection
from llama_index.core.prompts.mixin import PromptDictType
from llama_index.core.schema import QueryBundle
from llama_index.core.tools import ToolMetadata

from llamaindex_llmrouter.events import announce
from shared_core.decision import RoutingDecision
from shared_core.errors import ConfigError, NoEligibleModel
from shared_core.query import Query
from shared_core.routers.base import Router


class RoutedSelection(SelectorResult):
    """What was selected, with the decision behind it; query engines keep it with their response.

    Args:
        selections: the selected choices' indices and reasons, the best first.
        decision: ``RoutingDecision.to_dict()``.
    """

    decision: dict[str, Any]


class RouterSelector(BaseSelector):
    """Selects with a router instead of an LLM: no prompt, no parsing, always a choice on offer.

    ::

        engine = RouterQueryEngine(RouterSelector(router), tools, llm=llm)
        response.metadata["selector_result"].decision

    Args:
        router: who decides; its pool's names are those of the choices (``ToolMetadata.name``, or
            the string itself). A call may offer only some of them.
        max_outputs: most choices selected at once.
        default: the choice taken when none is eligible, instead of an error.

    Raises:
        ConfigError: an argument makes no sense.
    """

    def __init__(self, router: Router, *, max_outputs: int = 1, default: str | None = None) -> None:
        if max_outputs < 1:
            raise ConfigError(f"max_outputs is at least 1, not {max_outputs}")
        if default is not None and default not in router.pool:
            raise ConfigError(f"the default {default!r} is none of {', '.join(router.pool)}")
        self.router = router
        self.max_outputs = max_outputs
        self.default = default

    def _select(self, choices: Sequence[ToolMetadata], query: QueryBundle) -> RoutedSelection:
        names = self._names(choices)
        try:
            decision = self.router.route(self._query(names, query))
        except NoEligibleModel as error:
            decision = self._by_default(names, error)
        return self._selection(names, decision)

    async def _aselect(
        self, choices: Sequence[ToolMetadata], query: QueryBundle
    ) -> RoutedSelection:
        names = self._names(choices)
        try:
            decision = await self.router.aroute(self._query(names, query))
        except NoEligibleModel as error:
            decision = self._by_default(names, error)
        return self._selection(names, decision)

    def _names(self, choices: Sequence[ToolMetadata]) -> list[str]:
        """The choices' names, each known to the router and there once."""
        names = [choice.name or choice.description for choice in choices]
        if not names or (unknown := [name for name in names if name not in self.router.pool]):
            raise ConfigError(
                f"the choices are {', '.join(names) or 'none'}; the router knows "
                f"{', '.join(self.router.pool)}" + (f", not {', '.join(unknown)}" if names else "")
            )
        if twice := [name for name, count in Counter(names).items() if count > 1]:
            raise ConfigError(f"several choices are called {', '.join(twice)}: give each its name")
        return names

    def _query(self, names: Sequence[str], query: QueryBundle) -> Query:
        absent = [name for name in self.router.pool if name not in names]
        return Query(query.query_str, exclude=dict.fromkeys(absent, "is not among the choices"))

    def _by_default(self, names: Sequence[str], error: NoEligibleModel) -> RoutingDecision:
        if self.default is None or self.default not in names:
            raise error
        reason = f"{self.default} by default: {error}"
        return RoutingDecision((self.default,), type(self.router).__name__, "default", reason)

    def _selection(self, names: Sequence[str], decision: RoutingDecision) -> RoutedSelection:
        announce(decision)
        chosen = decision.ranking[: self.max_outputs]
        selections = [
            SingleSelection(
                index=names.index(name),
                reason=decision.reason if rank == 1 else f"number {rank} of the ranking",
            )
            for rank, name in enumerate(chosen, start=1)
        ]
        return RoutedSelection(selections=selections, decision=decision.to_dict())

    def _get_prompts(self) -> PromptDictType:
        return {}

    def _update_prompts(self, prompts: PromptDictType) -> None:
        """There are none."""
