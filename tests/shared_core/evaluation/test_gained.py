"""Whether routing pays is told by rows that had no say in the settings."""

from __future__ import annotations

import numpy as np
import pytest

from shared_core import OutcomeTable, Predictions, verdict
from shared_core.evaluation import gained as gained_module
from shared_core.evaluation.bench import Bench
from shared_core.evaluation.evaluate import judge
from shared_core.evaluation.gained import Gained
from shared_core.evaluation.lines import Line
from shared_core.policies.base import Matrix

DEAR = 1


def table(score: Matrix, cost: tuple[float, ...], texts: tuple[str, ...] = ()) -> OutcomeTable:
    """Rows of these scores, each model at its one price."""
    names = tuple(f"m{column}" for column in range(score.shape[1]))
    queries = texts or tuple(f"query {row}" for row in range(len(score)))
    return OutcomeTable(
        names, queries, {"score": score, "cost": np.tile(cost, (len(score), 1)).astype(float)}
    )


def told(quality: Matrix, outcomes: OutcomeTable) -> Predictions:
    return Predictions(outcomes.models, quality, outcomes.cost, float(outcomes.cost.max()) or 1.0)


def line_of(quality: Matrix, outcomes: OutcomeTable, seed: int = 0) -> Line:
    bench = Bench(outcomes, outcomes, seed, n_resamples=200)
    return bench.line_of(bench.judged(told(quality, outcomes)))


@pytest.mark.parametrize(
    ("chance", "cost", "noise"),
    [((0.6, 0.8), (0.1, 1.0), 0.03), ((0.5, 0.6, 0.7, 0.8), (0.1, 0.3, 0.6, 1.0), 0.1)],
)
def test_predictions_that_tell_nothing_seldom_pass_for_a_gain(
    chance: tuple[float, ...], cost: tuple[float, ...], noise: float
) -> None:
    rng = np.random.default_rng(0)
    passed = 0
    for seed in range(30):
        score = (rng.random((300, len(chance))) < chance).astype(float)
        quality = np.array(chance) + noise * rng.normal(size=score.shape)
        passed += line_of(quality, table(score, cost), seed).beats_zero
    assert passed <= 2


@pytest.mark.slow
@pytest.mark.parametrize(("weak", "strong"), [((0.9, 0.7), (0.92, 0.3)), ((1.0, 0.9), (0.85, 0.2))])
def test_the_intervals_hold_what_there_is_to_gain(
    weak: tuple[float, float], strong: tuple[float, float]
) -> None:
    rng = np.random.default_rng(0)

    def world(n: int) -> tuple[Matrix, Matrix]:
        hard = rng.random(n)
        chance = np.stack([top - fall * hard for top, fall in (weak, strong)], axis=1)
        return chance + 0.1 * rng.normal(size=(n, 2)), (rng.random((n, 2)) < chance).astype(float)

    quality, score = world(100_000)
    everything = table(score, (0.1, 1.0))
    bench = Bench(everything, everything, n_resamples=1)
    whole, lines = bench.line_of(bench.judged(told(quality, everything))), bench.lines()
    assert whole.curve is not None
    cost = whole.cost_at_best_single
    truth = {
        "aiq_over_zero": (whole.aiq_range or 0.0) - (lines["zero"].aiq_range or 0.0),
        "saved": 1 - (1.0 if cost is None else cost),
        "ahead": min(0.0, whole.curve[1][-1] - (lines["best_single"].quality or 0.0)),
    }
    held, beats = dict.fromkeys(truth, 0), 0
    for seed in range(20):
        quality, score = world(400)
        line = line_of(quality, table(score, (0.1, 1.0)), seed)
        beats += line.beats_zero
        for name, value in truth.items():
            low, high = line.interval[name]
            held[name] += low - 1e-9 <= value <= high + 1e-9
    assert min(held.values()) >= 16
    assert beats >= 5


def test_a_router_that_knows_is_told_what_it_saves() -> None:
    is_easy = np.arange(200) % 2 == 0
    score = np.stack([is_easy, np.ones(200)], axis=1).astype(float)
    outcomes = table(score, (0.1, 1.0))
    line = line_of(score, outcomes)
    assert line.beats_zero
    assert line.metrics["ahead"] == pytest.approx(0.0)
    assert line.metrics["saved"] == pytest.approx(0.45, abs=0.04)
    low, high = line.interval["saved"]
    assert 0.3 < low < 0.45 < high < 0.6
    found = judge({"knows": score}, outcomes, outcomes)
    assert verdict(found, found.routers["knows"]).startswith("route: 3")


