"""A model added without retraining."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from beside import DATA
from small_world import HELD_OUT, POOL, TRAIN, outcomes, score

from shared_core import (
    AutoRouter,
    Candidate,
    ClusterRouter,
    ConfigError,
    CostQuality,
    DataError,
    DomainRouter,
    EloRouter,
    KNNRouter,
    LinearRouter,
    ModelPool,
    OutcomeTable,
    Router,
    choose_anchors,
)
from shared_core.encoders.base import unit
from shared_core.evaluation.metrics import cost_metrics
from shared_core.routers.predictive.anchors import one_each
from shared_core.routers.predictive.extension import Additions, Extension, learn, together

OLD = ("sums", "poems", "large")
KINDS = [LinearRouter, KNNRouter, ClusterRouter, DomainRouter, EloRouter, AutoRouter]


def extended(kind: Any = LinearRouter, n: int = 60) -> tuple[Any, Extension]:
    """A router of three models, to which ``code`` came later."""
    old = outcomes(TRAIN, OLD)
    router = kind([POOL[name] for name in OLD], **kind.test_parameters()[0]).fit(old)
    anchors = outcomes([TRAIN[i] for i in choose_anchors(old, router.encoder_, n)])
    return router, router.add_candidate(POOL["code"], anchors)


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_model_needs_anchors_and_no_retraining(kind: Any, tmp_path: Path) -> None:
    router, found = extended(kind)
    assert 0 < found.error < 0.3
    assert router.pool.names == (*OLD, "code")
    missed = [router.route(t).quality["code"] - score("code", t) for t in HELD_OUT]
    assert np.sqrt(np.mean(np.square(missed))) < 0.4
    loaded = Router.load(router.save(tmp_path / "router"))
    assert [loaded.route(t).quality for t in HELD_OUT] == [
        router.route(t).quality for t in HELD_OUT
    ]


@pytest.mark.parametrize("kind", [LinearRouter, AutoRouter])
def test_todays_prices_hold_for_a_new_model_too(kind: Any, tmp_path: Path) -> None:
    router, _ = extended(kind)
    dearer = [POOL[name].model_copy(update={"latency": 9.0}) for name in (*OLD, "code")]
    loaded = Router.load(router.save(tmp_path / "saved"), pool=ModelPool(dearer))
    assert loaded.pool["code"].latency == 9.0
    assert [loaded.route(t).model for t in HELD_OUT] == [router.route(t).model for t in HELD_OUT]


def test_what_was_trained_on_is_predicted_as_before() -> None:
    plain = LinearRouter([POOL[name] for name in OLD], alpha=3.0).fit(outcomes(TRAIN, OLD))
    before, after = plain.predict(HELD_OUT), extended()[0].predict(HELD_OUT)
    np.testing.assert_array_equal(after.quality[:, :3], before.quality)
    np.testing.assert_array_equal(after.cost[:, :3], before.cost)


def test_the_decision_says_how_well_the_new_model_is_known() -> None:
    router, found = extended()
    told = [router.route(text) for text in HELD_OUT]
    new = [one for one in told if one.model == "code"]
    assert new
    assert all(f"code is known from {found.n} anchors, ±" in one.reason for one in new)
    assert not [one for one in told if one.model != "code" and "anchors" in one.reason]


def test_a_second_model_changes_nothing_of_the_first(tmp_path: Path) -> None:
    router, _ = extended()
    first = router.predict(HELD_OUT).quality[:, 3]
    later = Candidate(name="later", input_price=1, output_price=1)
    table = outcomes(TRAIN[:80])
    rows = [dict(row, **{"score.later": row["score.poems"], "cost.later": 1.0})
            for row in _rows(table)]  # fmt: skip
    router.add_candidate(later, OutcomeTable.from_rows(rows))
    both = router.predict(HELD_OUT).quality
    np.testing.assert_allclose(both[:, 3], first, atol=1e-6)
    np.testing.assert_allclose(both[:, 4], both[:, 1], atol=0.25)
    again = Router.load(router.save(tmp_path / "router"))
    np.testing.assert_array_equal(again.predict(HELD_OUT).quality, both)  # type: ignore[attr-defined]


def _rows(table: OutcomeTable) -> Iterator[dict[str, Any]]:
    for i, text in enumerate(table.queries):
        yield {"query": text} | {
            f"{measure}.{model}": float(table.measures[measure][i, j])
            for measure in ("score", "cost")
            for j, model in enumerate(table.models)
        }


@pytest.mark.parametrize("kind", KINDS)
def test_a_dear_model_beside_free_ones_keeps_its_cost(kind: Any, tmp_path: Path) -> None:
    table = outcomes(TRAIN, (*OLD, "code"))
    cost = np.where(np.arange(4) < 2, 0.0, table.cost)
    table = replace(table, measures={**table.measures, "cost": cost})
    router = kind(OLD[:2], **kind.test_parameters()[0]).fit(table.of(OLD[:2]))
    anchors, usual = table.rows(range(90)), pytest.approx(cost[:90, 2].mean())
    found = router.add_candidate(POOL["large"], anchors)
    assert (found.cost_ratio, found.own_cost) == (0.0, usual)
    assert router.predict(HELD_OUT).cost[0, 2] == usual
    router.add_candidate(POOL["code"], anchors)
    predicted = router.predict(HELD_OUT)
    assert predicted.cost_unit == usual  # the dearest, not the last
    router.policy = CostQuality(50.0)
    assert {router.route(text).model for text in HELD_OUT} == set(OLD[:2])
    again = Router.load(router.save(tmp_path / "router"))
    np.testing.assert_array_equal(again.predict(HELD_OUT).cost, predicted.cost)  # type: ignore[attr-defined]


def test_a_model_whose_cost_is_known_joins_those_of_which_none_was() -> None:
    table = outcomes(TRAIN, (*OLD[:2], "large"))
    cost = np.where(np.arange(3) < 2, np.nan, table.cost)
    table = replace(table, measures={**table.measures, "cost": cost})
    router = LinearRouter(OLD[:2], alpha=3.0).fit(table.of(OLD[:2]))
    found = router.add_candidate(POOL["large"], table.rows(range(90)))
    assert found.own_cost == pytest.approx(cost[:90, 2].mean())
    assert router.predict(HELD_OUT).cost[:, :2].max() == 0.0


def test_fitting_again_forgets_the_new_model() -> None:
    router, _ = extended()
    router.pool = ModelPool([POOL[name] for name in OLD])
    assert router.fit(outcomes(TRAIN, OLD)).predict(HELD_OUT).quality.shape[1] == 3


def test_too_few_anchors_are_refused() -> None:
    router = LinearRouter([POOL["sums"], POOL["large"]], alpha=3.0)
    router.fit(outcomes(TRAIN, ["sums", "large"]))
    with pytest.raises(DataError, match="it takes 20 or more"):
        router.add_candidate(POOL["code"], outcomes(TRAIN[:9]))
    for few in ([], range(19), np.tile(np.arange(10), 10)):
        with pytest.raises(DataError, match=r"different anchors; it takes 20 or more"):
            router.add_candidate(POOL["code"], outcomes(TRAIN).rows(few))
    with pytest.raises(DataError, match="no outcomes of"):
        router.add_candidate(Candidate(name="unheard"), outcomes(TRAIN))


def test_copies_of_an_anchor_count_once() -> None:
    """However they are spread: some that know the pool's scores, some the new model's."""
    old = outcomes(TRAIN, OLD)
    told = []
    for n_copies in (1, 5):
        router = LinearRouter([POOL[name] for name in OLD], alpha=3.0).fit(old)
        anchors = outcomes(TRAIN[:40] * n_copies)
        if n_copies > 1:
            score = anchors.score.copy()
            score[:40, 3] = score[40:80, :3] = np.nan
            anchors = replace(anchors, measures={**anchors.measures, "score": score})
        found = router.add_candidate(POOL["code"], anchors)
        told.append((found.error, found.n, *router.predict(HELD_OUT).quality[:, 3]))
    assert told[0][1] == 40
    np.testing.assert_allclose(*told, rtol=1e-6)


def test_contradictions_are_averaged() -> None:
    table = outcomes(TRAIN[:20] * 2)
    score = table.score.copy()
    score[:20], score[20:] = 1.0, 0.5
    score[:20, 0] = np.nan
    found = one_each(replace(table, measures={**table.measures, "score": score}))
    assert found.queries == tuple(TRAIN[:20])
    np.testing.assert_array_equal(found.score, [[0.5, 0.75, 0.75, 0.75]] * 20)


def test_a_new_model_may_be_a_mere_name() -> None:
    old = outcomes(TRAIN, OLD)
    router = LinearRouter(OLD, alpha=3.0).fit(old)
    router.add_candidate("code", outcomes(TRAIN[:40]))
    assert "code" in router.route(HELD_OUT[0]).quality


def _learned(
    n: int, new: Any, seed: int = 0
) -> tuple[Extension, Additions, np.ndarray, np.ndarray]:
    """A pool of three equally good models, and a new one whose chance is ``new(vectors)``."""
    rng = np.random.default_rng(seed)
    vectors = unit(rng.standard_normal((n + 500, 8)).astype(np.float32))
    expected = np.full((n + 500, 3), 0.5)
    scores = (rng.random((n + 500, 3)) < 0.5).astype(float)
    wanted = (rng.random(n + 500) < new(vectors)).astype(float)[:, None]
    texts = tuple(map(str, range(n)))
    known, column = (
        OutcomeTable(names, texts, {"score": values[:n], "cost": np.ones_like(values[:n])})
        for names, values in ((("a", "b", "c"), scores), (("new",), wanted))
    )
    found, added = learn(known, column, expected[:n], vectors[:n])
    told, _ = added(expected[n:], expected[n:], vectors[n:])
    return found, added, told[:, 0], new(vectors[n:])


def test_a_strength_that_is_no_mixture_of_the_pool_s_is_found() -> None:
    _, _, told, true = _learned(400, lambda v: np.where(v[:, 0] > 0, 0.9, 0.1))
    assert np.corrcoef(told, true)[0, 1] > 0.7


@pytest.mark.parametrize("level", [0.2, 0.5, 0.8])
def test_no_pattern_is_claimed_where_there_is_none(level: float) -> None:
    drawn = [_learned(100, lambda v: np.full(len(v), level), seed) for seed in range(40)]
    spread = [float(told.std()) for _, _, told, _ in drawn]  # chance may look like one, rarely
    assert np.median(spread) < 0.03
    assert np.quantile(spread, 0.9) < 0.08
    for found, _, told, _ in drawn:
        assert abs(told.mean() - level) < max(5 * found.error, 0.25)


def test_more_anchors_leave_less_doubt() -> None:
    few, many = (_learned(n, lambda v: np.full(len(v), 0.5))[0].error for n in (40, 800))
    assert many < few / 2


@pytest.mark.parametrize("n_models", [3, 24])
def test_the_error_told_is_not_less_than_what_is_missed(n_models: int) -> None:
    """However many models the mixture may be made of."""
    rng, vectors, n = np.random.default_rng(0), np.eye(12, dtype=np.float32), 50
    told, within = [], []
    for _ in range(30):
        chance = 1 / (1 + np.exp(-rng.normal(0.5, 0.8, (12, n_models + 1))))
        kind = rng.integers(0, 12, n)
        right = (rng.random((n, n_models + 1)) < chance[kind]).astype(float)
        names, texts = tuple(map(str, range(n_models + 1))), tuple(map(str, range(n)))
        table = OutcomeTable(names, texts, {"score": right, "cost": np.ones_like(right)})
        expected = chance[:, :-1]
        found, added = learn(
            table.of(names[:-1]), table.of(names[-1:]), expected[kind], vectors[kind]
        )
        missed = added(expected, expected, vectors)[0][:, 0] - chance[:, -1]
        told.append(found.error)
        within.append(np.abs(missed) < 1.96 * found.error)
    assert np.mean(within) > 0.85
    assert np.mean(told) < 0.25


def test_added_models_stand_side_by_side() -> None:
    one = _learned(40, lambda v: v[:, 0] > 0)[1]
    two = _learned(60, lambda v: v[:, 1] > 0, seed=1)[1]
    both = together(together(None, one), two)
    vectors, expected = unit(np.eye(8, dtype=np.float32)), np.full((8, 3), 0.5)
    for place, alone in enumerate((one, two)):
        np.testing.assert_allclose(
            both(expected, expected, vectors)[0][:, place],
            alone(expected, expected, vectors)[0][:, 0],
        )


@pytest.mark.parametrize("n", [1, 20, 10_000])
def test_anchors_are_spread_and_drawn_by_the_seed(n: int) -> None:
    old = outcomes(TRAIN, OLD)
    router = LinearRouter([POOL[name] for name in OLD], alpha=3.0).fit(old)
    chosen = choose_anchors(old, router.encoder_, n)
    assert len(chosen) == len(set(chosen.tolist())) <= min(n, len(old))
    np.testing.assert_array_equal(chosen, choose_anchors(old, router.encoder_, n))


@pytest.mark.parametrize("n", [0, -1, 2.5])
def test_anchors_are_counted(n: Any) -> None:
    old = outcomes(TRAIN, OLD)
    router = LinearRouter(OLD, alpha=3.0).fit(old)
    with pytest.raises(ConfigError, match="n is a whole number from 1 up"):
        choose_anchors(old, router.encoder_, n)
    with pytest.raises(DataError, match="no rows"):
        choose_anchors(old.rows([]), router.encoder_, 10)


@pytest.fixture(scope="module")
def mix() -> OutcomeTable:
    path = DATA / "llmrouter_mix" / "outcomes.parquet"
    if not path.exists():
        pytest.skip("the data set is not beside this checkout")
    return OutcomeTable.read(path)


@pytest.mark.slow
def test_little_is_lost_against_retraining(mix: OutcomeTable) -> None:
    model = "llama-3.3-nemotron-super-49b-v1"
    train, test = mix.split("train"), mix.split("test")
    train = train.rows(np.arange(0, len(train), 3))
    names = [*(name for name in mix.models if name != model), model]
    whole = LinearRouter(names, alpha=30.0).fit(train.of(names))
    router = LinearRouter(names[:-1], alpha=30.0).fit(train.of(names[:-1]))
    anchors = train.rows(choose_anchors(train, router.encoder_, 400))
    router.add_candidate(Candidate(name=model), anchors)
    reached = [_aiq(one, test.of(names)) for one in (router, whole)]
    assert reached[0] >= reached[1] - 0.01


def _aiq(router: LinearRouter, test: OutcomeTable) -> float:
    told = router.predict(test.queries)
    swept = cost_metrics.sweep(told.quality, told.cost, told.cost_unit)
    cost, quality = cost_metrics.outcomes_of(swept, test.score, test.cost)
    means = test.cost.mean(axis=0)
    low, high = float(means.min()), float(means.max())
    return cost_metrics.aiq_range(cost.mean(axis=1), quality.mean(axis=1), low, high)


def test_anchors_that_the_new_model_was_not_asked_count_nothing() -> None:
    old = outcomes(TRAIN, OLD)
    router = LinearRouter([POOL[name] for name in OLD], alpha=3.0).fit(old)
    anchors = outcomes(TRAIN[:60])
    measures = {name: values.copy() for name, values in anchors.measures.items()}
    measures["score"][40:, anchors.models.index("code")] = np.nan
    found = router.add_candidate(POOL["code"], replace(anchors, measures=measures))
    assert found.n == 40
    assert np.isfinite(router.predict(HELD_OUT).quality).all()


def test_a_new_model_is_expected_as_good_as_it_was_on_its_anchors_on_average() -> None:
    rng = np.random.default_rng(0)
    vectors = unit(
        np.hstack([rng.normal(size=(200, 4)), np.full((200, 1), 3.0)]).astype(np.float32)
    )
    known = 0.3 + 0.4 * rng.random((200, 3))
    new = known.mean(axis=1) + 0.5 * vectors[:, 0]
    texts = tuple(map(str, range(200)))
    tables = (
        OutcomeTable(("a", "b", "c"), texts, {"score": known, "cost": np.ones((200, 3))}),
        OutcomeTable(("d",), texts, {"score": new[:, None], "cost": np.ones((200, 1))}),
    )
    _, added = learn(*tables, known, vectors)
    expected, _ = added(known, np.ones((200, 3)), vectors)
    assert np.ptp(expected[:, 0] - known.mean(axis=1)) > 0.1  # a pattern was found
    assert expected.mean() == pytest.approx(new.mean(), abs=1e-4)


def test_a_unit_of_cost_is_a_call_to_the_dearest_model() -> None:
    table = outcomes()
    router = LinearRouter(POOL, alpha=3.0).fit(table)
    assert router.predict(HELD_OUT).cost_unit == pytest.approx(table.cost.mean(axis=0).max())
