"""Promises hold: over many calibration splits they are broken no more often than said."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from beside import DATA
from small_world import HELD_OUT, POOL, TRAIN, outcomes, texts, with_gaps

from shared_core import (
    AutoRouter,
    ColdStartRouter,
    ConfigError,
    CostQuality,
    DataError,
    GuardedRouter,
    LinearRouter,
    OutcomeTable,
    Predictions,
    PredictiveRouter,
    Query,
    Target,
    keep,
    match_best_single,
)
from shared_core.evaluation.knobs.targets import Against, Kind, _in_the_long_run, kept, losses


@pytest.fixture(scope="module")
def router() -> LinearRouter:
    return LinearRouter(POOL, alpha=3.0).fit(outcomes(TRAIN))


def test_a_cost_target_is_kept_and_reported_on_fresh_rows(router: LinearRouter) -> None:
    calibration, fresh = outcomes(texts(range(200, 600))), outcomes(HELD_OUT)
    dear = keep(router, calibration, Target("cost_per_1k", 1.0))
    assert dear.is_proved
    assert dear.measured(router, fresh) <= 1.0
    assert dear.achieved <= 1.0
    assert router.route(Query(HELD_OUT[0], cost_weight=dear.policy.cost_weight)).ranking


def test_what_cannot_be_proved_is_said(router: LinearRouter) -> None:
    found = keep(router, outcomes(HELD_OUT), Target("quality_floor", 0.2))
    assert not found.is_proved


def test_the_dearest_model_is_the_same_on_fresh_rows(router: LinearRouter) -> None:
    calibration, fresh = outcomes(texts(range(200, 600))), outcomes(HELD_OUT)
    found = keep(router, calibration, Target("strong_share", 0.9))
    turned = replace(fresh, measures=fresh.measures | {"cost": fresh.cost[:, ::-1]})
    assert found.against.dearest == "large"
    assert found.measured(router, turned) == found.measured(router, fresh) < 1 / 3


def test_a_promise_is_measured_alike_whatever_the_order_of_models(router: LinearRouter) -> None:
    turned = LinearRouter([*POOL.values()][::-1], alpha=3.0).fit(outcomes(TRAIN))
    calibration, fresh = outcomes(texts(range(200, 600))), outcomes(HELD_OUT)
    for target in (Target("quality_floor", -0.2), Target("strong_share", 0.9)):
        found = keep(router, calibration, target)
        assert found.measured(turned, fresh) == pytest.approx(found.measured(router, fresh))


def test_calibration_takes_rows_with_every_outcome(router: LinearRouter) -> None:
    table, target = outcomes(HELD_OUT), Target("strong_share", 0.5)
    with pytest.raises(DataError, match="no rows"):
        keep(router, table.rows(np.arange(0)), target)
    with pytest.raises(DataError, match="every score and cost"):
        keep(router, with_gaps(table), target)
    free = replace(table, measures=table.measures | {"cost": np.zeros_like(table.cost)})
    with pytest.raises(ConfigError, match="no model is dearer than the others"):
        keep(router, free, target)


@pytest.mark.parametrize(
    "made",
    [
        ("much", 1.0, 0.1),
        ("cost_per_1k", 1.0, 0.0),
        ("cost_per_1k", 1.0, 1e-300),
        ("cost_per_1k", -1.0, 0.1),
        ("cost_per_1k", float("inf"), 0.1),
        ("strong_share", 30.0, 0.1),
        ("strong_share", float("nan"), 0.1),
        ("quality_floor", -5.0, 0.1),
    ],
)
def test_targets_that_make_no_sense(made: tuple[str, float, float]) -> None:
    with pytest.raises(ConfigError):
        Target(*made)  # type: ignore[arg-type]


def test_the_tiniest_chances_can_be_computed_with(router: LinearRouter) -> None:
    calibration = outcomes(texts(range(200, 300)))
    for kind, value in (("cost_per_1k", 0.1), ("strong_share", 0.5), ("quality_floor", -0.1)):
        found = keep(router, calibration, Target(kind, value, 1e-100))  # type: ignore[arg-type]
        assert not found.is_proved


def test_what_no_choice_can_break_is_proved(router: LinearRouter) -> None:
    table = outcomes(texts(range(200, 220)))
    free = replace(table, measures={"score": table.score, "cost": 0 * table.score})
    assert keep(router, free, Target("cost_per_1k", 0.0)).is_proved
    assert keep(router, table, Target("strong_share", 1.0)).is_proved


def test_a_promise_is_about_the_choices_that_routing_makes() -> None:
    """Both are expected to be as good; then the cheaper one is asked, first in the pool or not."""
    queries = tuple(f"question {number}" for number in range(100))
    cost = np.tile([0.01, 0.001], (100, 1))

    def table(weak: float) -> OutcomeTable:
        score = np.tile([1.0, weak], (100, 1))
        return OutcomeTable(("strong", "weak"), queries, {"score": score, "cost": cost})

    router = LinearRouter(["strong", "weak"]).fit(table(1.0))
    found = keep(router, table(0.0), Target("quality_floor", -0.1))
    router.policy = CostQuality(0.0)
    assert {router.route(text).model for text in queries} == {"weak"}
    assert not found.is_proved
    assert found.achieved == -1.0


def test_only_of_routers_that_predict() -> None:
    calibration = outcomes(texts(range(200, 220)))
    guarded = GuardedRouter(LinearRouter(POOL, alpha=3.0)).fit(outcomes(TRAIN))
    for router in (guarded, ColdStartRouter(POOL)):
        with pytest.raises(ConfigError, match="has no predictions to set a cost weight by"):
            keep(router, calibration, Target("strong_share", 0.5))  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="a ColdStartRouter has no predictions"):
        match_best_single(ColdStartRouter, outcomes(TRAIN), POOL)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Judged:
    """Predictions of rows that the router was not fitted on, beside how they went."""

    predicted: Predictions
    score: np.ndarray
    cost: np.ndarray
    against: Against

    def rows(self, chosen: np.ndarray) -> Judged:
        told = self.predicted
        part = replace(told, quality=told.quality[chosen], cost=told.cost[chosen])
        return Judged(part, self.score[chosen], self.cost[chosen], self.against)


def judged(table: OutcomeTable, kind: type[PredictiveRouter], **options: Any) -> Judged:
    """One fit to a few of the rows; the rest is there to draw calibration rows from."""
    table = table.rows(np.arange(0, len(table), 2))
    fitted = np.arange(len(table)) % 4 == 0
    router = kind(table.models, **options).fit(table.rows(fitted))
    rest = table.rows(~fitted)
    predicted = router.predict(rest.queries)
    return Judged(predicted, rest.score, rest.cost, Against.of(router, rest))


ROUTERS = {
    "linear": (LinearRouter, {"alpha": 100.0}),
    "auto": (AutoRouter, {"members": ("LinearRouter", "ClusterRouter")}),
}


@pytest.fixture(scope="module", params=ROUTERS)
def drawn(request: pytest.FixtureRequest) -> Judged:
    path = DATA / "mmlu_pro" / "outcomes.parquet"
    if not path.exists():
        pytest.skip("the data set is not beside this checkout")
    kind, options = ROUTERS[request.param]
    return judged(OutcomeTable.read(path), kind, **options)  # type: ignore[arg-type]


def broken_and_proved(drawn: Judged, promise: Target, n: int) -> tuple[int, int]:
    """How many of 200 random calibration samples broke the promise, and how many proved it."""
    limit = -promise.value if promise.kind == "quality_floor" else promise.value
    rng, broken, proved = np.random.default_rng(0), 0, 0
    for _ in range(200):
        order = rng.permutation(len(drawn.score))
        some, fresh = drawn.rows(order[:n]), drawn.rows(order[n:])
        found = kept(some.predicted, some.score, some.cost, promise, some.against)
        loss = losses(promise, fresh.predicted, fresh.score, fresh.cost, fresh.against)
        proved += found.is_proved
        broken += found.is_proved and loss(found.policy.cost_weight).mean() > limit
    return broken, proved


def test_the_order_of_calibration_rows_changes_nothing(router: LinearRouter) -> None:
    calibration, target = outcomes(texts(range(200, 600))), Target("quality_floor", -0.05)
    turned = calibration.rows(np.arange(len(calibration))[::-1])
    assert keep(router, calibration, target) == keep(router, turned, target)


def coin_tosses(n: int, rng: np.random.Generator) -> Judged:
    """Two models that nobody can tell apart by text; the dear one is as often right as not."""
    score = np.stack([rng.random(n) < 0.46, rng.random(n) < 0.5], axis=1).astype(float)
    cost = np.tile([0.1, 1.0], (n, 1))
    quality = np.stack([np.full(n, 0.5), 0.5 + rng.random(n) - 0.4], axis=1)
    told = Predictions(("weak", "strong"), quality, cost, 1.0)
    return Judged(told, score, cost, Against("strong", "strong"))


@pytest.mark.parametrize("most", [1, 20])
@pytest.mark.parametrize("target", [("strong_share", 0.3), ("quality_floor", -0.02)])
def test_what_is_said_again_proves_nothing_more(target: tuple[Kind, float], most: int) -> None:
    rng, promise = np.random.default_rng(0), Target(*target, delta=0.2)
    limit = -promise.value if promise.kind == "quality_floor" else promise.value
    everything = coin_tosses(100_000, rng)
    loss = losses(
        promise, everything.predicted, everything.score, everything.cost, everything.against
    )
    broken = 0
    for _ in range(60):
        drawn = rng.integers(0, 100_000, 100)
        rows = np.repeat(drawn, np.where(rng.random(100) < 0.3, most, 1))
        some = everything.rows(rows)
        names = [str(row) for row in rows]
        found = kept(some.predicted, some.score, some.cost, promise, some.against, names)
        broken += found.is_proved and loss(found.policy.cost_weight).mean() > limit
    assert broken <= 0.2 * 60


def test_texts_that_all_differ_change_nothing(router: LinearRouter) -> None:
    calibration, target = outcomes(texts(range(200, 600))), Target("quality_floor", -0.05)
    predicted, against = router.predict(calibration.queries), Against.of(router, calibration)
    rows = predicted, calibration.score, calibration.cost, target, against
    assert kept(*rows, calibration.queries) == kept(*rows)


def test_a_few_rows_said_again_prove_no_more(router: LinearRouter) -> None:
    few, target = outcomes(texts(range(200, 205))), Target("quality_floor", -0.05)
    assert not keep(router, few, target).is_proved
    assert not keep(router, few.rows(np.arange(15).repeat(80)), target).is_proved


@pytest.mark.slow
@pytest.mark.parametrize("delta", [0.1, 0.3])
@pytest.mark.parametrize(
    "target", [("strong_share", 0.3), ("cost_per_1k", 0.45), ("quality_floor", -0.03)]
)
def test_promises_are_broken_no_more_often_than_said(
    drawn: Judged, target: tuple[Kind, float], delta: float
) -> None:
    broken, proved = broken_and_proved(drawn, Target(*target, delta=delta), 1500)
    assert proved > 150
    assert broken <= delta * 200


@pytest.mark.parametrize(("delta", "in_the_long_run"), [(0.1, 0.035), (0.01, 0.0005), (0.9, 0.9)])
def test_a_fresh_sample_varies_as_the_calibration_rows_do(
    delta: float, in_the_long_run: float
) -> None:
    found = _in_the_long_run(Target("strong_share", 0.5, delta))
    assert found == pytest.approx(in_the_long_run, rel=0.02)
