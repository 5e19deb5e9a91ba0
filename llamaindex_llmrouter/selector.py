"""A LlamaIndex selector that lets a router choose among query engines, retrievers or tools."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

from llama_index.core.base.base_selector import BaseSelector, SelectorResult, SingleSelection
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.prompts.mixin import PromptDictType
from llama_index.core.schema import QueryBundle
from llama_index.core.tools import ToolMetadata

from llamaindex_llmrouter.events import announce
from llamaindex_llmrouter.selector_arguments import (
    check_default,
    check_numbers,
    check_router_of_choices,
)
from shared_core.decision import RoutingDecision
from shared_core.encoders.base import Encoder
from shared_core.encoders.function import FunctionEncoder
from shared_core.errors import ConfigError, NoEligibleModel
from shared_core.pool import Candidate, ModelPool
from shared_core.query import Query
from shared_core.routers.base import Router
from shared_core.routers.no_data.descriptions import MAX_CHARACTERS, DescriptionRouter

_NAME_CHARACTERS: Final = 80
_SETS_REMEMBERED: Final = 64

Described = tuple[tuple[str, str], ...]
"""Choices as they are compared: each with a name of its own and a description."""


class RoutedSelection(SelectorResult):
    """What was selected, with the decision behind it; query engines keep it with their response.

    Args:
        selections: the selected choices' indices and reasons, the best first.
        scores: of each selection, the probability that it is right, or the predicted quality; None
            where the router predicts none.
        decision: ``RoutingDecision.to_dict()``.
    """

    scores: list[float | None]
    decision: dict[str, Any]


class RouterSelector(BaseSelector):
    """Selects with a router instead of an LLM: no prompt, no parsing, always a choice on offer.

    With no router it goes by the choices' names, descriptions and examples, whichever choices a
    call brings; see ``DescriptionRouter``::

        engine = router_query_engine(tools, RouterSelector())
        response.metadata["selector_result"].scores

    Args:
        router: who decides; its pool's names are those of the choices (``ToolMetadata.name``, or
            the string itself). A call may offer only some of them.
        encoder: compares meanings too, where there is no router: an encoder or a LlamaIndex
            embedding. Descriptions are encoded once.
        examples: name of a choice -> a few queries that are right for it, where there is no router.
        max_outputs: most choices selected at once.
        threshold: score that a choice has to reach: a probability, or with a router, a quality.
        default: name or index of the choice taken when none is eligible or reaches the threshold,
            instead of an error.

    Raises:
        ConfigError: an argument makes no sense.
    """

    def __init__(
        self,
        router: Router | None = None,
        *,
        encoder: Encoder | BaseEmbedding | None = None,
        examples: Mapping[str, Sequence[str]] | None = None,
        max_outputs: int = 1,
        threshold: float | None = None,
        default: str | int | None = None,
    ) -> None:
        check_router_of_choices(router, encoder, examples)
        check_numbers(max_outputs, threshold, is_probability=router is None)
        check_default(default, router)
        self.router = router
        self.encoder = _encoder_of(encoder)
        self.examples = {name: tuple(texts) for name, texts in (examples or {}).items()}
        self.max_outputs = max_outputs
        self.threshold = threshold
        self.default = default
        self._router_of_descriptions = lru_cache(_SETS_REMEMBERED)(self._described)

    def __getstate__(self) -> dict[str, Any]:
        """What it was made with: a copy or pickle reads descriptions anew."""
        return {k: v for k, v in vars(self).items() if k != "_router_of_descriptions"}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        vars(self).update(state)
        self._router_of_descriptions = lru_cache(_SETS_REMEMBERED)(self._described)

    def _select(self, choices: Sequence[ToolMetadata], query: QueryBundle) -> RoutedSelection:
        names, router = self._on_offer(choices)
        try:
            decision = router.route(_query(router, names, query))
        except NoEligibleModel as error:
            decision = self._by_default(names, type(router).__name__, error)
        else:
            decision = self._checked(decision, names)
        return self._selection(names, decision)

    async def _aselect(
        self, choices: Sequence[ToolMetadata], query: QueryBundle
    ) -> RoutedSelection:
        names, router = self._on_offer(choices)
        try:
            decision = await router.aroute(_query(router, names, query))
        except NoEligibleModel as error:
            decision = self._by_default(names, type(router).__name__, error)
        else:
            decision = self._checked(decision, names)
        return self._selection(names, decision)

    def _on_offer(self, choices: Sequence[ToolMetadata]) -> tuple[list[str], Router]:
        """The choices' names, and who decides among them."""
        if not choices:
            raise ConfigError("there are no choices to select from")
        if self.router is not None:
            return _names_known_to(self.router, choices), self.router
        described = _described(choices)
        return [name for name, _ in described], self._router_of_descriptions(described)

    def _described(self, choices: Described) -> Router:
        pool = ModelPool(Candidate(name=name, description=about) for name, about in choices)
        examples = {name: texts for name, texts in self.examples.items() if name in pool}
        return DescriptionRouter(pool, self.encoder, examples)

    def _checked(self, decision: RoutingDecision, names: Sequence[str]) -> RoutingDecision:
        """The decision, or the default where its choice does not reach the threshold."""
        if self.threshold is None:
            return decision
        if not decision.quality:
            raise ConfigError(f"{decision.router} predicts no score to hold against a threshold")
        if (score := decision.quality[decision.model]) >= self.threshold:
            return decision
        below = NoEligibleModel(
            f"no choice reaches the threshold of {self.threshold}: the best, {decision.model}, "
            f"has {score:.2f}"
        )
        default = self._by_default(names, decision.router, below)
        return replace(default, quality=decision.quality, rejected=decision.rejected)

    def _by_default(
        self, names: Sequence[str], router: str, error: NoEligibleModel
    ) -> RoutingDecision:
        name = _named(self.default, names)
        if name is None and self.default is not None:
            raise NoEligibleModel(f"{error}; the default {self.default!r} is none of the choices")
        if name is None:
            raise error
        return RoutingDecision((name,), router, "default", f"{name} by default: {error}")

    def _selection(self, names: Sequence[str], decision: RoutingDecision) -> RoutedSelection:
        announce(decision)
        place = {name: index for index, name in enumerate(names)}
        chosen = [n for n in decision.ranking[: self.max_outputs] if self._reaches(n, decision)]
        selections = [
            SingleSelection(
                index=place[name],
                reason=decision.reason if rank == 1 else _reason_of_later(rank, name, decision),
            )
            for rank, name in enumerate(chosen, start=1)
        ]
        scores = [decision.quality.get(name) for name in chosen]
        return RoutedSelection(selections=selections, scores=scores, decision=decision.to_dict())

    def _reaches(self, name: str, decision: RoutingDecision) -> bool:
        if self.threshold is None or name == decision.model:  # that one was checked, or is default
            return True
        return decision.quality[name] >= self.threshold

    def _get_prompts(self) -> PromptDictType:
        return {}

    def _update_prompts(self, prompts: PromptDictType) -> None:
        """There are none."""


