"""Promises hold: over many calibration splits they are broken no more often than said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_world import HELD_OUT, POOL, TRAIN, outcomes, texts

from shared_core import ConfigError, LinearRouter, OutcomeTable, Predictions, Query, Target, keep
from shared_core.evaluation.targets import kept, losses

DATA = Path(__file__).parents[4] / "shared" / "data"


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


@pytest.mark.parametrize("made", [("much", 1.0, 0.1), ("cost_per_1k", 1.0, 0.0)])
def test_targets_that_make_no_sense(made: tuple[str, float, float]) -> None:
    with pytest.raises(ConfigError):
        Target(*made)  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize(
    "target", [("strong_share", 0.3), ("cost_per_1k", 0.45), ("quality_floor", -0.03)]
)
def test_promises_are_broken_no_more_often_than_said(target: tuple[str, float]) -> None:
    path = DATA / "mmlu_pro" / "outcomes.parquet"
    if not path.exists():
        pytest.skip("the data set is not beside this checkout")
    table = OutcomeTable.read(path)
    train, test = table.split("train"), table.split("test")
    few = train.rows(np.arange(0, len(train), 4))
    router = LinearRouter(table.models, alpha=100.0).fit(few)
    rest = np.ones(len(train), bool)
    rest[::4] = False
    pool = OutcomeTable(
        table.models,
        (*train.rows(rest).queries, *test.queries),
        {m: np.concatenate([train.rows(rest).measures[m], test.measures[m]])
         for m in ("score", "cost")},
    )  # fmt: skip
    predicted, best = router.predict(pool.queries), int(np.argmax(router.train_means_))
    promise = Target(target[0], target[1], delta=0.1)  # type: ignore[arg-type]
    rng, broken, proved = np.random.default_rng(0), 0, 0
    for _ in range(200):
        order = rng.permutation(len(pool))
        some, fresh = order[:1500], order[1500:]
        part = Predictions(predicted.models, predicted.quality[some], predicted.cost[some],
                           predicted.cost_unit)  # fmt: skip
        found = kept(part, pool.score[some], pool.cost[some], promise, best)
        rest_of = Predictions(predicted.models, predicted.quality[fresh], predicted.cost[fresh],
                              predicted.cost_unit)  # fmt: skip
        loss = losses(promise, rest_of, pool.score[fresh], pool.cost[fresh], best)
        limit = -promise.value if promise.kind == "quality_floor" else promise.value
        proved += found.is_proved
        broken += found.is_proved and loss(found.policy.cost_weight).mean() > limit
    assert proved > 150
    assert broken <= 0.1 * 200
