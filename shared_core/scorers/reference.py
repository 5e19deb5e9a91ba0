"""Does the answer say what is known to be right?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared_core.checks import check_kinds
from shared_core.decision import Answer
from shared_core.query import Query
from shared_core.scorers.base import UNKNOWN, Scorer
from shared_core.scorers.similarity import token_f1, words_of


@dataclass(frozen=True)
class ReferenceMatch(Scorer):
    """Compares with a reference answer, where there is one: for evaluation and for caches of FAQs.

    Args:
        references: query text -> the right answer.
        is_exact: all words alike or nothing; else their F1 (SQuAD, arXiv 1606.05250).
    """

    references: Mapping[str, str] = field(default_factory=dict, repr=False)
    is_exact: bool = False

    def __post_init__(self) -> None:
        check_kinds(Mapping, references=self.references)

    def score(self, query: Query, answer: Answer, others: Sequence[Answer] = ()) -> float:
        if query.text not in self.references:
            return UNKNOWN
        reference = self.references[query.text]
        if self.is_exact:
            return float(words_of(answer.text) == words_of(reference))
        return token_f1(answer.text, reference)

    @classmethod
    def test_parameters(cls) -> Sequence[Mapping[str, Any]]:
        references = {"What is 2 + 2?": "4"}
        return [{"references": references}, {"references": references, "is_exact": True}]
