"""The stack as a whole, and its verdict."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_world import POOL, outcomes, texts

from shared_core import (
    AutoRouter,
    ConfigError,
    DataError,
    OutcomeTable,
    Router,
)
from shared_core.routers.predictive.trial import member_class

MEMBERS = ("LinearRouter", "ClusterRouter")


@pytest.fixture(scope="module")
def auto() -> AutoRouter:
    return AutoRouter(POOL, members=MEMBERS).fit(outcomes())


def test_where_queries_tell_who_is_good_it_says_route(auto: AutoRouter, tmp_path: Path) -> None:
    assert auto.routes_
    assert auto.verdict_.startswith("route:")
    assert "did not show" not in auto.route(texts(range(1))[0]).reason
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
    assert router.route(rows[0]["query"]).reason.endswith("training did not show that routing pays")


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


def test_a_router_that_takes_more_than_a_pool_is_left_out() -> None:
    router = AutoRouter(POOL, members=("BERTRouter", "LinearRouter")).fit(outcomes())
    assert "BERTRouter takes model too" in router.leaderboard_[0]["left_out"]


@pytest.mark.parametrize("budget", [-1.0, float("nan")])
def test_a_budget_is_a_time(budget: float) -> None:
    with pytest.raises(ConfigError, match="time_budget is a number from 0 up"):
        AutoRouter(POOL, time_budget=budget)


@pytest.mark.filterwarnings("error")
def test_a_model_that_was_hardly_ever_asked_is_taken_for_an_average_one() -> None:
    """Where a fold has all that is known of it, the others have nothing to go by."""
    whole = outcomes()
    score, cost = whole.score.copy(), whole.cost.copy()
    score[1:, 0] = cost[1:, 0] = np.nan
    seldom = OutcomeTable(whole.models, whole.queries, {"score": score, "cost": cost})
    router = AutoRouter(POOL).fit(seldom)
    told = router.predict(list(whole.queries[:50]))
    assert np.isfinite(told.quality).all()
    assert np.isfinite(told.cost).all()
    assert np.isfinite(router.held_out.predicted.quality).all()
    assert "of whose outcomes are known" in router.verdict_


def test_one_text_for_all_rows_is_nothing_to_judge_by() -> None:
    whole = outcomes()
    same = OutcomeTable(whole.models, ("hello",) * len(whole), whole.measures)
    with pytest.raises(DataError, match="same text"):
        AutoRouter(POOL, members=MEMBERS).fit(same)
