"""What routing gained: from all outcomes, or from those that happen to be known."""

from __future__ import annotations

import numpy as np
import pytest

from shared_core import AutoRouter, LexicalEncoder, OutcomeTable
from shared_core.policies.base import Predictions
from shared_core.routers.predictive.cross_validation import folds
from shared_core.routers.predictive.gain import Gain, chances, gain, levels
from shared_core.routers.predictive.reading import Reading

N = 4000
MODELS = ("a", "b", "c")
FOLD = folds(range(N), 5, 0)


def _world(
    seed: int, ahead: tuple[float, ...] = (0.0, 0.0, 0.0)
) -> tuple[Predictions, np.ndarray, np.ndarray]:
    """Predictions that are worth something, too sure of themselves, and how 4,000 rows went."""
    rng = np.random.default_rng(seed)
    able = 0.2 + 0.6 * rng.random((N, 3)) + ahead
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
        single = np.array([utility[one != FOLD].mean(axis=0).argmax() for one in range(5)])
        expected.append(utility[np.arange(N), chosen] - utility[np.arange(N), single[FOLD]])
    each = np.mean(expected, axis=0)
    found = gain(predicted, score, cost, FOLD)
    assert found.mean == pytest.approx(each.mean(), abs=1e-12)
    assert found.error == pytest.approx(1.5 * each.std(ddof=1) / np.sqrt(N), rel=1e-9)


def test_a_text_that_was_asked_again_counts_once() -> None:
    predicted, score, cost = _world(4)
    each = Predictions(MODELS, predicted.quality[:200], predicted.cost[:200], 1.0)
    texts = [str(i) for i in range(200)]
    once = gain(each, score[:200], cost[:200], FOLD[:200], origins=texts)
    assert once == gain(each, score[:200], cost[:200], FOLD[:200])
    eight = Predictions(MODELS, np.tile(each.quality, (8, 1)), np.tile(each.cost, (8, 1)), 1.0)
    outcomes = np.tile(score[:200], (8, 1)), np.tile(cost[:200], (8, 1))
    again = gain(eight, *outcomes, np.tile(FOLD[:200], 8), origins=texts * 8)
    assert (again.mean, again.error) == pytest.approx((once.mean, once.error))
    assert gain(eight, *outcomes, np.tile(FOLD[:200], 8), origins=["one"] * 1600) == Gain(0.0, 0.0)


@pytest.mark.parametrize("share", [0.6, 0.25])
def test_outcomes_missing_by_chance_widen_the_interval_and_do_not_move_it(share: float) -> None:
    off = []
    for seed in range(20):
        # Which single model is best is plain at every cost weight, with half the outcomes, too.
        predicted, score, cost = _world(seed, ahead=(-0.26, 0.0, 0.28))
        known = np.random.default_rng(100 + seed).random(score.shape) < share
        whole = gain(predicted, score, cost, FOLD)
        found = gain(predicted, np.where(known, score, np.nan), np.where(known, cost, np.nan), FOLD)
        assert found.error > whole.error
        off.append((found.mean - whole.mean) / found.error)
    assert np.abs(np.mean(off)) < 3 / np.sqrt(len(off))
    assert np.abs(off).max() < 3.5


def test_one_answer_per_query_is_enough_to_see_what_routing_gains() -> None:
    predicted, score, cost = _world(1)
    asked = np.random.default_rng(2).integers(0, 3, N)[:, None] == np.arange(3)
    found = gain(predicted, np.where(asked, score, np.nan), np.where(asked, cost, np.nan), FOLD)
    assert found.is_sure
    assert found.low < gain(predicted, score, cost, FOLD).mean < found.high


def test_with_fewer_than_two_rows_known_there_is_nothing_to_tell() -> None:
    predicted, score, cost = _world(3)
    assert gain(predicted, np.full_like(score, np.nan), cost, FOLD) == Gain(0.0, 0.0)


def test_the_single_model_to_beat_is_not_the_best_in_hindsight() -> None:
    """Of twenty equal models and few rows, one looks good; whoever picks one elsewhere loses 0."""
    models, n = tuple("abcdefghijklmnopqrst"), 60
    fold = folds(range(n), 5, 0)
    off, hindsight = [], []
    for seed in range(60):
        score = (np.random.default_rng(seed).random((n, 20)) < 0.6).astype(float)
        always_one = Predictions(models, np.tile(np.arange(20.0) == 7, (n, 1)), 0 * score, 1.0)
        found = gain(always_one, score, 0 * score, fold)
        off.append(found.mean / found.error)
        hindsight.append((score[:, 7] - score[:, score.mean(axis=0).argmax()]).mean())
    assert np.mean(hindsight) < -0.08
    assert abs(np.mean(off)) < 3 / np.sqrt(len(off))
    assert np.mean(np.array(off) > 1.96) < 0.1


