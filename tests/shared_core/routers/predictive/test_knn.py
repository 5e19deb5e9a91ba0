"""KNN against a reference written out row by row, and what every predictive router does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from small_world import HELD_OUT, POOL, TRAIN, outcomes, with_gaps

from shared_core import (
    ConfigError,
    CostQuality,
    DataError,
    FunctionEncoder,
    KNNRouter,
    ModelPool,
    OutcomeTable,
    Query,
)
from shared_core.routers.predictive.learnable import learnable


def letters(texts: list[str]) -> list[list[float]]:
    """How often each letter occurs."""
    return [[float(text.count(letter)) + 0.1 for letter in "abcdefghijklmnop"] for text in texts]


def reference(table: OutcomeTable, text: str, k: int, shrinkage: float) -> np.ndarray:
    """Predicted quality (m,): the formula, without any array trick."""
    table = table.rows(np.isfinite(table.score).any(axis=1))  # who knows nothing is no neighbour
    vectors = np.array(letters([*table.queries, text]))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    similarity = vectors[:-1] @ vectors[-1]
    nearest = np.argsort(-similarity, kind="stable")[:k]
    raw = [similarity[i] - similarity[nearest[-1]] / 2 for i in nearest]
    weight = [one / np.mean(raw) for one in raw]
    predicted = []
    for column in range(len(table.models)):
        scores = table.score[:, column]
        pairs = [
            (w, scores[i]) for w, i in zip(weight, nearest, strict=True) if scores[i] == scores[i]
        ]
        total = sum(w for w, _ in pairs) + shrinkage
        found = sum(w * s for w, s in pairs) + shrinkage * np.nanmean(scores)
        predicted.append(found / total)
    return np.array(predicted)


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize(("k", "shrinkage"), [(1, 0.5), (7, 2.0), (50, 20.0)])
def test_predictions_are_the_formulas(k: int, shrinkage: float, gaps: bool) -> None:
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("abcdefghijklmnop"), 30)) for _ in range(60)]
    rows = [{"query": t, "score.a": rng.random(), "score.b": rng.random()} for t in texts[:50]]
    table = OutcomeTable.from_rows(rows)
    table = with_gaps(table) if gaps else table
    encoder = FunctionEncoder(letters, "letters")
    router = KNNRouter(["a", "b"], encoder=encoder, k=k, shrinkage=shrinkage, form_weight=0)
    router.fit(table)
    expected = [reference(table, text, k, shrinkage) for text in texts[50:]]
    np.testing.assert_allclose(router.predict(texts[50:]).quality, expected, atol=1e-4)


@pytest.mark.parametrize(
    "wrong", [{"k": 0}, {"k": -3}, {"k": 2.5}, {"shrinkage": -1.0}, {"form_weight": -0.1}]
)
def test_settings_that_make_no_sense_are_refused(wrong: Mapping[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"from [01] up"):
        KNNRouter(POOL, **wrong)


def test_of_texts_about_the_same_those_that_look_alike_are_nearer() -> None:
    long = "explain the history of rivers and of ships, in every detail that you know of, please"
    rows = [{"query": "rivers and ships", "score.a": 1.0, "score.b": 0.0},
            {"query": long, "score.a": 0.0, "score.b": 1.0}] * 4  # fmt: skip
    encoder = FunctionEncoder(lambda texts: [[1.0, 0.0]] * len(texts), "all the same")
    router = KNNRouter(["a", "b"], encoder=encoder, k=4, shrinkage=0.0)
    router.fit(OutcomeTable.from_rows(rows))
    assert router.route("ships and rivers").model == "a"
    assert router.route(long.replace("rivers", "cities")).model == "b"


def test_more_neighbours_than_rows_are_all_rows() -> None:
    router = KNNRouter(POOL, k=10_000, shrinkage=1.0).fit(outcomes())
    assert router.k_ == len(TRAIN)


def test_settings_are_found_by_cross_validation_and_given_ones_kept() -> None:
    router = KNNRouter(POOL).fit(outcomes())
    assert 1 <= router.k_ <= len(TRAIN)
    assert KNNRouter(POOL, k=4).fit(outcomes()).k_ == 4
    assert KNNRouter(POOL, shrinkage=3.5).fit(outcomes()).shrinkage_ == 3.5


def test_a_model_no_neighbour_knows_keeps_its_mean() -> None:
    table = outcomes()
    score = table.score.copy()
    score[1:, 3] = np.nan  # the large model was tried once
    tried = OutcomeTable(table.models, table.queries, {**table.measures, "score": score})
    router = KNNRouter(POOL, k=2, shrinkage=0.0).fit(tried)
    assert router.predict([TRAIN[-1]]).quality[0, 3] == pytest.approx(0.9)


def test_the_reason_tells_both_sides() -> None:
    router = KNNRouter(POOL, policy=CostQuality(0.1), k=3, shrinkage=0.0).fit(outcomes())
    decision = router.route(HELD_OUT[0])
    assert decision.model == "sums"
    assert decision.reason.startswith("expected quality 1.00 at $")
    assert "against " in decision.reason
    assert decision.reason.endswith("by quality - 0.1 x cost")
    assert set(decision.quality) == set(decision.cost) == set(POOL)
    alone = router.route(Query(HELD_OUT[0], needs=frozenset({"pdf", "structured_output"}),
                               exclude={"poems": "x", "code": "x"}))  # fmt: skip
    assert (alone.ranking, alone.cause) == (("large",), "only_candidate")
    assert "the only model that can serve" in alone.reason


def test_the_policy_moves_the_choice() -> None:
    fitted = KNNRouter(POOL, k=3, shrinkage=0.0).fit(outcomes())
    fitted.policy = CostQuality(0)
    assert fitted.route(HELD_OUT[1]).model == "poems"
    fitted.policy = CostQuality(1000)
    assert fitted.route(HELD_OUT[1]).model == "sums"


def test_provenance_is_kept() -> None:
    told: list[str] = []
    router = KNNRouter(POOL).fit(outcomes(), told.append)
    assert router.provenance_["rows"] == len(TRAIN)
    assert router.provenance_["encoder"] == router.encoder_.fingerprint
    assert told[-1] == "choosing k and shrinkage by cross-validation"


def test_models_on_one_side_only_are_told() -> None:
    with pytest.raises(DataError, match=r"outcomes of code, large, not in the pool of sums, poems"):
        KNNRouter(["sums", "poems"]).fit(outcomes())
    with pytest.raises(DataError, match="no outcomes of extra; there are sums, poems"):
        KNNRouter([*POOL.names, "extra"]).fit(outcomes())


def test_nothing_known_is_told() -> None:
    table = outcomes()
    score = np.full_like(table.score, np.nan)
    silent = OutcomeTable(table.models, table.queries, {"score": score})
    with pytest.raises(DataError, match=r"every score of sums, poems, code, large is unknown"):
        KNNRouter(POOL).fit(silent)
    score[:, :2] = 1.0
    with pytest.raises(DataError, match=r"every score of code, large is unknown"):
        KNNRouter(POOL).fit(OutcomeTable(table.models, table.queries, {"score": score}))


def test_costs_of_some_models_only_are_told_and_of_none_are_free() -> None:
    bare = OutcomeTable(POOL.names, tuple(TRAIN), {"score": outcomes().score})
    free = KNNRouter(POOL.names, k=2, shrinkage=1.0).fit(bare)
    assert not free.predict(HELD_OUT).cost.any()
    cost = outcomes().cost.copy()
    cost[:, 0] = np.nan
    half = OutcomeTable(POOL.names, tuple(TRAIN), {"score": outcomes().score, "cost": cost})
    with pytest.raises(DataError, match="no cost known of sums, but of others"):
        KNNRouter(POOL.names).fit(half)


ODD_TABLES = {
    "all scores equal": [
        {"query": f"word {i} word", "score.a": 0.5, "score.b": 0.5} for i in range(9)
    ],
    "one model": [{"query": f"word {i} word", "score.a": i % 2} for i in range(9)],
    "a query twice": [
        {"query": "word of mine", "score.a": i % 2, "score.b": 1 - i % 2} for i in range(6)
    ],
    "two rows": [{"query": "same words", "score.a": 1, "score.b": 0}] * 2,
}  # fmt: skip


@pytest.mark.parametrize("rows", ODD_TABLES.values(), ids=ODD_TABLES)
def test_odd_tables_can_be_learned_from(rows: list[dict[str, object]]) -> None:
    table = OutcomeTable.from_rows(rows)
    router = KNNRouter(table.models).fit(table)
    decision = router.route("word of mine")
    assert set(decision.ranking) == set(table.models)
    assert all(0 <= value <= 1 for value in decision.quality.values())


def test_one_row_teaches_a_router_that_has_its_encoder() -> None:
    table = OutcomeTable.from_rows([{"query": "x", "score.a": 1, "score.b": 0}])
    with pytest.raises(DataError, match="the lexical encoder takes more queries"):
        KNNRouter(table.models).fit(table)
    router = KNNRouter(table.models, encoder=FunctionEncoder(letters, "letters")).fit(table)
    assert router.route("anything").model == "a"


def test_five_thousand_models_and_three_rows() -> None:
    models = [f"model-{i}" for i in range(5000)]
    rows = [{"query": f"the word {i}"} | {f"score.{m}": 0.5 for m in models} for i in range(3)]
    rows[0]["score.model-77"] = 1.0
    router = KNNRouter(ModelPool(models), k=1, shrinkage=1.0).fit(OutcomeTable.from_rows(rows))
    assert router.route("the word 0").model == "model-77"


def test_of_models_equally_worth_it_the_cheaper_comes_first() -> None:
    rows = [{"query": text} | {f"score.{name}": 0.5 for name in POOL}
            | {f"cost.{name}": cost for name, cost in zip(POOL, (3, 1, 4, 2), strict=True)}
            for text in TRAIN]  # fmt: skip
    router = KNNRouter(POOL, CostQuality(0.0), k=5, shrinkage=1.0)
    router.fit(OutcomeTable.from_rows(rows))
    assert router.route(HELD_OUT[0]).ranking == ("poems", "large", "sums", "code")


def test_no_row_tells_of_itself_when_settings_are_chosen() -> None:
    rng = np.random.default_rng(0)
    rows = [{"query": text, "score.a": rng.integers(2), "score.b": rng.integers(2)}
            for text in TRAIN]  # fmt: skip
    router = KNNRouter(["a", "b"], k=1, shrinkage=0.0).fit(OutcomeTable.from_rows(rows))
    assert router._errors([1], [0.0])[0, 0] > 0.1


def test_the_order_of_rows_that_contradict_each_other_changes_nothing() -> None:
    """Rows of one text with the same scores for other models, other costs or other domains."""
    rng = np.random.default_rng(0)
    rows = [
        {"query": f"text {i % 10}", "dataset": "xy"[rng.integers(2)], "score.a": won,
         "score.b": 1 - won, "cost.a": rng.random(), "cost.b": rng.random()}
        for i in range(60)
        for won in [float(rng.integers(2))]
    ]  # fmt: skip
    table, pool = OutcomeTable.from_rows(rows), ModelPool(["a", "b"])
    turned = OutcomeTable.from_rows(rows[::-1]).of(["b", "a"])
    mine, theirs = learnable(table, pool), learnable(turned, pool)
    assert mine.domains == theirs.domains
    np.testing.assert_array_equal(mine.score, theirs.score)
    np.testing.assert_array_equal(mine.cost, theirs.cost)
