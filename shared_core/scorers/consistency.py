"""Does the model say the same when asked again?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from shared_core.checks import check_counts
from shared_core.decision import Answer
from shared_core.query import Query
from shared_core.scorers.base import UNKNOWN, Scorer, Scoring, ask, rivals
from shared_core.scorers.similarity import token_f1


@dataclass(frozen=True)
class SelfConsistency(Scorer):
    """Asks the model again and says how alike its answers are (Wang et al., arXiv 2203.11171).

    It tells something only of models that sample, that is, at a temperature above 0.

    Args:
        samples: how many more answers.
    """

    samples: int = 3
    asks: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_counts(samples=self.samples)

    def flow(self, query: Query, answer: Answer, others: Sequence[Answer] = ()) -> Scoring:
        again = yield from ask([answer.model] * self.samples, query.text)
        if not again:
            return UNKNOWN
        return sum(token_f1(answer.text, other.text) for other in again) / len(again)


@dataclass(frozen=True)
class Agreement(Scorer):
    """How alike the answer is to those of the other models, by its words; asks nobody."""

    def score(self, query: Query, answer: Answer, others: Sequence[Answer] = ()) -> float:
        heard = rivals(answer, others)
        if not heard:
            return UNKNOWN
        return sum(token_f1(answer.text, other.text) for other in heard) / len(heard)
