from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_world import POOL, TRAIN, outcomes

from shared_core import (
    Candidate,
    ConfigError,
    LinearRouter,
    ModelPool,
    OutcomeTable,
    Query,
    Router,
    TokenCostRouter,
)

LONG, SHORT = 400, 25


def table(known: bool = True) -> OutcomeTable:
    """The small world, where poems are long and everything else is short."""
    world = outcomes()
    lengths = [LONG if "poem" in text else SHORT for text in TRAIN]
    written = np.repeat(np.array(lengths, float)[:, None], len(POOL), axis=1)
    measures = dict(world.measures) | {"out_tokens": written}
    if not known:
        measures = {name: measures[name] for name in ("score", "cost")}
    return OutcomeTable(world.models, world.queries, measures)


@pytest.fixture(scope="module")
def router() -> TokenCostRouter:
    return TokenCostRouter(LinearRouter(POOL, alpha=3.0), alpha=0.1).fit(table())


def test_it_learns_how_long_answers_are(router: TokenCostRouter) -> None:
    poem, number = router.output_tokens(
        ["write a poem about the city of number 7 in spring, with 4 lines",
         "what is the sum of 7 and 4, as a number"]
    )  # fmt: skip
    assert (poem > 5 * number).all()
    assert (poem <= LONG).all()


def test_cost_is_tokens_times_price_and_what_is_cached_is_cheaper() -> None:
    cheaper = {"cached_input_price": 0.3}
    members = [c.model_copy(update=cheaper if c.name == "large" else {}) for c in POOL.values()]
    router = TokenCostRouter(LinearRouter(ModelPool(members), alpha=3.0)).fit(table())
    text = TRAIN[0]
    written = dict(zip(POOL.names, router.output_tokens([text])[0], strict=True))
    fresh = router.route(Query(text, tokens=5000)).cost
    cached = router.route(Query(text, tokens=5000, prefix_tokens=4000, previous="large")).cost
    assert fresh["large"] == pytest.approx((5000 * 3 + written["large"] * 9) / 1e6)
    assert fresh["large"] - cached["large"] == pytest.approx(4000 * (3 - 0.3) / 1e6)
    assert "code" in fresh
    assert fresh["code"] == cached["code"]


def test_without_token_counts_or_prices_the_router_inside_tells_the_cost() -> None:
    for pool, outcomes_of in ((POOL, table(known=False)), (_unpriced(), table())):
        router: Any = TokenCostRouter(LinearRouter(pool, alpha=3.0)).fit(outcomes_of)
        np.testing.assert_array_equal(
            router.predict(TRAIN[:5]).cost, router.router.predict(TRAIN[:5]).cost
        )


def _unpriced() -> ModelPool:
    return ModelPool([Candidate(name=name) for name in POOL])


def test_a_strength_that_makes_no_sense_is_told() -> None:
    with pytest.raises(ConfigError, match="alpha"):
        TokenCostRouter(LinearRouter(POOL), alpha=0)


def test_lengths_that_vary_are_expected_at_their_mean() -> None:
    lengths = np.random.default_rng(0).lognormal(5, 1, (len(TRAIN), 1))
    world = outcomes()
    written = {"out_tokens": np.repeat(lengths, len(POOL), axis=1)}
    varied = OutcomeTable(world.models, world.queries, dict(world.measures) | written)
    router = TokenCostRouter(LinearRouter(POOL, alpha=3.0), alpha=1e6).fit(varied)
    told = router.output_tokens(["anything else"])
    np.testing.assert_allclose(told, lengths.mean(), rtol=0.15)


def test_no_answer_is_longer_than_its_model_writes() -> None:
    terse = ModelPool(c.model_copy(update={"max_output": 5}) for c in POOL.values())
    router = TokenCostRouter(LinearRouter(terse, alpha=3.0)).fit(table())
    cost = router.route(Query(TRAIN[1], tokens=100)).cost
    assert cost["large"] == pytest.approx((100 * 3 + 5 * 9) / 1e6)


def test_prices_that_come_after_training_bring_the_unit_of_cost(tmp_path: Path) -> None:
    """Else what counts as one unit would be a dollar, and no cost weight would matter."""
    world = table()
    told = replace(world, measures={k: v for k, v in world.measures.items() if k != "cost"})
    read = np.full_like(told.score, 30.0)
    told = replace(told, measures={**told.measures, "in_tokens": read})
    unpriced, priced = (
        TokenCostRouter(LinearRouter(pool, alpha=3.0)).fit(told) for pool in (_unpriced(), POOL)
    )
    assert unpriced.predict(["hi"]).cost_unit == 1.0
    loaded: Any = Router.load(unpriced.save(tmp_path / "saved"), pool=POOL)
    assert loaded.predict(["hi"]).cost_unit == pytest.approx(priced.predict(["hi"]).cost_unit)
    for weight in (0.1, 1.0, 5.0):
        asked = [Query(text, cost_weight=weight) for text in TRAIN[:20]]
        assert [loaded.route(q).model for q in asked] == [priced.route(q).model for q in asked]


def test_a_model_that_the_router_gained_later_keeps_the_routers_cost(tmp_path: Path) -> None:
    old = POOL.names[:3]
    world = table()
    router = TokenCostRouter(LinearRouter([POOL[name] for name in old], alpha=3.0))
    router.fit(world.of(old)).router.add_candidate(POOL[POOL.names[3]], world)
    assert router.pool.names == POOL.names
    told = router.predict(TRAIN[:9])
    assert np.isnan(router.output_tokens(TRAIN[:9])[:, 3]).all()
    np.testing.assert_array_equal(told.cost[:, 3], router.router.predict(TRAIN[:9]).cost[:, 3])
    loaded: Any = Router.load(router.save(tmp_path / "saved"))
    np.testing.assert_array_equal(loaded.predict(TRAIN[:9]).cost, told.cost)
    assert [loaded.route(t).ranking for t in TRAIN[:9]] == [
        router.route(t).ranking for t in TRAIN[:9]
    ]
