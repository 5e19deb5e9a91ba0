"""What every scorer promises, tested on every scorer of the stub."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import shared_core
from shared_core import (
    Answer,
    CascadeRouter,
    Encoder,
    LearnedScorer,
    LexicalEncoder,
    ModelPool,
    OutcomeTable,
    Query,
    Scorer,
)
from shared_core._lazy import public_names
from shared_core.decision import Ask
from shared_core.routers.base import Router

POOL = ModelPool({"name": name, "input_price": 1, "output_price": 1} for name in ("small", "large"))
QUERY = Query("What is 2 + 2?")
ANSWERS = [
    Answer("small", "4", logprob=-0.2, entropy=0.3),
    Answer("large", "The sum is 4.", logprob=-0.9, entropy=1.2),
]
REPLIES = ("yes", "no", "7", "A", "B", "tie", "", "I don't know", "10/10", "4")


def _cases() -> Iterator[Any]:
    for name, module in public_names("shared_core").items():
        if module.lstrip(".").startswith("shared_core.scorers.") and name != "Scorer":
            scorer_class = getattr(shared_core, name)
            for number, parameters in enumerate(_parameters(scorer_class)):
                yield pytest.param(scorer_class, parameters, id=f"{name}-{number}")


def _parameters(scorer_class: type[Scorer]) -> Sequence[Any]:
    if "encoder" in inspect.signature(scorer_class).parameters:
        return [
            {"encoder": LexicalEncoder().fit(["What is 2 + 2?", "What is 3 + 3?", "The sum is 4."])}
        ]
    return scorer_class.test_parameters()


CASES = list(_cases())
every_scorer = pytest.mark.parametrize(("scorer_class", "parameters"), CASES)


def drive(
    scorer: Scorer, answer: Answer, others: Sequence[Answer], reply: str | None
) -> tuple[float, list[Ask]]:
    """The score when every model that is asked replies so; None: it fails."""
    flow, asked = scorer.flow(QUERY, answer, others), []
    try:
        step = next(flow)
        while True:
            asked.append(step)
            error = None if reply is not None else "ConnectionError"
            step = flow.send([Answer(name, reply or "", error=error) for name in step.models])
    except StopIteration as done:
        return done.value, asked


def test_there_are_scorers_to_test() -> None:
    names = {str(case.id).partition("-")[0] for case in CASES}
    assert len(names) >= 13
    assert {"MeanLogprob", "Judge", "PassesTests", "Calibrated", "LearnedScorer"} <= names


@every_scorer
@pytest.mark.parametrize("reply", REPLIES)
def test_scores_lie_between_0_and_1_or_are_unknown(
    scorer_class: type[Scorer], parameters: Any, reply: str
) -> None:
    for answer in ANSWERS:
        score, _ = drive(scorer_class(**parameters), answer, ANSWERS, reply)
        assert math.isnan(score) or 0 <= score <= 1


@every_scorer
def test_it_asks_models_only_if_it_says_so_and_never_the_query(
    scorer_class: type[Scorer], parameters: Any
) -> None:
    scorer = scorer_class(**parameters)
    _, asked = drive(scorer, ANSWERS[0], ANSWERS, "yes")
    assert bool(asked) == scorer.asks
    assert all(ask.prompt for ask in asked)
    assert {name for ask in asked for name in ask.models} <= set(POOL)


@every_scorer
def test_models_that_fail_leave_the_score_unknown(
    scorer_class: type[Scorer], parameters: Any
) -> None:
    scorer = scorer_class(**parameters)
    if not scorer.asks:
        pytest.skip("asks nobody")
    assert math.isnan(drive(scorer, ANSWERS[0], ANSWERS, None)[0])


@every_scorer
def test_it_survives_any_answer(scorer_class: type[Scorer], parameters: Any) -> None:
    scorer = scorer_class(**parameters)
    for text in ("", " ", "\ud800", "{" * 500, "```", "```python\nraise SystemExit\n```", "a\x00b"):
        score, _ = drive(scorer, Answer("small", text), [Answer("small", text)], "yes")
        assert math.isnan(score) or 0 <= score <= 1


@every_scorer
def test_the_same_answer_scores_the_same(scorer_class: type[Scorer], parameters: Any) -> None:
    first, second = (
        drive(scorer_class(**parameters), ANSWERS[0], ANSWERS, "yes")[0] for _ in range(2)
    )
    assert first == second or (math.isnan(first) and math.isnan(second))


@every_scorer
def test_a_router_with_it_survives_saving(
    scorer_class: type[Scorer], parameters: Any, tmp_path: Path
) -> None:
    scorer = scorer_class(**parameters)
    CascadeRouter(POOL, scorer).save(tmp_path / "router")
    again = Router.load(tmp_path / "router", is_trusted=scorer.runs_code)
    assert isinstance(again, CascadeRouter)
    first, second = (drive(one, ANSWERS[0], ANSWERS, "yes")[0] for one in (scorer, again.scorer))
    assert first == second or (math.isnan(first) and math.isnan(second))
    if not any(isinstance(value, Encoder) for value in parameters.values()):
        assert again.scorer == scorer or math.isnan(getattr(scorer, "prior", 0.0))


@every_scorer
def test_it_is_shown_on_a_line(scorer_class: type[Scorer], parameters: dict[str, Any]) -> None:
    assert len(repr(scorer_class(**parameters))) < 300


def test_what_a_scorer_learned_is_not_shown() -> None:
    rows = range(20)
    table = OutcomeTable(
        ("small", "large"),
        tuple(f"question {row}" for row in rows),
        {"score": np.array([[row % 2, 1.0] for row in rows])},
        answers={name: tuple(f"answer {row}" for row in rows) for name in ("small", "large")},
    )
    assert repr(LearnedScorer(words=0).fitted(table)) == (
        "LearnedScorer(ridge=10.0, target='quality', words=0)"
    )
