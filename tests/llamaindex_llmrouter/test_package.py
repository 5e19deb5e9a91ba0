"""What the package offers."""

from __future__ import annotations

import pytest

import llamaindex_llmrouter
import shared_core

OURS = sorted(set(dir(llamaindex_llmrouter)) - set(dir(shared_core)))


def test_the_core_is_offered_too() -> None:
    assert set(dir(shared_core)) < set(dir(llamaindex_llmrouter))
    assert OURS == [
        "RoutedSelection",
        "RouterLLM",
        "RouterSelector",
        "RouterToolRetriever",
        "RoutingDecisionEvent",
        "query_of",
        "router_query_engine",
        "router_retriever",
        "routing_record",
        "tool_router_query_engine",
    ]


@pytest.mark.parametrize("name", OURS)
def test_every_name_is_there_and_says_what_it_is_for(name: str) -> None:
    assert getattr(llamaindex_llmrouter, name).__doc__
