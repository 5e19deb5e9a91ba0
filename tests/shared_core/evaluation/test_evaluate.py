"""Routers judged beside the lines that matter, on a world whose answer is known."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
import pytest
from small_world import HELD_OUT, POOL, TRAIN, outcomes, with_gaps

from shared_core import (
    ConfigError,
    CostQuality,
    DataError,
    Evaluation,
    KNNRouter,
    LexicalEncoder,
    LinearRouter,
    ModelPool,
    OutcomeTable,
    Predictions,
    evaluate,
    judge,
    match_best_single,
)
from shared_core.evaluation.bench import Bench
from shared_core.evaluation.evaluate import fit_all
from shared_core.evaluation.knobs.calibrate import matching_best_single
from shared_core.evaluation.metrics import cost_metrics

TEST = outcomes(HELD_OUT)


@pytest.fixture(scope="module")
def found() -> Evaluation:
    return evaluate({"knn": KNNRouter}, outcomes(), TEST, data="small world", pool=POOL)


def test_the_lines_are_what_the_table_says(found: Evaluation) -> None:
    best, cheapest = found.lines["best_single"], found.lines["cheapest"]
    assert (best.model, best.quality) == ("large", pytest.approx(0.9))
    assert best.cost == pytest.approx(TEST.cost[:, 3].mean())
    assert (cheapest.model, cheapest.quality) == ("sums", pytest.approx(0.4))
    assert found.lines["random"].quality == pytest.approx(TEST.score.mean())
    assert found.lines["oracle"].quality == 1.0
    zero = found.lines["zero"]
    assert (zero.quality, zero.cost) == (None, None)
    assert cheapest.quality < (zero.aiq_range or 0) < (best.quality or 0)


def test_a_router_that_learned_is_worth_it(found: Evaluation) -> None:
    knn, oracle = found.routers["knn"], found.lines["oracle"]
    assert knn.beats_zero
    assert (knn.quality or 0) > 0.9
    assert (knn.aiq_range or 0) <= (oracle.aiq_range or 0) + 1e-9
    assert (knn.cost_at_best_single or 1) < (found.lines["best_single"].cost or 0)
    low, high = knn.interval["quality"]
    assert low <= (knn.quality or 0) <= high


def test_the_report_is_json_with_its_promised_keys(found: Evaluation) -> None:
    told = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert (told["data"], told["n_train"], told["n_test"]) == ("small world", 120, 18)
    assert set(told["lines"]) >= {"best_single", "cheapest", "random", "zero", "oracle"}
    keys = {"quality", "cost", "aiq_range", "cost_at_best_single", "interval"}
    assert set(told["routers"]["knn"]) >= keys
    assert set(told["singles"]) == set(POOL)


def test_routers_that_bring_no_encoder_train_one_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    trained = []
    fit = LexicalEncoder.fit
    monkeypatch.setattr(LexicalEncoder, "fit", lambda *given: trained.append(1) or fit(*given))
    own = functools.partial(KNNRouter, encoder=LexicalEncoder(dimension=8))
    makers: dict[str, Any] = {"linear": LinearRouter, "own": own, "knn": KNNRouter}
    together = fit_all(makers, outcomes(), POOL, CostQuality())
    assert len(trained) == 2
    for name, make in makers.items():
        alone = make(POOL).fit(outcomes()).predict(HELD_OUT)
        np.testing.assert_array_equal(together[name].predict(HELD_OUT).quality, alone.quality)


@pytest.mark.parametrize("n", [40, 120])
def test_the_interval_of_a_height_holds_it_where_there_is_nothing_to_learn(n: int) -> None:
    models, level, price = tuple("abcde"), np.linspace(0.45, 0.6, 5), np.geomspace(1, 10, 5)
    # Whatever is chosen by chance alone lies under the hull of the single models.
    truth = cost_metrics.aiq_range(price, level, 1.0, 10.0)
    held = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        score = (rng.random((n, 5)) < level).astype(float)
        cost = np.tile(price, (n, 1))
        table = OutcomeTable(models, [str(i) for i in range(n)], {"score": score, "cost": cost})
        guessed = Predictions(models, level + 0.1 * rng.standard_normal((n, 5)), cost, 10.0)
        bench = Bench(table, table, seed, n_resamples=200)
        low, high = bench.lines()["zero"].interval["aiq_range"]
        held += low <= truth <= high
        mine = bench.line_of(bench.judged(guessed))
        assert mine.interval["aiq_range"][0] < (mine.aiq_range or 0) < mine.interval["aiq_range"][1]
    assert held >= 36


def test_judging_equals_evaluating(found: Evaluation) -> None:
    router = KNNRouter(POOL).fit(outcomes())
    again = judge({"knn": router}, outcomes(), TEST, pool=POOL)
    assert again.routers["knn"].to_dict() == found.routers["knn"].to_dict()


def test_the_same_seed_gives_the_same_intervals(found: Evaluation) -> None:
    again = evaluate({"knn": KNNRouter}, outcomes(), TEST, pool=POOL)
    assert again.to_dict()["routers"] == found.to_dict()["routers"]


def test_rows_with_an_unknown_outcome_are_left_out() -> None:
    gappy = with_gaps(TEST, share=0.1)
    known = int((np.isfinite(gappy.score) & np.isfinite(gappy.cost)).all(axis=1).sum())
    assert 0 < known < len(TEST)
    found = evaluate({"knn": KNNRouter}, outcomes(), gappy.of(POOL.names))
    assert found.n_test >= known


def test_tables_without_costs_are_judged_by_quality() -> None:
    bare = [OutcomeTable(t.models, t.queries, {"score": t.score}) for t in (outcomes(), TEST)]
    found = evaluate({"knn": KNNRouter}, *bare)
    assert found.routers["knn"].cost == 0
    assert (found.routers["knn"].quality or 0) > 0.9


def test_tables_that_do_not_fit_are_told_before_anything_long() -> None:
    told: list[str] = []
    with pytest.raises(DataError, match="no outcomes of large"):
        evaluate(
            {"knn": KNNRouter}, outcomes(), TEST.of(["sums", "poems", "code"]), progress=told.append
        )
    nothing = OutcomeTable(TEST.models, TEST.queries, {"score": np.full_like(TEST.score, np.nan)})
    with pytest.raises(DataError, match="has a score and a cost for every model"):
        evaluate({"knn": KNNRouter}, outcomes(), nothing, progress=told.append)
    assert told == []


def test_matching_the_best_single_keeps_its_quality_for_less() -> None:
    policy = match_best_single(KNNRouter, outcomes(), POOL)
    assert isinstance(policy, CostQuality)
    assert policy.cost_weight > 0
    router = KNNRouter(POOL, policy=policy).fit(outcomes())
    line = judge({"knn": router}, outcomes(), TEST, pool=POOL).routers["knn"]
    best = float(TEST.score.mean(axis=0).max())
    assert (line.quality or 0) >= best - 0.05
    assert (line.cost or 1) < TEST.cost[:, 3].mean()


def test_texts_learned_from_are_no_test(found: Evaluation) -> None:
    told = evaluate({"knn": KNNRouter}, outcomes(), outcomes([*HELD_OUT, *TRAIN[:3]]), pool=POOL)
    note = "3 test rows have the text of a training row: routers have seen them"
    assert note in told.notes
    assert not any("training row" in one for one in found.notes)


@pytest.mark.parametrize("both", [0.0, 0.02])
def test_a_log_with_one_answer_per_query_sets_the_knob_too(both: float) -> None:
    """Only sums need the dear model; hard questions were sent to it more often."""
    rng = np.random.default_rng(0)
    texts = [f"what is the sum of {i} and {i}" if i % 3 else f"a poem of {i}" for i in range(600)]
    is_sum = np.array([text.startswith("what") for text in texts])
    score = np.stack([np.where(is_sum, 0.1, 1.0), np.where(is_sum, 0.9, 1.0)], axis=1)
    to_dear = rng.random(600) < np.where(is_sum, 0.7, 0.4)
    asked = np.stack([~to_dear, to_dear], axis=1) | (rng.random(600) < both)[:, None]
    measures = {"score": score, "cost": np.tile([0.001, 0.02], (600, 1))}
    log = {name: np.where(asked, values, np.nan) for name, values in measures.items()}
    pool = ModelPool(["a", "b"])
    table = OutcomeTable(pool.names, tuple(texts), log)
    weight = match_best_single(KNNRouter, table, pool).cost_weight
    assert 0.01 < weight < 2
    router = KNNRouter(pool, policy=CostQuality(weight)).fit(table)
    assert router.route("what is the sum of 7 and 8").model == "b"
    assert router.route("a poem of 71").model == "a"


def test_where_no_cost_weight_can_be_found_it_says_so() -> None:
    cost = np.where(np.arange(4) < 3, outcomes().cost, np.nan)
    table = OutcomeTable(POOL.names, outcomes().queries, {"score": outcomes().score, "cost": cost})
    with pytest.raises(DataError, match="no cost known of large"):
        match_best_single(KNNRouter, table, ModelPool(POOL.names))
    told = Predictions(POOL.names, table.score, outcomes().cost, 1.0)
    with pytest.raises(DataError, match=r"a cost of large.*\(--cost-weight\)"):
        matching_best_single(told, table.score, cost)


def test_where_all_is_free_no_price_that_comes_later_is_too_high() -> None:
    free = {"score": outcomes().score, "cost": np.full(outcomes().score.shape, np.nan)}
    table = OutcomeTable(POOL.names, outcomes().queries, free)
    assert match_best_single(KNNRouter, table, ModelPool(POOL.names)) == CostQuality(0.0)


def test_no_row_is_predicted_by_a_router_that_saw_its_text() -> None:
    class Suspicious(KNNRouter):
        def fit(self, outcomes: OutcomeTable, progress: Any = None) -> Self:
            self.seen = set(outcomes.queries)
            return super().fit(outcomes, progress)

        def predict(self, texts: Sequence[str]) -> Predictions:
            assert self.seen
            assert not self.seen & set(texts)
            return super().predict(texts)

    def make(pool: ModelPool) -> KNNRouter:
        return Suspicious(pool, k=3, shrinkage=1.0)

    twice = outcomes([*TRAIN, *TRAIN[:30]])
    assert match_best_single(make, twice, POOL).cost_weight > 0


def test_where_the_cheap_one_is_a_coin_toss_the_dear_one_stays() -> None:
    rng = np.random.default_rng(0)
    rows = [
        {
            "query": f"the same words {i}",
            "score.a": rng.integers(2),
            "score.b": 1,
            "cost.a": 1,
            "cost.b": 9,
        }
        for i in range(60)
    ]
    table = OutcomeTable.from_rows(rows)
    pool = ModelPool(["a", "b"])
    policy = match_best_single(lambda pool: KNNRouter(pool, k=5, shrinkage=5.0), table, pool)
    router = KNNRouter(pool, policy=policy, k=5, shrinkage=5.0).fit(table)
    assert router.route("the same words 7").model == "b"


@pytest.mark.parametrize("known", [1, 0])
def test_a_model_of_unknown_cost_in_training_is_not_taken_for_free(known: int) -> None:
    test = outcomes(HELD_OUT)
    cost = np.where(np.arange(len(POOL)) < known, test.cost, np.nan)
    train = replace(test, measures={"score": test.score, "cost": cost})
    equal = np.ones(test.score.shape)
    found = judge({"equal": equal}, train, test)
    assert found.lines["cheapest"].model == "sums"
    assert found.routers["equal"].traffic["sums"] == 1.0


def test_a_fitted_router_is_judged_and_not_fitted_anew() -> None:
    with pytest.raises(ConfigError, match=r"knn: routers that are to be fitted are given by their"):
        evaluate({"knn": KNNRouter(POOL)}, outcomes(), outcomes())  # type: ignore[dict-item]


def test_the_weight_found_is_not_at_the_edge_of_what_chooses_alike() -> None:
    known = np.array([[0.9, 1.0], [0.1, 1.0]] * 10)
    score, cost = np.array([[1.0, 1.0], [0.0, 1.0]] * 10), np.tile([0.1, 1.0], (20, 1))
    told = Predictions(("small", "large"), known, cost, 1.0)
    found = matching_best_single(told, score, cost).cost_weight
    low, high = 0.1 / 0.9, 1.0  # from here on one more query goes to small, and up to here no other
    assert low * 1.5 < found < high / 1.5
    free = Predictions(("small", "large"), known, np.zeros_like(cost), 1.0)
    assert matching_best_single(free, score, np.zeros_like(cost)).cost_weight == 0.0
