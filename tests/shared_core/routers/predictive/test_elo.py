"""Ladders of the games most like a query."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared_core import AutoRouter, ConfigError, CostQuality, DataError, EloRouter, OutcomeTable
from shared_core.routers.predictive.elo import _overall, _strengths, _wins


def _by_length(n: int) -> OutcomeTable:
    """The words are the same everywhere; who wins goes by how many there are."""
    rows = []
    for number in range(n):
        is_long = number % 2 == 1
        text = " ".join(["some words on nothing"] * (12 if is_long else 1) + [f"item {number % 7}"])
        rows.append({
            "query": text, "score.brief": float(not is_long), "score.patient": float(is_long),
            "cost.brief": 1.0, "cost.patient": 1.0,
        })  # fmt: skip
    return OutcomeTable.from_rows(rows)


def test_games_of_the_same_form_weigh_more() -> None:
    table = _by_length(80)

    def apart(form_weight: float) -> float:
        router = EloRouter(["brief", "patient"], CostQuality(0.0), form_weight=form_weight)
        told = router.fit(table).predict(table.queries[:2]).quality
        assert told[0, 0] > told[0, 1]
        assert told[1, 1] > told[1, 0]
        return float(np.abs(told[:, 0] - told[:, 1]).min())

    assert apart(0.15) > apart(0.0)


def test_who_wins_often_but_little_is_expected_near_its_mean() -> None:
    """The first wins eight games of ten by a little, and loses the others by much."""
    score = np.tile([0.5, 0.4], (60, 1))
    score[::5] = score[1::10] = [0.0, 1.0]
    table = OutcomeTable(
        ("often", "much"),
        tuple(f"question {number}" for number in range(60)),
        {"score": score, "cost": np.ones_like(score)},
    )
    told = EloRouter(["often", "much"]).fit(table).predict(table.queries).quality
    assert score[:, 0].mean() < score[:, 1].mean()
    np.testing.assert_allclose(told, score.mean(), atol=0.01)


@pytest.mark.parametrize("levels", ["right or wrong", "some unknown", "graded"])
def test_games_are_counted_as_they_were_played(levels: str) -> None:
    rng = np.random.default_rng(0)
    score = (rng.random((40, 4)) < 0.6).astype(np.float32)
    if levels == "some unknown":
        score[rng.random(score.shape) < 0.3] = np.nan
    elif levels == "graded":
        score = rng.integers(0, 5, score.shape).astype(np.float32) / 4
    router = EloRouter(list("abcd"))
    router.scores_ = score
    weight = rng.random((3, 40)).astype(np.float32)
    weight /= weight.sum(axis=1, keepdims=True)
    plain = np.einsum("qn,nij->qij", weight, _wins(score))
    np.testing.assert_allclose(router._games(weight), plain, atol=1e-6)


def test_all_games_are_counted_whatever_is_counted_at_once() -> None:
    rng = np.random.default_rng(0)
    score = np.where(rng.random((1300, 3)) < 0.2, np.nan, rng.random((1300, 3)) < 0.5)
    np.testing.assert_allclose(_overall(score), _wins(score).mean(axis=0))


@settings(max_examples=60, deadline=None)
@given(m=st.integers(2, 12), seed=st.integers(0, 999))
def test_strengths_explain_the_games(m: int, seed: int) -> None:
    """The likeliest ones: everybody is expected to win as often as he did."""
    share = np.random.default_rng(seed).uniform(0.05, 0.95, (5, m, m))
    wins = np.triu(share, 1) + np.tril(1 - share.transpose(0, 2, 1), -1)
    strength = _strengths(wins)
    chance = strength[:, :, None] / (strength[:, :, None] + strength[:, None, :])
    expected = chance.sum(axis=2) - 0.5  # a game with oneself is none
    np.testing.assert_allclose(expected, wins.sum(axis=2), atol=2e-3)


@pytest.mark.parametrize("m", [2, 5, 40])
def test_who_beats_everybody_is_finitely_stronger(m: int) -> None:
    strength = _strengths(np.triu(np.ones((1, m, m)), 1))[0]
    assert np.isfinite(strength).all()
    assert (np.diff(strength) < 0).all()


@pytest.mark.parametrize("wrong", [{"sharpness": -1.0}, {"form_weight": -0.1}])
def test_settings_that_make_no_sense(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="from 0 up"):
        EloRouter(["a", "b"], **wrong)


def test_a_single_game_does_not_turn_the_ladder() -> None:
    texts = [f"some words on matter {i}" for i in range(40)] + ["xylophone quartz"]
    is_won = [text == texts[-1] for text in texts]
    rows = [{"query": text, "score.a": float(won), "score.b": float(not won), "cost.a": 1.0,
             "cost.b": 1.0} for text, won in zip(texts, is_won, strict=True)]  # fmt: skip
    router = EloRouter(["a", "b"], CostQuality(0.0), sharpness=200.0, form_weight=0.0)
    assert router.fit(OutcomeTable.from_rows(rows)).route(texts[-1]).model == "b"


def _logs(asked: list[list[int]]) -> OutcomeTable:
    """Row by row, those of the models a, b, c and d are known that were asked."""
    score = np.full((len(asked), 4), np.nan)
    for row, columns in enumerate(asked):
        score[row, columns] = np.array([0.9, 0.6, 0.3, 0.1])[columns]
    queries = tuple(f"question number {number % 7} of {number}" for number in range(len(asked)))
    return OutcomeTable(tuple("abcd"), queries, {"score": score, "cost": np.ones_like(score)})


def test_models_that_nobody_compares_are_an_error() -> None:
    one_each, two_leagues = (
        [[i % 4] for i in range(40)],
        [[[0, 2], [1, 3]][i % 2] for i in range(40)],
    )
    with pytest.raises(DataError, match="score of a and one of b, c, d: EloRouter learns"):
        EloRouter(list("abcd")).fit(_logs(one_each))
    with pytest.raises(DataError, match="score of a, c and one of b, d"):
        EloRouter(list("abcd")).fit(_logs(two_leagues))
    chain = [[[3, 2], [2, 1], [1, 0]][i % 3] for i in range(42)]
    told = EloRouter(list("abcd"), sharpness=0.0).fit(_logs(chain)).predict(["question"]).quality[0]
    assert np.argsort(-told).tolist() == [0, 1, 2, 3]


def test_in_a_stack_it_is_left_out_of_logs_with_one_answer_each() -> None:
    auto = AutoRouter(list("abcd"), members=("EloRouter", "LinearRouter"))
    told = auto.fit(_logs([[i % 4] for i in range(40)])).leaderboard_
    assert "answered the same query" in told[0]["left_out"]
