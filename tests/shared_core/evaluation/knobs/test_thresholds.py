"""A cascade's threshold, fitted to a cost or to a share of the best quality."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from price_ladder import POOL, outcomes

from shared_core import (
    Answer,
    CascadeRouter,
    ConfigError,
    DataError,
    Judge,
    MeanLogprob,
    OutcomeTable,
    ThresholdCurve,
    fit_threshold,
    score_answers,
    small_models,
    threshold_curve,
)
from shared_core.evaluation.replay import replay

TABLE = outcomes()
CASCADE = CascadeRouter(POOL, MeanLogprob())
FIRST, _, LAST = 15e-6 * np.array([1, 11, 111])  # each model, after those below it

unit = st.floats(0, 1)


@st.composite
def tables(draw: st.DrawFn) -> OutcomeTable:
    """Any qualities, certainties and costs of the three models, but the order of their prices."""
    rows = draw(st.lists(st.tuples(*[unit] * 6, *[st.integers(1, 30)] * 3), min_size=1, max_size=9))
    return OutcomeTable.from_rows(
        [
            {"query": str(number)}
            | {f"score.{name}": row[i] for i, name in enumerate("abc")}
            | {f"logprob.{name}": np.log(max(row[3 + i], 1e-9)) for i, name in enumerate("abc")}
            | {f"in_tokens.{name}": row[6 + i] for i, name in enumerate("abc")}
            | {f"out_tokens.{name}": 1 for name in "abc"}
            for number, row in enumerate(rows)
        ]
    ).priced(POOL)


def at(threshold: float) -> CascadeRouter:
    return CascadeRouter(POOL, MeanLogprob(), threshold)


@settings(max_examples=60, deadline=None)
@given(tables())
def test_the_curve_is_what_replaying_gives_and_cost_never_falls(table: OutcomeTable) -> None:
    curve = threshold_curve(CASCADE, table)
    for threshold, *point in zip(curve.threshold, curve.cost, curve.quality, strict=True):
        assert replay(at(threshold), table).point == pytest.approx(tuple(point))
    assert (np.diff(curve.threshold) > 0).all()
    assert (np.diff(curve.cost) >= -1e-15).all()


@settings(max_examples=60, deadline=None)
@given(tables(), st.floats(0, 1), st.floats(0, 1))
def test_more_money_buys_no_less_and_more_quality_costs_no_less(
    table: OutcomeTable, one: float, other: float
) -> None:
    curve = threshold_curve(CASCADE, table)
    poor, rich = sorted((one, other))
    budgets = [curve.cost[0] + share * (curve.cost[-1] - curve.cost[0]) for share in (poor, rich)]
    bought = [point_of(curve, curve.within_cost(budget)) for budget in budgets]
    assert all(
        cost <= budget * (1 + 1e-9) for (cost, _), budget in zip(bought, budgets, strict=True)
    )
    assert bought[0][1] <= bought[1][1]
    most = curve.quality.max() / curve.best_single if curve.best_single else 0.0
    wished = [share * most * (1 - 1e-9) for share in (poor, rich)]
    kept = [point_of(curve, curve.keeping(share)) for share in wished]
    assert kept[0][0] <= kept[1][0]
    for (_, quality), share in zip(kept, wished, strict=True):
        assert quality >= share * curve.best_single - 1e-9


def point_of(curve: ThresholdCurve, threshold: float) -> tuple[float, float]:
    (k,) = np.flatnonzero(curve.threshold == threshold)
    return float(curve.cost[k]), float(curve.quality[k])


def test_a_fitted_cascade_keeps_the_cost_and_the_given_one_is_as_it_was() -> None:
    fitted = fit_threshold(CASCADE, TABLE, mean_cost=1e-3)
    assert CASCADE.threshold == 0.7
    cost, quality = replay(fitted, TABLE).point
    assert cost <= 1e-3
    assert quality > TABLE.score[:, 0].mean()


def test_a_fitted_cascade_keeps_the_quality_for_less() -> None:
    cost, quality = replay(fit_threshold(CASCADE, TABLE, quality_share=1.0), TABLE).point
    assert quality == TABLE.score.mean(axis=0).max() == 1.0
    assert cost < TABLE.cost[:, 2].mean()  # c alone, the best single model


@settings(max_examples=60, deadline=None)
@given(tables())
def test_the_last_models_own_quality_can_always_be_had(table: OutcomeTable) -> None:
    curve = threshold_curve(CASCADE, table)
    curve.keeping(float(table.score[:, 2].mean()) / (curve.best_single or 1.0))


def test_what_cannot_be_had_is_told_with_what_can() -> None:
    with pytest.raises(ConfigError, match=r"at \$1e-09: .* takes from \$1.5e-05 to \$0.00167"):
        fit_threshold(CASCADE, TABLE, mean_cost=1e-9)
    with pytest.raises(ConfigError, match=r"reaches 1.2 of .* quality 1.000: .* at most 1.000"):
        fit_threshold(CASCADE, TABLE, quality_share=1.2)
    curve = threshold_curve(CASCADE, TABLE)
    assert (curve.cost[0], curve.cost[-1]) == pytest.approx((FIRST, LAST))


def test_one_wish_at_a_time() -> None:
    for wishes in ({}, {"mean_cost": 1.0, "quality_share": 0.9}):
        with pytest.raises(ConfigError, match="one wish"):
            fit_threshold(CASCADE, TABLE, **wishes)


def test_a_scorer_that_asks_models_is_fitted_to_what_they_said() -> None:
    judged = CascadeRouter(POOL, Judge("c"))
    with pytest.raises(ConfigError, match=r"asks models.* scores=score_answers"):
        fit_threshold(judged, TABLE, mean_cost=1.0)
    grades = itertools.cycle("273951")
    scores = score_answers(judged.scorer, TABLE, lambda model, _: Answer(model, next(grades)))
    assert scores.shape == TABLE.score.shape
    assert set(scores.ravel()) == {0.1, 0.2, 0.3, 0.5, 0.7, 0.9}
    fitted = fit_threshold(judged, TABLE, mean_cost=1e-3, scores=scores)
    assert fitted.scorer == judged.scorer
    assert judged.threshold == 0.7
    assert threshold_curve(judged, TABLE, scores).within_cost(1e-3) == fitted.threshold
    with pytest.raises(ConfigError, match=r"not \(60, 2\)"):
        fit_threshold(judged, TABLE, mean_cost=1.0, scores=scores[:, :2])


def test_recorded_scores_give_the_curve_of_the_scorer_itself() -> None:
    scores = score_answers(CASCADE.scorer, TABLE, lambda *_: Answer("nobody", ""))
    own, given = threshold_curve(CASCADE, TABLE), threshold_curve(CASCADE, TABLE, scores)
    np.testing.assert_array_equal(own.cost, given.cost)
    np.testing.assert_array_equal(own.threshold, given.threshold)


@settings(max_examples=30, deadline=None)
@given(tables())
def test_equal_texts_have_scores_of_their_own(table: OutcomeTable) -> None:
    scores = np.exp(table.measures["logprob"])
    alike = replace(table, queries=("the same",) * len(table))
    own, given_scores = threshold_curve(CASCADE, table), threshold_curve(CASCADE, alike, scores)
    np.testing.assert_allclose(given_scores.cost, own.cost)
    np.testing.assert_allclose(given_scores.quality, own.quality)


def test_a_chain_of_one_and_a_table_without_costs() -> None:
    alone = CascadeRouter(POOL, MeanLogprob(), longest=1)
    assert threshold_curve(alone, TABLE).threshold.tolist() == [0.7]
    unknown = {**TABLE.measures, "score": np.full((len(TABLE), 3), np.nan)}
    with pytest.raises(DataError):
        fit_threshold(CASCADE, OutcomeTable(TABLE.models, TABLE.queries, unknown), mean_cost=1.0)


def test_a_threshold_fitted_on_train_is_near_its_cost_on_test() -> None:
    table, pool = small_models()
    cascade = CascadeRouter(pool, MeanLogprob())
    train, test = table.split("train"), table.split("test")
    curve = threshold_curve(cascade, train)
    wanted = float(curve.cost[[0, -1]].mean())
    cost, _ = replay(fit_threshold(cascade, train, mean_cost=wanted), test).point
    assert cost == pytest.approx(wanted, rel=0.25)
