"""What routing gained: from all outcomes, or from those that happen to be known."""

from __future__ import annotations

import numpy as np
import pytest

from shared_core.policies.base import Predictions
from shared_core.routers.predictive.gain import Gain, gain

N = 4000
MODELS = ("a", "b", "c")


def _world(seed: int) -> tuple[Predictions, np.ndarray, np.ndarray]:
    """Predictions that are worth something, too sure of themselves, and how 4,000 rows went."""
    rng = np.random.default_rng(seed)
    able = 0.2 + 0.6 * rng.random((N, 3))
    score = (rng.random((N, 3)) < able).astype(float)
    cost = np.tile([0.1, 0.3, 1.0], (N, 1)) * rng.uniform(0.5, 1.5, (N, 3))
    told = np.clip(0.5 + 1.5 * (able - 0.5) + 0.2 * rng.standard_normal((N, 3)), 0, 1)
    return Predictions(MODELS, told, np.tile([0.1, 0.3, 1.0], (N, 1)), 1.0), score, cost


def test_with_all_outcomes_known_nothing_is_estimated() -> None:
    predicted, score, cost = _world(0)
    expected = []
    for weight in (0.0, *np.geomspace(0.003, 3.0, 13)):
        utility = score - weight * cost
        chosen = (predicted.quality - weight * predicted.cost).argmax(axis=1)
        expected.append(utility[np.arange(N), chosen] - utility[:, utility.mean(axis=0).argmax()])
    each = np.mean(expected, axis=0)
    found = gain(predicted, score, cost)
    assert found.mean == pytest.approx(each.mean(), abs=1e-12)
    assert found.error == pytest.approx(each.std(ddof=1) / np.sqrt(N), rel=1e-9)


@pytest.mark.parametrize("share", [0.6, 0.25])
def test_outcomes_missing_by_chance_widen_the_interval_and_do_not_move_it(share: float) -> None:
    off = []
    for seed in range(20):
        predicted, score, cost = _world(seed)
        known = np.random.default_rng(100 + seed).random(score.shape) < share
        whole = gain(predicted, score, cost)
        found = gain(predicted, np.where(known, score, np.nan), np.where(known, cost, np.nan))
        assert found.error > whole.error
        off.append((found.mean - whole.mean) / found.error)
    assert np.abs(np.mean(off)) < 3 / np.sqrt(len(off))
    assert np.abs(off).max() < 3.5


def test_one_answer_per_query_is_enough_to_see_what_routing_gains() -> None:
    predicted, score, cost = _world(1)
    asked = np.random.default_rng(2).integers(0, 3, N)[:, None] == np.arange(3)
    found = gain(predicted, np.where(asked, score, np.nan), np.where(asked, cost, np.nan))
    assert found.is_sure
    assert found.low < gain(predicted, score, cost).mean < found.high


def test_with_fewer_than_two_rows_known_there_is_nothing_to_tell() -> None:
    predicted, score, cost = _world(3)
    assert gain(predicted, np.full_like(score, np.nan), cost) == Gain(0.0, 0.0)
