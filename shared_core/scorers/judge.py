"""What another model thinks of the answer."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from shared_core.decision import Answer, Ask
from shared_core.query import Query
from shared_core.scorers.base import UNKNOWN, Scorer, Scoring, ask, rivals
from shared_core.scorers.replies import choice_of, grade_of


@dataclass(frozen=True)
class Judge(Scorer):
    """A model of the pool grades the answer from 0 to 10 (LLM as a judge, arXiv 2306.05685).

    Args:
        model: who judges; it has to be cleared for whatever the query is.
    """

    model: str
    asks: ClassVar[bool] = True

    def flow(self, query: Query, answer: Answer, others: Sequence[Answer] = ()) -> Scoring:
        prompt = (
            "Grade the answer to the question from 0 (wrong or useless) to 10 (right and "
            f"complete). Say the number only.\n\nQuestion: {query.text}\n\nAnswer: {answer.text}"
            "\n\nGrade:"
        )
        replies = yield from ask([self.model], prompt)
        grade = grade_of(replies[0].text) if replies else None
        return UNKNOWN if grade is None else grade

    @classmethod
    def test_parameters(cls) -> Sequence[dict[str, Any]]:
        return [{"model": "large"}]


@dataclass(frozen=True)
class PairwiseJudge(Scorer):
    """A model of the pool compares the answer with each other one, in both orders.

    Judges prefer what they read first or last (arXiv 2306.05685, 3.3): only what holds in both
    orders counts, anything else is a tie. The score is the mean of wins 1, ties 0.5, losses 0.

    Args:
        model: who judges.
    """

    model: str
    asks: ClassVar[bool] = True

    def flow(self, query: Query, answer: Answer, others: Sequence[Answer] = ()) -> Scoring:
        results = []
        for rival in rivals(answer, others):
            first = yield from self._wins_as_first(query, answer, rival)
            second = yield from self._wins_as_first(query, rival, answer)
            if first is not None and second is not None:
                results.append((first + (1 - second)) / 2)
        return sum(results) / len(results) if results else UNKNOWN

    def _wins_as_first(
        self, query: Query, first: Answer, second: Answer
    ) -> Generator[Ask, list[Answer], float | None]:
        prompt = (
            f"Which answer to the question is better, A or B? Say A, B or tie.\n\nQuestion: "
            f"{query.text}\n\nAnswer A: {first.text}\n\nAnswer B: {second.text}\n\nBetter:"
        )
        replies = yield from ask([self.model], prompt)
        return choice_of(replies[0].text) if replies else None

    @classmethod
    def test_parameters(cls) -> Sequence[dict[str, Any]]:
        return [{"model": "large"}]
