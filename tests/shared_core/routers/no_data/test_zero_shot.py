"""ZeroShotRouter goes by the words and topics that a query shares with a description."""

from __future__ import annotations

import pytest

from shared_core import Candidate, ZeroShotRouter

SMALL = Candidate(
    name="small", input_price=0.1, output_price=0.2, description="For the quick facts and the chat."
)
BIG = Candidate(name="big", input_price=5, output_price=20, description="Deep reasoning; medicine.")


@pytest.mark.parametrize("query", ["reasoning", "Reasoning?", "medicine", "deep!"])
def test_punctuation_hides_no_word(query: str) -> None:
    decision = ZeroShotRouter([SMALL, BIG]).route(query)
    assert decision.model == "big"
    assert "fits best" in decision.reason


@pytest.mark.parametrize("query", ["the and for", "", "zzzz", "🙂"])
def test_where_nothing_fits_it_takes_the_cheapest_and_says_so(query: str) -> None:
    decision = ZeroShotRouter([BIG, SMALL]).route(query)
    assert decision.model == "small"
    assert decision.reason.startswith("no description fits, so the cheapest")
