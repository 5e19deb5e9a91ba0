"""What is asked."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field, replace
from typing import Final

from shared_core.checks import check_above_zero, check_from_zero
from shared_core.errors import ConfigError

ABILITIES: Final = frozenset(
    {"tools", "tool_choice", "structured_output", "vision", "audio", "pdf"}
)
"""What a query may need of a model beyond answering text."""

_BYTES_PER_TOKEN: Final = 3.0
"""Deliberately low: counting UTF-8 bytes at 4 a token under-counts code and non-Latin scripts."""
_MOST_BYTES_PER_TOKEN: Final = 6.0
"""Few texts have more."""
_FEW_TOKENS: Final = 256
"""Of so few, what they are taken for too high is no matter."""


def check_abilities(abilities: Iterable[str]) -> frozenset[str]:
    """The abilities as a set; ConfigError names the ones that don't exist."""
    if isinstance(abilities, str):
        raise ConfigError(f"abilities are a list of names, not the string {abilities!r}")
    found = frozenset(abilities)
    if unknown := sorted(found - ABILITIES):
        raise ConfigError(f"unknown abilities {unknown}; there are {sorted(ABILITIES)}")
    return found


def estimate_tokens(text: str) -> int:
    """Rough upper estimate of a text's tokens, with no tokenizer and for any script."""
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    return 1 + int(size / _BYTES_PER_TOKEN)


def fewest_tokens(estimated: float) -> int:
    """What a text has at least, of which ``estimate_tokens`` says so many."""
    least = int(estimated * _BYTES_PER_TOKEN / _MOST_BYTES_PER_TOKEN)
    return least if estimated > _FEW_TOKENS else math.ceil(estimated)


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked, as far as choosing a model goes.

    Args:
        text: the text to judge; may be empty, long, or ill-formed Unicode.
        needs: abilities the answer takes, out of ``ABILITIES``.
        tokens: size of the whole input in tokens (history, documents); estimated from ``text``
            when not given, rather too high than too low.
        least_tokens: what that size is at least, where ``tokens`` is an estimate.
        conversation: id of the conversation this query belongs to, if any.
        tags: data tags, such as ``"personal"``; only candidates that carry them all may serve.
        exclude: models the caller rules out, each with the reason.
        model: the model the caller insists on, if any; the router then only obeys.
        deadline: seconds the whole call may take, in place of the dispatcher's own.
        max_cost: USD the whole call may cost, in place of the dispatcher's own.
        previous: the candidate that answered last in this conversation, if known.
        in_tool_loop: that candidate has called tools and waits for their results.
        is_follow_up: nothing new is asked: a mere "yes" or "continue".
        reserved_output: tokens the answer may take.
        prefix_tokens: part of the input that the previous candidate has read already.
        cost_weight: the trade-off of cost against quality for this query alone, in place of the
            policy's; see ``CostQuality``.
        context: what was asked before in the conversation, which few words may go on from.
    """

    text: str
    needs: Set[str] = frozenset()
    tokens: int | None = None
    conversation: str | None = None
    tags: Set[str] = frozenset()
    exclude: Mapping[str, str] = field(default_factory=dict)
    model: str | None = None
    deadline: float | None = None
    max_cost: float | None = None
    previous: str | None = None
    in_tool_loop: bool = False
    is_follow_up: bool = False
    reserved_output: int | None = None
    prefix_tokens: int = 0
    cost_weight: float | None = None
    context: str = field(default="", repr=False)
    least_tokens: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.text, str):
            raise ConfigError(f"a query's text is a string, not {type(self.text).__name__}")
        if not (self.tokens is None or (type(self.tokens) is int and self.tokens >= 0)):
            raise ConfigError(f"a query's tokens are a count from 0 up, not {self.tokens!r}")
        if not isinstance(self.model, str | None):
            raise ConfigError(f"a query's model is a name, not {self.model!r}")
        if self.deadline is not None or self.max_cost is not None or self.cost_weight is not None:
            _check_numbers(self)
        for name, value in (("needs", self.needs), ("tags", self.tags)):
            if isinstance(value, str) or not isinstance(value, Iterable):
                kind = "the string " if isinstance(value, str) else ""
                raise ConfigError(f"a query's {name} are a set of names, not {kind}{value!r}")
        if self.needs or type(self.needs) is not frozenset:
            object.__setattr__(self, "needs", check_abilities(self.needs))
        if type(self.tags) is not frozenset:
            object.__setattr__(self, "tags", frozenset(self.tags))

    @property
    def input_tokens(self) -> int:
        """Tokens of the whole input: as given, else estimated from the text."""
        return self.tokens if self.tokens is not None else estimate_tokens(self.text)

    def counted(self, tokens: int) -> Query:
        """The query with the size of its input counted, where it was an estimate."""
        prefix = self.prefix_tokens * tokens // max(self.input_tokens, 1)
        return replace(self, tokens=tokens, least_tokens=None, prefix_tokens=prefix)

    @property
    def sure_tokens(self) -> int:
        """Tokens that the input has for certain: all, where they are known."""
        if self.least_tokens is not None:
            return self.least_tokens
        return fewest_tokens(self.input_tokens) if self.tokens is None else self.tokens

    @classmethod
    def of(cls, query: Query | str) -> Query:
        """A query from a query or a plain text."""
        return query if isinstance(query, Query) else cls(query)


def _check_numbers(query: Query) -> None:
    limits = {"deadline": query.deadline, "max_cost": query.max_cost}
    check_above_zero(**{name: given for name, given in limits.items() if given is not None})
    if query.cost_weight is not None:
        check_from_zero(cost_weight=query.cost_weight)
