"""What providers tell of their tokens, and what cannot be read from it."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared_core.scorers.likelihood import certainty_of

HALF = math.log(0.5)


def token(logprob: Any, *top: Any) -> dict[str, Any]:
    return {"logprob": logprob, "top_logprobs": [{"logprob": value} for value in top]}


def test_both_are_means_over_the_tokens() -> None:
    logprob, entropy = certainty_of([token(HALF, HALF, HALF), token(0.0, 0.0)])
    assert logprob == pytest.approx(HALF / 2)
    assert entropy == pytest.approx(math.log(2) / 2)


def test_what_the_likeliest_leave_counts_as_one_more() -> None:
    assert certainty_of([token(HALF, HALF)])[1] == pytest.approx(math.log(2))


def test_objects_are_read_like_mappings() -> None:
    told = SimpleNamespace(logprob=HALF, top_logprobs=[SimpleNamespace(logprob=HALF)])
    assert certainty_of([told]) == certainty_of([token(HALF, HALF)])


@pytest.mark.parametrize(
    "told",
    [None, [], {}, "text", 3, {"content": []}, [None], ["x"], [{"logprob": None}],
     [{"logprob": "-1"}], [{"logprob": math.nan}], [token(-1.0), {}]],
)  # fmt: skip
def test_what_cannot_be_read_is_unknown_and_no_error(told: Any) -> None:
    assert certainty_of(told) == (None, None)


def test_the_entropy_takes_the_likeliest_tokens_of_every_token() -> None:
    assert certainty_of([token(-1.0), token(-1.0, -1.0)]) == (-1.0, None)
    assert certainty_of([token(-1.0, None)]) == (-1.0, None)


@given(st.lists(st.lists(st.floats(-50, 0), min_size=1, max_size=5), min_size=1, max_size=8))
def test_they_stay_in_range(tops: list[list[float]]) -> None:
    logprob, entropy = certainty_of([token(top[0], *top) for top in tops])
    assert logprob is not None
    assert entropy is not None
    assert logprob <= 0
    assert entropy >= 0
