"""Does the model, shown its own answer, hold it for right?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from shared_core.checks import check_counts
from shared_core.decision import Answer
from shared_core.query import Query
from shared_core.scorers.base import UNKNOWN, Scorer, Scoring, ask
from shared_core.scorers.replies import verdict_of

SHOTS: Final = (
    ("What is the capital of France?", "Paris.", "yes"),
    ("What is 7 times 8?", "54", "no"),
    ("Which gas do plants take in from the air?", "Carbon dioxide", "yes"),
    ("How many legs has a spider?", "Six.", "no"),
)


@dataclass(frozen=True)
class SelfVerification(Scorer):
    """Asks the model whether its own answer is right, after a few examples (AutoMix, 2310.12963).

    Args:
        samples: how often it is asked; the score is the share of yes.
        model: who verifies; the model that answered when not given.
    """

    samples: int = 1
    model: str | None = None
    asks: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_counts(samples=self.samples)

    def flow(self, query: Query, answer: Answer, others: Sequence[Answer] = ()) -> Scoring:
        cases = [*SHOTS, (query.text, answer.text, "")]
        prompt = "Is the proposed answer right? Say yes or no.\n\n" + "\n\n".join(
            f"Question: {asked}\nProposed answer: {said}\nRight: {verdict}".rstrip()
            for asked, said, verdict in cases
        )
        replies = yield from ask([self.model or answer.model] * self.samples, prompt)
        verdicts = [found for reply in replies if (found := verdict_of(reply.text)) is not None]
        return sum(verdicts) / len(verdicts) if verdicts else UNKNOWN