def test_what_is_not_surely_cheaper_is_not_called_so() -> None:
    rng = np.random.default_rng(0)
    hard = rng.random(400)
    chance = np.stack([0.8 - 0.8 * hard, 0.9 - 0.2 * hard], axis=1)
    score = (rng.random((400, 2)) < chance).astype(float)
    outcomes = table(score, (0.1, 1.0))
    found = judge({"some": chance}, outcomes, outcomes)
    low, _ = found.routers["some"].interval["saved"]
    assert found.routers["some"].beats_zero
    assert low < 0.005
    assert "not surely cheaper than m1" in verdict(found, found.routers["some"])


def test_equal_texts_do_not_choose_for_each_other() -> None:
    score = np.tile([[0.0, 1.0], [1.0, 0.0]], (50, 1))
    line = line_of(score, table(score, (0.0, 0.0), ("this", "that") * 50))
    assert line.metrics["aiq_over_zero"] == 1.0  # each text's zero router takes the other's model


def test_a_single_text_gains_nothing_that_could_be_told() -> None:
    outcomes = table(np.tile([0.0, 1.0], (5, 1)), (0.1, 1.0), ("the same",) * 5)
    line = line_of(outcomes.score, outcomes)
    low, high = line.interval["aiq_over_zero"]
    assert low < -0.4
    assert high > 0.4
    assert not line.beats_zero


def test_what_is_ahead_holds_where_there_is_nothing_to_gain() -> None:
    """The setting that others choose differs from the best model's on very few rows."""
    rng = np.random.default_rng(0)
    chance, cost, held = np.array([0.6, 0.8]), (0.1, 1.0), 0

    def world(n: int) -> tuple[Matrix, Matrix]:
        score = (rng.random((n, 2)) < chance).astype(float)
        return chance + 0.03 * rng.normal(size=(n, 2)), score

    quality, score = world(50_000)
    everything = table(score, cost)
    whole = Bench(everything, everything, n_resamples=1)
    sweep = whole.judged(told(quality, everything)).sweep
    assert sweep is not None
    truth = score[np.arange(50_000), sweep(slice(None))].mean(axis=1) - score[:, DEAR].mean()
    for seed in range(30):
        quality, score = world(300)
        outcomes = table(score, cost)
        bench = Bench(everything, outcomes, seed, n_resamples=200)
        mine = bench.judged(told(quality, outcomes)).sweep
        assert mine is not None
        found = Gained(outcomes, mine, DEAR, seed)
        means, _ = bench.resamples.means(found)
        above, saved = np.split(means[None, 1:], 2, axis=1)
        _, place = gained_module._reached(above, saved)
        reached = np.mean([plan.at_cost @ truth for plan in found._plans], axis=0)
        low, high = found.figures(bench.resamples).ahead[1]
        held += low <= float(gained_module._at(reached[None], place)[0]) <= high
    assert held >= 28


def test_rows_are_taken_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    score, quality = rng.random((50, 3)), rng.random((50, 3))
    outcomes = table(score, (0.1, 0.4, 1.0))
    sweep = Bench(outcomes, outcomes).judged(told(quality, outcomes)).sweep
    assert sweep is not None
    whole = Gained(outcomes, sweep, DEAR)(slice(0, 50))
    monkeypatch.setattr(gained_module, "_AT_ONCE", 7)
    found = Gained(outcomes, sweep, DEAR)
    parts = [found(slice(at, min(at + 8, 50))) for at in range(0, 50, 8)]
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-12)


def test_without_costs_quality_counts() -> None:
    score = np.tile([[0.0, 1.0], [1.0, 0.0]], (50, 1))
    line = line_of(score, table(score, (0.0, 0.0)))
    assert line.metrics["aiq_over_zero"] == pytest.approx(0.5, abs=0.1)
    assert line.beats_zero


def test_where_the_best_model_is_free_the_verdict_is_about_quality() -> None:
    score = np.tile([[0.0, 1.0, 1.0], [1.0, 0.0, 0.0]], (50, 1))
    score[:10, 2] = 1.0
    for cost, told in (
        ((0.0, 0.0, 0.0), "route: better than m2 (quality +0."),
        ((0.5, 1.0, 0.0), "better than mixing models (AIQ +0."),
    ):
        outcomes = table(score, cost)
        said = verdict(found := judge({"knows": score}, outcomes, outcomes), found.routers["knows"])
        assert said.startswith(told)
        assert said.endswith("and nothing to save: m2 is free")