CITIES = tuple(f"which river flows through city number {i} of the old kingdom" for i in range(400))
SUMS = tuple(f"show step by step that {i} plus {i + 7} is odd or even" for i in range(400))


def _log(seed: int) -> OutcomeTable:
    """Cities are easy and went to the weak model nine times in ten; sums are hard and did not."""
    rng = np.random.default_rng(seed)
    is_sum = np.arange(800) >= 400
    right = np.where(is_sum[:, None], (0.2, 0.6), (0.9, 0.95))
    score = (rng.random((800, 2)) < right).astype(float)
    to_weak = rng.random(800) < np.where(is_sum, 0.1, 0.9)
    asked = np.stack([to_weak, ~to_weak], axis=1)
    cost = np.tile([1.0, 1.05], (800, 1))
    known = {"score": np.where(asked, score, np.nan), "cost": np.where(asked, cost, np.nan)}
    return OutcomeTable(("weak", "strong"), (*CITIES, *SUMS), known)


@pytest.mark.parametrize("labels", [None, ("city",) * 400 + ("sum",) * 400])
def test_chances_follow_what_was_asked(labels: tuple[str, ...] | None) -> None:
    table = _log(0)
    reading = Reading(table.queries, LexicalEncoder().fit(table.queries), labels)
    known = np.isfinite(table.score)
    found = chances(reading, known, folds(table.queries, 5, 0))
    assert found[:400, 0].mean() == pytest.approx(0.9, abs=0.04)
    assert found[400:, 0].mean() == pytest.approx(0.1, abs=0.05)
    assert 0 < found.min() < found.max() <= 1
    assert (chances(reading, np.ones_like(known), folds(table.queries, 5, 0)) == 1).all()


def test_levels_are_those_of_all_rows_and_not_of_the_rows_that_were_asked() -> None:
    off, naive = [], []
    for seed in range(10):
        table = _log(seed)
        chance = np.repeat([[0.9, 0.1], [0.1, 0.9]], 400, axis=0)
        off.append(levels(table.score, chance) - (0.55, 0.775))
        naive.append(np.nanmean(table.score, axis=0) - (0.55, 0.775))
    assert np.abs(np.mean(off, axis=0)).max() < 0.05
    assert np.abs(np.mean(naive, axis=0)).min() > 0.1


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_a_log_of_easy_questions_does_not_make_the_weak_model_the_best(seed: int) -> None:
    table = _log(seed)
    naive = np.nanmean(table.score, axis=0)
    assert naive[0] > naive[1]
    router = AutoRouter(table.models).fit(table)
    assert router.best_single_ == "strong"
    assert router.verdict_.endswith("on held-out rows, 50% of whose outcomes are known")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_one_answer_per_query_is_enough_to_learn_who_is_good_at_what(seed: int) -> None:
    rng = np.random.default_rng(seed)
    is_sum = np.arange(800) >= 400
    right = np.where(is_sum[:, None], (0.1, 0.9), (0.9, 0.1))
    score = (rng.random((800, 2)) < right).astype(float)
    asked = rng.integers(0, 2, 800)[:, None] == np.arange(2)
    table = OutcomeTable(("a", "b"), (*CITIES, *SUMS), {"score": np.where(asked, score, np.nan)})
    router = AutoRouter(table.models).fit(table)
    assert router.routes_
    assert router.route("which river flows through the new city").model == "a"
    assert router.route("show step by step that 11 plus 12 is odd").model == "b"


def test_of_equally_good_models_the_cheaper_counts_as_chosen() -> None:
    n = 40
    cost = np.tile([1.0, 0.1], (n, 1))
    score = np.tile([0.2, 0.8], (n, 1))
    score[::2] = [0.9, 0.8]
    predicted = Predictions(("dear", "cheap"), np.full((n, 2), 0.5), cost, 1.0)
    chosen = predicted.quality * [0.0, 1.0]  # the cheap one, whatever it costs
    by_rank = Predictions(predicted.models, chosen, cost, 1.0)
    fold = np.arange(n) % 4
    assert gain(predicted, score, cost, fold) == gain(by_rank, score, cost, fold)
