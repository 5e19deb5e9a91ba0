"""Ladders of the games most like a query."""

from __future__ import annotations

import numpy as np
import pytest

from shared_core import ConfigError, CostQuality, EloRouter, OutcomeTable
from shared_core.routers.predictive.elo import _wins


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


@pytest.mark.parametrize("wrong", [{"sharpness": -1.0}, {"form_weight": -0.1}])
def test_settings_that_make_no_sense(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="from 0 up"):
        EloRouter(["a", "b"], **wrong)