def _query(router: Router, names: Sequence[str], query: QueryBundle) -> Query:
    offered = set(names)
    absent = [name for name in router.pool if name not in offered]
    return Query(query.query_str, exclude=dict.fromkeys(absent, "is not among the choices"))


def _names_known_to(router: Router, choices: Sequence[ToolMetadata]) -> list[str]:
    """The choices' names, each known to the router and there once."""
    names = [choice.name or choice.description for choice in choices]
    if unknown := [name for name in names if name not in router.pool]:
        raise ConfigError(
            f"the choices are {', '.join(names)}; the router knows "
            f"{', '.join(router.pool)}, not {', '.join(unknown)}"
        )
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise ConfigError(f"several choices are called {', '.join(twice)}: give each its name")
    return names


def _described(choices: Sequence[ToolMetadata]) -> Described:
    """The choices with a name each: their own, or their description's beginning, numbered if need.

    No more of a description is kept than is read, and nothing that is no Unicode.
    """
    seen: Counter[str] = Counter()
    found: list[tuple[str, str]] = []
    for number, choice in enumerate(choices, start=1):
        about = _clean(choice.description or "")[:MAX_CHARACTERS]
        name = _clean(choice.name or about)[:_NAME_CHARACTERS].strip() or f"choice {number}"
        while (seen_before := seen[name]) > 0:
            seen[name] += 1
            name = f"{name} ({seen_before + 1})"
        seen[name] += 1
        found.append((name, about))
    return tuple(found)


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _named(default: str | int | None, names: Sequence[str]) -> str | None:
    """The default choice's name, if it is on offer."""
    if isinstance(default, int):
        return names[default] if default < len(names) else None
    return default if default in names else None


def _reason_of_later(rank: int, name: str, decision: RoutingDecision) -> str:
    told = f"number {rank} of the ranking"
    return f"{told}, with {decision.quality[name]:.2f}" if name in decision.quality else told


def _encoder_of(given: Encoder | BaseEmbedding | None) -> Encoder | None:
    if given is None or isinstance(given, Encoder):
        return given
    return FunctionEncoder.of_embeddings(given)
