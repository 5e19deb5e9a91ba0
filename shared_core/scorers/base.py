"""What every scorer is: a judge of answers, which may itself ask models."""

from __future__ import annotations

import json
import math
from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final

from shared_core.decision import Answer, Ask
from shared_core.errors import ConfigError
from shared_core.query import Query

Scoring = Generator[Ask, list[Answer], float]
"""A scorer at work: yields whom to ask what, is sent the answers, returns the score."""

UNKNOWN: Final = math.nan
"""The score of an answer that the scorer cannot judge."""


class Scorer:
    """How good an answer is: 0..1, the higher the better; ``UNKNOWN`` where it cannot tell.

    A new one writes ``score``; or ``flow``, when it has to ask models. It is a frozen dataclass of
    JSON-ready fields and other such dataclasses, which is all that saving it takes.
    """

    is_quick: ClassVar[bool] = True
    """Whether ``score`` takes a few milliseconds at most; see ``Router.is_quick``."""

    asks: ClassVar[bool] = False
    """Whether it asks models."""

    runs_code: ClassVar[bool] = False
    """Whether its fields hold code that it runs; see ``Router.load``."""

    def score(self, query: Query, answer: Answer, others: Sequence[Answer] = ()) -> float:
        """The answer's score, beside the other answers to the same query."""
        raise ConfigError(f"{type(self).__name__} has to ask models: it is driven as a flow")

    def flow(self, query: Query, answer: Answer, others: Sequence[Answer] = ()) -> Scoring:
        """Yield whom to ask, if anybody; return the score."""
        return self.score(query, answer, others)
        yield

    def __call__(self, query: Query | str, answer: Answer, others: Sequence[Answer] = ()) -> float:
        """The score, of scorers that ask nobody."""
        return self.score(Query.of(query), answer, others)

    @classmethod
    def test_parameters(cls) -> Sequence[Mapping[str, Any]]:
        """Constructor arguments of small instances for the conformance suite."""
        return [{}]


def rivals(answer: Answer, others: Iterable[Answer]) -> list[Answer]:
    """The other answers that there are."""
    return [other for other in others if other is not answer and not other.failed]


def ask(models: Sequence[str], prompt: str) -> Generator[Ask, list[Answer], list[Answer]]:
    """The answers to a prompt, of those who gave one."""
    answers = yield Ask(tuple(models), prompt)
    return [answer for answer in answers if not answer.failed]


def with_calls(said: str, calls: Iterable[tuple[Any, Any]]) -> str:
    """What scorers read of an answer: what is said, then its tool calls (name, arguments) as JSON.

    They make one line, with arguments in order of names.
    """
    listed = [{"name": name, "args": arguments} for name, arguments in calls]
    if not listed:
        return said
    told = json.dumps(listed, sort_keys=True, ensure_ascii=False, default=str)
    return f"{said}\n{told}" if said else told
