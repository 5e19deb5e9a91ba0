"""What importing the package costs, and what it offers."""

from __future__ import annotations

import subprocess
import sys

import pytest

import llamaindex_llmrouter
import shared_core

HEAVY = ("torch", "transformers", "langchain_core", "langchain_llmrouter")


def loaded_after(code: str) -> set[str]:
    """Top-level modules that a fresh interpreter has loaded after running the code."""
    show = "import sys; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{show}"], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_importing_loads_no_framework() -> None:
    loaded = loaded_after("import llamaindex_llmrouter")
    assert loaded.isdisjoint({*HEAVY, "llama_index", "numpy"})


def test_using_it_loads_llama_index_only() -> None:
    loaded = loaded_after("from llamaindex_llmrouter import RouterLLM, RouterSelector, KNNRouter")
    assert "llama_index" in loaded
    assert loaded.isdisjoint(HEAVY)


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
