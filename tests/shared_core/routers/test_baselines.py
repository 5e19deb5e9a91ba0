from __future__ import annotations

from collections import Counter

import pytest
from small_world import HELD_OUT, POOL, TRAIN, outcomes, score

from shared_core import (
    Always,
    Candidate,
    Cheapest,
    CostQuality,
    DataError,
    ModelPool,
    Oracle,
    OutcomeTable,
    PoolError,
    Query,
    Random,
    Router,
    StickyRouter,
    UnknownModel,
    ZeroShotRouter,
)


def test_always_takes_the_same_and_explains_when_it_cannot() -> None:
    router = Always(POOL, "code")
    assert router.route("hi").ranking == ("code", "sums", "poems", "large")
    assert router.route("hi").reason == "always code"
    decision = router.route(Query("hi", tokens=9000))
    assert decision.ranking == ("poems", "large")
    assert decision.reason == (
        "code 9000 input tokens exceed its window of 8000: poems is the next of the pool"
    )
    assert Always(POOL).route("hi").model == "sums"


@pytest.mark.parametrize("parent", [Always, Cheapest, Random, StickyRouter, ZeroShotRouter])
def test_a_subclass_decides_in_its_own_name(parent: type[Router]) -> None:
    mine = type("Mine", (parent,), {})
    router = mine(Always(POOL), "conversation") if parent is StickyRouter else mine(POOL)
    assert router.route(Query("hi", previous="code")).router == "Mine"


def test_always_somebody_who_is_not_there() -> None:
    with pytest.raises(UnknownModel, match="no model 'nobody'"):
        Always(POOL, "nobody").route("hi")


def test_cheapest_goes_by_price_and_needs_prices() -> None:
    dearest_first = ModelPool(list(POOL.values())[::-1])
    assert Cheapest(dearest_first).route("hi").ranking == ("sums", "poems", "code", "large")
    with pytest.raises(PoolError, match="no price known for b"):
        Cheapest([Candidate(name="a", input_price=1, output_price=1), "b"]).route("hi")


def test_random_spreads_and_depends_on_text_and_seed() -> None:
    texts = [f"text {i}" for i in range(400)]
    chosen = Counter(Random(POOL).route(text).model for text in texts)
    assert set(chosen) == set(POOL)
    assert all(60 < n < 140 for n in chosen.values())
    again = [Random(POOL).route(text).ranking for text in texts]
    assert again == [Random(POOL, seed=0).route(text).ranking for text in texts]
    assert again != [Random(POOL, seed=1).route(text).ranking for text in texts]


def test_the_oracle_knows_what_it_was_told() -> None:
    router = Oracle(POOL).fit(outcomes())
    for text in TRAIN[:6]:
        decision = router.route(text)
        assert decision.quality == {model: pytest.approx(score(model, text)) for model in POOL}
        assert score(decision.model, text) == 1.0
    assert Oracle(POOL, CostQuality(1e9)).fit(outcomes()).route(TRAIN[1]).model == "sums"
    with pytest.raises(DataError, match="knows no outcome of this query"):
        router.route(HELD_OUT[0])


def test_of_a_query_told_twice_the_oracle_knows_the_first_outcome() -> None:
    rows = [{"query": "x", "score.a": 1, "score.b": 0}, {"query": "x", "score.a": 0, "score.b": 1}]
    assert Oracle(["a", "b"]).fit(OutcomeTable.from_rows(rows)).route("x").model == "a"


def test_the_oracle_counts_an_unknown_outcome_as_bad() -> None:
    rows = [{"query": "x", "score.a": None, "score.b": 0.1}]
    assert Oracle(["a", "b"]).fit(OutcomeTable.from_rows(rows)).route("x").model == "b"
