from __future__ import annotations

import json

import pytest

from shared_core import Answer, Attempt, ConfigError, RoutingDecision
from shared_core.attempt import told_of


class RateLimited(Exception):
    """A provider's error."""

    def __init__(self, status: object) -> None:
        super().__init__("your key sk-secret has no quota left for 'my prompt'")
        self.status_code = status


def decision(**changes: object) -> RoutingDecision:
    """A decision between three models."""
    fields = {"ranking": ("a", "b", "c"), "router": "Some", "cause": "policy", "reason": "cheap"}
    return RoutingDecision(**{**fields, **changes})  # type: ignore[arg-type]


def test_the_model_is_the_first_of_the_ranking() -> None:
    assert decision().model == "a"


def test_a_decision_ranks_somebody() -> None:
    with pytest.raises(ConfigError, match="Some made a decision that ranks no model"):
        decision(ranking=())


def test_every_decision_has_its_own_id() -> None:
    ids = {decision().id for _ in range(100)}
    assert len(ids) == 100
    assert {len(one) for one in ids} == {16}


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (429, "m: RateLimited 429"),
        ("429", "m: RateLimited"),
        (None, "m: RateLimited"),
        (42, "m: RateLimited"),
        (4290, "m: RateLimited"),
    ],
)
def test_an_attempt_tells_the_kind_of_error_and_never_its_message(
    status: object, told: str
) -> None:
    attempt = Attempt("m", *told_of(RateLimited(status)))
    assert str(attempt) == told
    assert "sk-secret" not in repr(attempt)
    assert str(Attempt("m", *told_of(ValueError("x")))) == "m: ValueError"


def test_without_failures_the_decision_stays_itself() -> None:
    made = decision()
    assert made.after("a", ()) == made


def test_after_failover_the_answering_model_leads() -> None:
    made = decision(quality={"a": 0.9, "b": 0.5, "c": 0.2})
    failed = (Attempt("a", "Timeout"), Attempt("b", "RateLimited", 429))
    final = made.after("c", failed)
    assert final.ranking == ("c", "a", "b")
    assert (final.cause, final.failed) == ("failover", failed)
    assert final.reason == "cheap; then a: Timeout; b: RateLimited 429"
    assert (final.id, final.quality) == (made.id, made.quality)


def test_who_was_only_slower_has_not_failed() -> None:
    slower = Attempt("a", outcome="cancelled")
    assert decision().after("b", (slower,)).reason == "cheap; then b was quicker"
    assert decision(attempts=(slower,)).failed == ()


def test_a_model_that_answered_twice_is_told_of_by_its_last_answer() -> None:
    first, last = (Attempt("a", outcome="answered", cost=cost) for cost in (1.0, 2.0))
    made = decision(attempts=(first, last, Attempt("a", "Timeout"), Attempt("b", "Timeout")))
    assert made.attempt_of("a") is last
    assert made.attempt_of("b") is None
    assert made.usage["cost"] == 3.0


def test_the_record_is_json_and_holds_no_answer() -> None:
    made = decision(
        quality={"a": 0.123456789},
        cost={"a": 1e-7},
        rejected={"d": "lacks tools"},
        attempts=(Attempt("b", "Timeout", seconds=0.5),),
        answer=Answer("a", "the secret answer", value="the secret answer"),
    )
    record = json.loads(json.dumps(made.to_dict(), allow_nan=False))
    assert record == {
        "id": made.id,
        "model": "a",
        "ranking": ["a", "b", "c"],
        "router": "Some",
        "cause": "policy",
        "reason": "cheap",
        "quality": {"a": 0.123457},
        "cost": {"a": 1e-7},
        "rejected": {"d": "lacks tools"},
        "failed": ["b: Timeout"],
        "attempts": [
            {
                "model": "b",
                "error": "Timeout",
                "outcome": "failed",
                "purpose": "answer",
                "seconds": 0.5,
            }
        ],
        "usage": {"in_tokens": 0, "out_tokens": 0, "cost": 0.0},
    }
    assert "secret" not in repr(made)
