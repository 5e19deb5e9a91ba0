"""The stack, its verdict, the guard, and models added without retraining."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_world import HELD_OUT, POOL, TRAIN, outcomes, score, texts

from shared_core import (
    AutoRouter,
    Candidate,
    ConfigError,
    CostQuality,
    DataError,
    GuardedRouter,
    LinearRouter,
    OutcomeTable,
    Router,
    choose_anchors,
)
from shared_core.routers.predictive import ridge, stacking
from shared_core.routers.predictive.auto import member_class

MEMBERS = ("LinearRouter", "ClusterRouter")


@pytest.fixture(scope="module")
def auto() -> AutoRouter:
    return AutoRouter(POOL, members=MEMBERS).fit(outcomes())


def test_where_queries_tell_who_is_good_it_says_route(auto: AutoRouter, tmp_path: Path) -> None:
    assert auto.routes_
    assert auto.verdict_.startswith("route:")
    assert [note["router"] for note in auto.leaderboard_] == [*MEMBERS, "stack"]
    loaded = Router.load(auto.save(tmp_path / "auto"))
    assert isinstance(loaded, AutoRouter)
    assert loaded.leaderboard_ == auto.leaderboard_
    assert loaded.held_out is None


def test_where_they_tell_nothing_it_says_do_not_route() -> None:
    rng = np.random.default_rng(0)
    rows = [
        {"query": text, "score.a": float(rng.random() < 0.6), "score.b": float(rng.random() < 0.5),
         "cost.a": 1.0, "cost.b": 1.0}
        for text in texts(range(60))
    ]  # fmt: skip
    router = AutoRouter(["a", "b"], members=MEMBERS).fit(OutcomeTable.from_rows(rows))
    assert not router.routes_
    assert router.verdict_.startswith("do not route, use a")


def test_a_member_that_cannot_be_fitted_is_told_and_no_time_means_one_member() -> None:
    from shared_core import FunctionEncoder

    encoder = FunctionEncoder(lambda found: [[len(t), 1.0] for t in found], "lengths")
    router = AutoRouter(POOL, encoder=encoder, members=("NgramRouter", "LinearRouter"))
    told = router.fit(outcomes()).leaderboard_
    assert "n-grams" in told[0]["left_out"]
    hurried = AutoRouter(POOL, members=MEMBERS, time_budget=0.0).fit(outcomes())
    assert hurried.leaderboard_[1]["left_out"] == "no time left"


@pytest.mark.parametrize("name", ["Router", "nothing", "KNN"])
def test_only_learned_routers_are_members(name: str) -> None:
    with pytest.raises(ConfigError, match="no learned router"):
        member_class(name)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000))
def test_stack_weights_are_never_negative_and_find_the_truth(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth, noise = rng.normal(size=(200, 3)), rng.normal(size=(200, 3))
    found = stacking.weights([truth, noise, -truth], truth, np.zeros(3))
    assert (found >= 0).all()
    assert found[0] == pytest.approx(1, abs=0.05)
    assert found[2] == pytest.approx(0, abs=0.05)


def test_a_query_that_is_hard_for_all_has_no_advantage() -> None:
    hard = np.array([[0.1, 0.3], [0.7, 0.9]])
    np.testing.assert_allclose(stacking.advantage(hard), [[-0.1, 0.1], [-0.1, 0.1]])


def test_the_ridge_is_least_squares_without_a_penalty() -> None:
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(50, 3)), rng.normal(size=(3, 2))
    np.testing.assert_allclose(ridge.fit(x, x @ w + 1, 1e-9).weights, w, atol=1e-6)


def test_the_guard_falls_back_and_says_so() -> None:
    inner = LinearRouter(POOL, policy=CostQuality(0.0), alpha=3.0)
    guard = GuardedRouter(inner, familiarity=0.9999).fit(outcomes())
    decision = guard.route("xylophones, entirely unlike anything that was trained on")
    assert decision.model == "large"
    trusting = GuardedRouter(LinearRouter(POOL, alpha=3.0), familiarity=-1.0, caution=0.0)
    assert trusting.fit(outcomes()).route(HELD_OUT[0]).model == "sums"
    told = {guard.route(text).cause for text in HELD_OUT}
    assert "guard" in told
    assert any("unlike the training queries" in guard.route(text).reason for text in HELD_OUT)


def test_a_new_model_needs_anchors_and_no_retraining(tmp_path: Path) -> None:
    old = outcomes(TRAIN, ["sums", "poems", "large"])
    pool = [POOL[name] for name in old.models]
    router = LinearRouter(pool, alpha=3.0).fit(old)
    anchors = outcomes([TRAIN[i] for i in choose_anchors(old, router.encoder_, 60)])
    found = router.add_candidate(POOL["code"], anchors)
    assert 0 <= found.error < 0.2
    assert router.pool.names == ("sums", "poems", "large", "code")
    loaded = LinearRouter.load(router.save(tmp_path / "router"))
    for text in HELD_OUT:
        quality = loaded.route(text).quality
        assert quality["code"] == pytest.approx(score("code", text), abs=0.45)


def test_too_few_anchors_are_refused() -> None:
    router = LinearRouter([POOL["sums"], POOL["large"]], alpha=3.0)
    router.fit(outcomes(TRAIN, ["sums", "large"]))
    with pytest.raises(DataError, match="it takes 20 or more"):
        router.add_candidate(POOL["code"], outcomes(TRAIN[:9]))
    with pytest.raises(DataError, match="no outcomes of"):
        router.add_candidate(Candidate(name="unheard"), outcomes(TRAIN))
