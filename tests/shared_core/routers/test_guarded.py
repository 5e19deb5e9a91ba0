"""The guard falls back where choosing did harm in domains that were left out."""

from __future__ import annotations

import numpy as np
import pytest
from small_world import HELD_OUT, POOL, outcomes

from shared_core import ConfigError, CostQuality, GuardedRouter, LinearRouter, OutcomeTable
from shared_core.routers import guarded


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


def _table(whims: bool) -> OutcomeTable:
    """Two models and four domains; by whim, who is better turns from one to the next."""
    rng, rows = np.random.default_rng(0), []
    for domain in range(4):
        for number in range(60):
            sums = number % 2 == 0
            text = f"add {number} and {domain}" if sums else f"rhyme on city {number} of {domain}"
            wins = (sums != bool(domain % 2)) if whims else sums
            rows.append({
                "query": f"{text} domain{domain} " + "x" * int(rng.integers(1, 5)),
                "dataset": f"domain{domain}", "score.a": float(wins), "score.b": float(not wins),
                "cost.a": 1.0, "cost.b": 1.0,
            })  # fmt: skip
    return OutcomeTable.from_rows(rows)


def _guard(whims: bool) -> GuardedRouter:
    return GuardedRouter(LinearRouter(["a", "b"], policy=CostQuality(0.0), alpha=1.0)).fit(
        _table(whims)
    )


def test_what_holds_in_every_domain_is_trusted_in_a_new_one() -> None:
    guard = _guard(whims=False)
    assert guard.route("add 7 and 9 domain9").model == "a"
    assert guard.route("rhyme on city 8 of 9 domain9").model == "b"


def test_a_domain_s_whim_is_trusted_in_that_domain_only() -> None:
    guard = _guard(whims=True)
    assert guard.route("add 7 and 1 domain1").model == "b"
    assert guard.route("rhyme on city 8 of 1 domain1").model == "a"
    near = guarded._familiarity(guard.router.encoder_(["what is love"]), guard.vectors_)
    assert near[0] < guard.familiarity_


def test_thresholds_lie_between_harm_and_gain() -> None:
    rows = np.ones(100)
    unseen, seen = guarded._Gains(0.2 * rows, rows, -rows), guarded._Gains(0.5 * rows, rows, rows)
    familiarity, _ = guarded._thresholds([unseen], [seen], 0.003, 1.0)
    assert 0.2 < familiarity <= 0.5
    alike = guarded._Gains(0.5 * rows, rows, -rows)
    assert guarded._thresholds([alike], [seen], 0.003, 1.0)[0] > 1.0


@pytest.mark.parametrize("wrong", [{"tolerance": -0.1}, {"caution": -1.0}])
def test_numbers_that_make_no_sense(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="from 0 up"):
        GuardedRouter(LinearRouter(POOL), **wrong)
