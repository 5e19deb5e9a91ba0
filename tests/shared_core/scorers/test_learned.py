"""What a scorer learns from recorded answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from shared_core import Answer, DataError, LearnedScorer, OutcomeTable, Query

SAID = {"hard": "perhaps", "easy": "certainly", "taken for easy": "obviously"}


def answered() -> OutcomeTable:
    """The small model fails on hard questions, as the large one does, and on those it misreads."""
    small = {"hard": 0.0, "easy": 1.0, "taken for easy": 0.0}
    large = {"hard": 0.0, "easy": 1.0, "taken for easy": 1.0}
    kinds = list(SAID) * 20
    return OutcomeTable.from_rows(
        {
            "query": f"question {number}",
            "score.small": small[kind],
            "score.large": large[kind],
            "answer.small": SAID[kind],
            "answer.large": SAID[kind],
        }
        for number, kind in enumerate(kinds)
    )


def scores(scorer: LearnedScorer) -> dict[str, float]:
    return {kind: scorer(Query("q"), Answer("small", said)) for kind, said in SAID.items()}


def test_words_tell_what_is_good() -> None:
    told = scores(LearnedScorer(ridge=0.1).fitted(answered()))
    assert told["easy"] > told["taken for easy"] + 0.2
    assert told["easy"] > told["hard"] + 0.5


def test_an_answer_is_kept_where_the_best_model_would_do_no_better() -> None:
    told = scores(LearnedScorer(ridge=0.1, target="keep").fitted(answered()))
    assert told["easy"] == pytest.approx(0.5, abs=0.02)
    assert told["hard"] == pytest.approx(0.5, abs=0.02)
    assert told["taken for easy"] < 0.05


def test_each_model_starts_where_it_usually_stands() -> None:
    scorer = LearnedScorer(words=0).fitted(answered())
    query = Query("q")
    assert scorer(query, Answer("large", "certainly")) > scorer(query, Answer("small", "certainly"))


def test_it_shows_its_settings_not_its_weights() -> None:
    assert len(repr(LearnedScorer().fitted(answered()))) < 200


def test_without_words_only_the_signs_count() -> None:
    scorer = LearnedScorer(words=0).fitted(answered())
    assert len(scorer.learned[0]) < 20
    assert np.isclose(
        scorer(Query("q"), Answer("small", "perhaps")),
        scorer(Query("q"), Answer("small", "mustard")),
    )


def test_a_single_model_has_nothing_to_be_kept_beside() -> None:
    with pytest.raises(DataError, match="two models"):
        LearnedScorer(target="keep").fitted(answered().of(["large"]))


def test_a_model_that_was_never_scored_is_not_the_best() -> None:
    known = answered()
    names = ("never scored", *known.models)
    score = np.column_stack([np.full(len(known), np.nan), known.score])
    answers = {"never scored": ("",) * len(known), **known.answers}
    wider = replace(known, models=names, measures={"score": score}, answers=answers)
    told = scores(LearnedScorer(ridge=0.1, target="keep").fitted(wider))
    assert told == scores(LearnedScorer(ridge=0.1, target="keep").fitted(known))


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("surely not today", "sorry not today!"),
        ("one two six ten", "one two two ten"),
        ("it is number 7", "it is number x"),
        ("the question, then", "the answer, mostly"),
    ],
    ids=["refusal", "repetition", "number", "shared words"],
)
def test_each_sign_tells_where_answers_differ_in_it(good: str, bad: str) -> None:
    table = OutcomeTable.from_rows(
        {"query": f"the question {i}", "score.m": i % 2, "answer.m": good if i % 2 else bad}
        for i in range(40)
    )
    scorer = LearnedScorer(ridge=0.1, words=0).fitted(table)
    told = [scorer("the question", Answer("m", said)) for said in (good, bad)]
    assert told == pytest.approx([1, 0], abs=0.05)


def test_what_a_sign_tells_is_learned_within_each_model() -> None:
    """Longer answers are better, though the model that writes longer ones is worse."""
    said = {"short": ["x" * n for n in (9, 19, 39)], "long": ["x" * n for n in (99, 199, 399)]}
    level = {"short": 0.5, "long": -0.2}
    table = OutcomeTable.from_rows(
        {"query": f"q{i}"}
        | {f"answer.{m}": texts[i % 3] for m, texts in said.items()}
        | {f"score.{m}": level[m] + 0.1 * np.log1p(len(said[m][i % 3])) for m in said}
        for i in range(60)
    )
    scorer = LearnedScorer(ridge=1e-6, words=0).fitted(table)
    for model, texts in said.items():
        for text in texts:
            expected = level[model] + 0.1 * np.log1p(len(text))
            assert scorer("q", Answer(model, text)) == pytest.approx(expected, abs=0.01)
