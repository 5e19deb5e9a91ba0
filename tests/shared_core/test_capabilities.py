"""Only models that can serve a query are asked, and unknown means allowed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared_core import Always, Candidate, ConfigError, ModelPool, NoEligibleModel, Query
from shared_core.policies.base import Matrix, Policy, Predictions
from shared_core.policies.cost_quality import CostQuality
from shared_core.query import ABILITIES
from shared_core.routers.predictive.base import PredictiveRouter

some_abilities = st.frozensets(st.sampled_from(sorted(ABILITIES)))
candidates = st.builds(
    Candidate,
    name=st.sampled_from("abc"),
    abilities=st.none() | some_abilities,
    unknown_abilities=some_abilities,
    context_window=st.none() | st.integers(1, 50),
    max_output=st.none() | st.integers(1, 50),
)
queries = st.builds(
    Query,
    st.just("hi"),
    needs=some_abilities,
    tokens=st.integers(0, 60),
    reserved_output=st.none() | st.integers(0, 60),
)


@given(candidates, queries)
def test_an_objection_is_a_known_fact(candidate: Candidate, query: Query) -> None:
    known = candidate.abilities is not None
    lacks = known and not query.needs <= candidate.abilities | candidate.unknown_abilities
    output = query.reserved_output or 0
    window, limit = candidate.context_window, candidate.max_output
    too_long = window is not None and query.input_tokens + output > window
    too_much = limit is not None and output > limit
    assert (candidate.objection(query) is not None) == (lacks or too_long or too_much)


@given(candidates, queries)
def test_unsure_is_what_is_neither_had_nor_lacked(candidate: Candidate, query: Query) -> None:
    unsure = set(candidate.unsure(query))
    assert unsure <= query.needs  # the size is known
    assert not unsure & (candidate.abilities or frozenset())
    if candidate.abilities is None:
        assert unsure == query.needs


@given(st.lists(candidates, min_size=1, max_size=3, unique_by=lambda c: c.name), queries)
def test_what_an_adapter_knows_binds_a_router_that_does_not(
    members: list[Candidate], query: Query
) -> None:
    knowing = ModelPool(members)
    router = Always([member.name for member in members])
    can = [name for name in knowing if knowing[name].objection(query) is None]
    if not can:
        with pytest.raises(NoEligibleModel) as caught:
            router.route(knowing.narrowed(query))
        assert all(name in str(caught.value) for name in knowing)
        return
    decision = router.route(knowing.narrowed(query))
    assert sorted(decision.ranking) == sorted(can)
    assert set(decision.rejected) == set(knowing) - set(can)


def test_what_is_set_on_a_candidate_wins_over_facts() -> None:
    facts = {"context_window": 100, "max_output": 10, "abilities": {"tools"},
             "unknown_abilities": {"pdf"}}  # fmt: skip
    bare = Candidate(name="a").completed(facts)
    assert (bare.context_window, bare.max_output) == (100, 10)
    assert (bare.abilities, bare.unknown_abilities) == ({"tools"}, {"pdf"})
    told = Candidate(name="a", abilities={"vision"}, context_window=7).completed(facts)
    assert (told.abilities, told.unknown_abilities) == ({"vision"}, frozenset())
    assert (told.context_window, told.max_output) == (7, 10)
    pool = ModelPool(["a", "b"]).completed({"a": facts})
    assert (pool["a"].max_output, pool["b"].max_output) == (10, None)


def test_the_error_names_every_model_and_why() -> None:
    pool = ModelPool(
        [
            Candidate(name="small", context_window=10),
            Candidate(name="short", max_output=5),
            Candidate(name="blind", abilities=frozenset()),
        ]
    )
    query = Query("hi", needs=frozenset({"vision"}), tokens=20, reserved_output=6)
    told = (
        "small 20 input tokens and 6 of output exceed its window of 10; "
        "short 6 output tokens exceed its limit of 5; blind lacks vision"
    )
    with pytest.raises(NoEligibleModel, match=told):
        Always(pool).route(query)


class Told(PredictiveRouter):
    """Expects more of the dear model."""

    def __init__(self, pool: ModelPool, policy: Policy) -> None:
        super().__init__(pool, policy)
        self.cost_unit_ = 1.0
        self.encoder_ = len  # type: ignore[assignment]

    def _fit(self, *_: Any) -> None:
        """Nothing to learn."""

    def _predict(self, vectors: Any) -> Any:
        return np.array([[0.5, 0.6]]), np.array([[0.0, 1.0]])


def test_the_cost_weight_of_one_query_replaces_the_policys() -> None:
    router = Told(ModelPool(["cheap", "dear"]), CostQuality(0.05))
    assert router.route("hi").model == "dear"
    decision = router.route(Query("hi", cost_weight=0.2))
    assert decision.model == "cheap"
    assert "quality - 0.2 x cost" in decision.reason
    with pytest.raises(ConfigError, match="cost_weight is a number from 0 up"):
        router.route(Query("hi", cost_weight=-1))


def test_a_policy_without_a_cost_weight_says_so() -> None:
    class Quality(Policy):
        def __call__(self, predictions: Predictions) -> Matrix:
            return predictions.quality

    router = Told(ModelPool(["cheap", "dear"]), Quality())
    assert router.route("hi").model == "dear"
    with pytest.raises(ConfigError, match="Quality has no cost_weight"):
        router.route(Query("hi", cost_weight=1))
