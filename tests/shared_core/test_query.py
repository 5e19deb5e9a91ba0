from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared_core import ConfigError, Query
from shared_core.query import ABILITIES, check_abilities, estimate_tokens

texts = st.text(st.characters(codec=None), max_size=200)  # lone surrogates among them


def test_a_text_alone_is_a_query() -> None:
    query = Query.of("hi")
    assert query == Query("hi")
    assert Query.of(query) is query
    assert (query.needs, query.tags, query.exclude, query.model) == (set(), set(), {}, None)


def test_needs_and_tags_become_sets() -> None:
    query = Query("hi", needs=["tools", "pdf"], tags=["personal"])  # type: ignore[arg-type]
    assert query.needs == frozenset({"tools", "pdf"})
    assert query.tags == frozenset({"personal"})


def test_a_query_cannot_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Query("hi").text = "ho"  # type: ignore[misc]


@pytest.mark.parametrize("text", [None, 7, b"hi", ["hi"]])
def test_only_a_string_is_a_text(text: object) -> None:
    with pytest.raises(ConfigError, match=f"not {type(text).__name__}"):
        Query(text)  # type: ignore[arg-type]


def test_unknown_abilities_are_named_beside_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"\['singing'\]; there are \['audio', 'pdf', .*'vision'"):
        Query("hi", needs=frozenset({"singing", "tools"}))


@pytest.mark.parametrize("field", ["needs", "tags"])
def test_a_string_is_no_set_of_letters(field: str) -> None:
    with pytest.raises(ConfigError, match="not the string 'tools'"):
        Query("hi", **{field: "tools"})  # type: ignore[arg-type]


@pytest.mark.parametrize("tokens", [-1, 1.5, "7", True])
def test_a_size_is_a_count(tokens: object) -> None:
    with pytest.raises(ConfigError, match="tokens"):
        Query("hi", tokens=tokens)  # type: ignore[arg-type]


@pytest.mark.parametrize("limit", ["deadline", "max_cost"])
@pytest.mark.parametrize("value", [0, -1.0, "5", float("nan"), float("inf"), True])
def test_a_limit_is_a_number_above_0(limit: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"{limit} is a number above 0"):
        Query("hi", **{limit: value})  # type: ignore[arg-type]


def test_a_cost_weight_is_a_number_from_0_up() -> None:
    assert Query("hi", cost_weight=0).cost_weight == 0
    for wrong in (-0.1, "0.1", float("nan"), float("inf"), True):
        with pytest.raises(ConfigError, match="cost_weight is a number from 0 up"):
            Query("hi", cost_weight=wrong)  # type: ignore[arg-type]


def test_the_size_is_the_callers_or_an_estimate() -> None:
    assert Query("hi", tokens=9000).input_tokens == 9000
    assert Query("hi", tokens=0).input_tokens == 0
    assert Query("hi").input_tokens == estimate_tokens("hi") == 1


@pytest.mark.parametrize(
    ("estimated", "read", "counted", "left"),
    [(20_000, 15_000, 10_000, 7500), (300, 300, 400, 400), (300, 0, 200, 0), (0, 0, 5, 0)],
)
def test_what_was_read_is_counted_along_with_the_whole(
    estimated: int, read: int, counted: int, left: int
) -> None:
    query = Query("hi", tokens=estimated, least_tokens=0, prefix_tokens=read).counted(counted)
    assert (query.input_tokens, query.sure_tokens, query.prefix_tokens) == (counted, counted, left)


@given(texts)
def test_the_estimate_is_at_least_one_and_grows_with_the_text(text: str) -> None:
    assert 1 <= estimate_tokens(text) <= estimate_tokens(text + "more")
    assert Query(text).input_tokens == estimate_tokens(text)


@given(st.frozensets(st.sampled_from(sorted(ABILITIES))))
def test_known_abilities_pass(abilities: frozenset[str]) -> None:
    assert check_abilities(sorted(abilities)) == abilities
