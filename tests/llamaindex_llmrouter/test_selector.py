"""RouterSelector always selects among the choices on offer, and says why."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llama_index.core.base.base_selector import BaseSelector
from llama_index.core.schema import QueryBundle
from llama_index.core.tools import ToolMetadata

from llamaindex_llmrouter import (
    Always,
    Candidate,
    ConfigError,
    FunctionEncoder,
    KNNRouter,
    ModelPool,
    NoEligibleModel,
    OutcomeTable,
    Random,
    RoutedSelection,
    RouterSelector,
)

CHOICES = [
    ToolMetadata(name="sql", description="tables"),
    ToolMetadata(name="docs", description="texts"),
    ToolMetadata(name="web", description="anything else"),
]
POOL = ["docs", "sql", "web"]


def learned(embed: Any) -> KNNRouter:
    """Learned that questions that count go to tables and those that explain to texts."""
    rows = [
        {"query": text, "score.docs": docs, "score.sql": sql, "score.web": 0.1}
        for text, docs, sql in (
            ("count users", 0.0, 1.0),
            ("count orders", 0.0, 1.0),
            ("explain users", 1.0, 0.0),
            ("explain orders", 1.0, 0.0),
        )
    ]
    router = KNNRouter(POOL, encoder=FunctionEncoder(embed, "test"), k=1, shrinkage=0.0)
    return router.fit(OutcomeTable.from_rows(rows))


def by_verb(texts: list[str]) -> list[list[float]]:
    return [[float("count" in text), float("explain" in text), 0.01] for text in texts]


async def both(selector: BaseSelector, choices: Any, query: Any) -> Any:
    """The selection, the same sync and async but for its id."""
    results = (selector.select(choices, query), await selector.aselect(choices, query))
    dumps = [result.model_dump() for result in results]
    for dump in dumps:
        dump["decision"].pop("id")
    assert dumps[0] == dumps[1]
    return results[0]


async def test_a_learned_selection_with_its_decision() -> None:
    selector = RouterSelector(learned(by_verb))
    counted = await both(selector, CHOICES, "count the users")
    explained = await both(selector, CHOICES, QueryBundle("explain the users"))
    assert (counted.ind, explained.ind) == (0, 1)
    assert isinstance(counted, RoutedSelection)
    assert counted.reason == counted.decision["reason"]
    assert counted.decision["model"] == "sql"
    assert counted.decision["router"] == "KNNRouter"


async def test_choices_can_be_strings() -> None:
    assert (await both(RouterSelector(Always(POOL, "web")), POOL, "hi")).ind == 2


async def test_choices_can_change_from_call_to_call() -> None:
    selector = RouterSelector(Always(POOL, "sql"))
    assert (await both(selector, CHOICES, "hi")).ind == 0
    assert (await both(selector, CHOICES[::-1], "hi")).ind == 2
    without = await both(selector, CHOICES[1:], "hi")
    assert without.ind == 0
    assert without.decision["rejected"] == {"sql": "is not among the choices"}


async def test_several_outputs_come_best_first() -> None:
    result = await both(RouterSelector(learned(by_verb), max_outputs=2), CHOICES, "count users")
    assert result.inds == [0, 2]
    assert result.reasons[0] == result.decision["reason"]
    assert result.reasons[1] == "number 2 of the ranking, with 0.10"
    assert result.scores == pytest.approx([1.0, 0.1])
    assert len((await both(RouterSelector(Always(POOL), max_outputs=9), CHOICES, "hi")).inds) == 3


async def test_a_default_is_taken_visibly() -> None:
    pool = ModelPool([Candidate(name=name, context_window=5) for name in POOL])
    query = "far longer than any of them can read"
    result = await both(RouterSelector(Always(pool), default="docs"), CHOICES, query)
    assert result.ind == 1
    assert result.reason.startswith("docs by default: no model can serve this query: docs")
    assert result.decision["cause"] == "default"
    for selector in (RouterSelector(Always(pool)), RouterSelector(Always(pool), default="docs")):
        with pytest.raises(NoEligibleModel):
            selector.select(CHOICES[:1], query)
        with pytest.raises(NoEligibleModel):
            await selector.aselect(CHOICES[:1], query)


@pytest.mark.parametrize(
    ("choices", "told"),
    [
        (["sql", "mail"], "the choices are sql, mail; the router knows docs, sql, web, not mail"),
        ([], "there are no choices to select from"),
        ([ToolMetadata(name="sql", description=d) for d in "xy"], "several choices are called sql"),
    ],
)
def test_choices_that_make_no_sense(choices: Any, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        RouterSelector(Always(POOL)).select(choices, "hi")


def test_options_that_make_no_sense() -> None:
    with pytest.raises(ConfigError, match="max_outputs is a whole number from 1 up, not 0"):
        RouterSelector(Always(POOL), max_outputs=0)
    with pytest.raises(ConfigError, match="the default 'mail' is none of docs, sql, web"):
        RouterSelector(Always(POOL), default="mail")
    with pytest.raises(TypeError, match="max_output"):
        RouterSelector(Always(POOL), max_output=2)  # type: ignore[call-arg]


def test_there_are_no_prompts() -> None:
    selector = RouterSelector(Always(POOL))
    assert selector.get_prompts() == {}
    selector.update_prompts({})


def test_a_selection_is_one_event(heard: Any) -> None:
    result = RouterSelector(Always(POOL)).select(CHOICES, "hi")
    (event,) = heard.named("RoutingDecisionEvent")
    assert event.decision == result.decision  # type: ignore[attr-defined]


names = st.text(min_size=1, max_size=8)


@given(
    pool=st.lists(names, min_size=1, max_size=6, unique=True),
    query=st.text(),
    max_outputs=st.integers(1, 8),
    as_strings=st.booleans(),
    data=st.data(),
)
def test_the_index_is_always_in_range(
    pool: list[str], query: str, max_outputs: int, as_strings: bool, data: st.DataObject
) -> None:
    offered = data.draw(st.lists(st.sampled_from(pool), min_size=1, unique=True))
    choices = offered if as_strings else [ToolMetadata("about", name) for name in offered]
    result = RouterSelector(Random(pool), max_outputs=max_outputs).select(choices, query)
    assert all(0 <= index < len(offered) for index in result.inds)
    assert len(set(result.inds)) == len(result.inds) == min(max_outputs, len(offered))
    assert offered[result.inds[0]] == result.decision["model"]  # type: ignore[attr-defined]


async def test_a_slow_encoder_does_not_block_the_event_loop() -> None:
    def slow(texts: list[str]) -> list[list[float]]:
        time.sleep(0.3)
        return by_verb(texts)

    selector = RouterSelector(learned(slow))
    ticks: list[int] = []

    async def tick() -> None:
        while True:
            ticks.append(1)
            await asyncio.sleep(0.01)

    ticking = asyncio.create_task(tick())
    await selector.aselect(CHOICES, "count them")
    ticking.cancel()
    assert len(ticks) >= 8
