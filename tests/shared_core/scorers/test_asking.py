"""What scorers make of what models reply, and of how alike answers are."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from shared_core import (
    Agreement,
    Answer,
    AnswerSimilarity,
    FunctionEncoder,
    Judge,
    PairwiseJudge,
    Query,
    Scorer,
    SelfConsistency,
    SelfVerification,
)
from shared_core.decision import Ask

QUERY = Query("What is 2 + 2?")
GOOD, BAD = Answer("small", "four"), Answer("large", "seven")


def score(scorer: Scorer, replies: Callable[[Ask], list[str]], answer: Answer = GOOD) -> float:
    """The score of ``answer`` beside the other when the models that are asked reply so."""
    flow = scorer.flow(QUERY, answer, [GOOD, BAD])
    try:
        step = next(flow)
        while True:
            told = zip(step.models, replies(step), strict=True)
            step = flow.send([Answer(model, text) for model, text in told])
    except StopIteration as done:
        return float(done.value)


@pytest.mark.parametrize(
    ("scorer", "replies", "expected"),
    [
        (Judge("large"), ["7"], 0.7),
        (Judge("large"), ["Grade: 10/10"], 1.0),
        (Judge("large"), ["0, it is wrong"], 0.0),
        (SelfVerification(5), ["yes", "Correct.", "right", "wrong", "hm"], 0.75),
        (SelfVerification(2), ["No: yes would be false", "incorrect"], 0.0),
        (SelfConsistency(2), ["four", "nine"], 0.5),
        (SelfConsistency(1), ["four"], 1.0),
    ],
)
def test_replies_are_read(scorer: Scorer, replies: list[str], expected: float) -> None:
    assert score(scorer, lambda _: replies) == pytest.approx(expected)


def test_only_what_holds_in_both_orders_is_a_win() -> None:
    def honest(ask: Ask) -> list[str]:
        return ["A" if "Answer A: four" in str(ask.prompt) else "B"]

    judge = PairwiseJudge("large")
    assert score(judge, honest) == 1.0
    assert score(judge, honest, BAD) == 0.0
    for partial in ("A", "B", "tie"):
        assert score(judge, lambda _, said=partial: [said]) == 0.5  # type: ignore[misc]


def test_answers_are_as_alike_as_their_words_and_meanings() -> None:
    others = [GOOD, BAD, Answer("third", "four")]
    letters = FunctionEncoder(lambda texts: [[t == "four", t != "four"] for t in texts], "is four")
    for scorer in (Agreement(), AnswerSimilarity(letters)):
        assert scorer.score(QUERY, GOOD, others) == pytest.approx(0.5)
        assert scorer.score(QUERY, BAD, others) == pytest.approx(0.0)
        assert scorer.score(QUERY, GOOD, others[::2]) == pytest.approx(1.0)


@pytest.mark.parametrize(("given", "asked"), [({}, "small"), ({"model": "large"}, "large")])
def test_whoever_answered_verifies_unless_another_is_named(
    given: dict[str, str], asked: str
) -> None:
    def yes(ask: Ask) -> list[str]:
        assert ask.models == (asked, asked)
        return ["yes", "yes"]

    assert score(SelfVerification(2, **given), yes) == 1.0
