from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared_core import Always, Candidate, ConfigError, ModelPool, NoEligibleModel, PoolError, Query

prices = st.none() | st.floats(0, 1000)
candidates = st.builds(
    Candidate,
    name=st.text(min_size=1, max_size=20),
    input_price=prices,
    cached_input_price=prices,
    output_price=prices,
    context_window=st.none() | st.integers(1, 10**7),
    abilities=st.none() | st.frozensets(st.sampled_from(["tools", "vision", "pdf"])),
    latency=st.none() | st.floats(0, 100),
    tags=st.frozensets(st.text(max_size=5), max_size=3),
)


def test_a_call_costs_what_its_tokens_cost() -> None:
    model = Candidate(name="m", input_price=2.0, cached_input_price=0.5, output_price=10.0)
    assert model.cost(1_000_000, 0) == 2.0
    assert model.cost(0, 1_000_000) == 10.0
    assert model.cost(1_000_000, 100_000, cached_tokens=400_000) == pytest.approx(2.4)
    assert model.cost(100_000, 0, cached_tokens=400_000) == model.cost(
        100_000, 0, cached_tokens=100_000
    )


def test_cached_tokens_cost_the_full_price_where_no_other_is_known() -> None:
    model = Candidate(name="m", input_price=2.0, output_price=10.0)
    assert model.cost(1000, 10, cached_tokens=500) == model.cost(1000, 10)


@pytest.mark.parametrize("known", [{}, {"input_price": 1.0}, {"output_price": 1.0}])
def test_a_cost_without_both_prices_is_unknown(known: dict[str, float]) -> None:
    assert Candidate(name="m", **known).cost(1, 1) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"input_price": -1},
        {"output_price": float("nan")},
        {"cached_input_price": float("inf")},
        {"context_window": 0},
        {"abilities": {"singing"}},
        {"abilities": "tools"},
        {"tags": "personal"},
        {"latency": -1},
        {"price": 3},
    ],
    ids=str,
)
def test_candidates_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Candidate(**{"name": "m", **wrong})  # type: ignore[arg-type]
    with pytest.raises(PoolError, match="not a candidate"):
        ModelPool([{"name": "m", **wrong}])


@pytest.mark.parametrize(
    ("query", "objection"),
    [
        (Query("hi"), None),
        (Query("hi", needs=frozenset({"tools"})), None),
        (Query("hi", needs=frozenset({"tools", "vision", "pdf"})), "lacks pdf, vision"),
        (Query("hi", tokens=100), None),
        (Query("hi", tokens=101), "101 input tokens exceed its window of 100"),
        (Query("x" * 301), "101 input tokens exceed its window of 100"),
        (Query("hi", tags=frozenset({"personal"})), None),
        (Query("hi", tags=frozenset({"personal", "secret"})), "not cleared for secret"),
        (Query("hi", exclude={"m": "its budget is spent"}), "its budget is spent"),
        (Query("hi", exclude={"other": "why"}), None),
    ],
)
def test_a_model_says_why_it_cannot_serve(query: Query, objection: str | None) -> None:
    model = Candidate(name="m", abilities={"tools"}, context_window=100, tags={"personal"})
    assert model.objection(query) == objection


def test_what_is_unknown_excludes_nobody() -> None:
    query = Query("hi", needs=frozenset({"tools", "pdf"}), tokens=10**9)
    assert Candidate(name="m").objection(query) is None


def test_abilities_of_which_nobody_knows_are_told_and_exclude_nobody() -> None:
    model = Candidate(name="m", abilities={"tools"}, unknown_abilities={"tools", "vision"})
    query = Query("hi", needs=frozenset({"tools", "vision"}))
    assert model.objection(query) is None
    assert model.unsure(query) == ("vision",)
    assert model.objection(Query("hi", needs=frozenset({"pdf"}))) == "lacks pdf"


def test_what_a_pool_knows_against_its_models_joins_what_the_query_says() -> None:
    pool = ModelPool([Candidate(name="short", max_output=100), "other"])
    asked = Query("hi", reserved_output=100, exclude={"other": "is down"})
    assert pool.narrowed(asked).exclude == {"other": "is down"}
    longer = pool.narrowed(replace(asked, reserved_output=101, exclude={"third": "is out"}))
    told = "101 output tokens exceed its limit of 100"
    assert longer.exclude == {"third": "is out", "short": told}


def test_facts_fill_what_is_not_set_and_nothing_else() -> None:
    facts = {"input_price": 1.0, "context_window": 99, "unknown_abilities": {"pdf"}}
    given = Candidate(name="a", input_price=None, context_window=10, abilities={"tools"})
    full, bare = ModelPool([given, "b"]).completed({"a": facts, "b": facts}).values()
    assert (full.input_price, full.context_window, full.unknown_abilities) == (1.0, 10, set())
    assert (bare.context_window, bare.unknown_abilities) == (99, {"pdf"})


def test_a_pool_is_an_ordered_mapping() -> None:
    pool = ModelPool(["b", {"name": "a", "input_price": 1}, Candidate(name="c")])
    assert pool.names == tuple(pool) == ("b", "a", "c")
    assert pool["a"].input_price == 1
    assert "c" in pool
    assert "d" not in pool
    assert len(pool) == 3
    assert repr(pool) == "ModelPool(b, a, c)"
    assert pool == ModelPool({"b": {}, "a": {"input_price": 1}, "c": Candidate(name="c")})
    assert ModelPool(pool) == pool
    assert ModelPool({"a": object(), "b": object()}).names == ("a", "b")


def test_pools_are_equal_when_their_candidates_are() -> None:
    assert ModelPool(["a", "b"]) == ModelPool([Candidate(name="a"), "b"])
    assert hash(ModelPool(["a", "b"])) == hash(ModelPool(["a", "b"]))
    assert ModelPool(["a", "b"]) != ModelPool(["b", "a"])
    assert ModelPool(["a"]) != {"a": Candidate(name="a")}


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ([], "the pool is empty"),
        (["a", "b", "a"], "in the pool twice: a"),
        ([7], "not a candidate: 7"),
        ([None], "not a candidate: None"),
        (["a", ""], "not a candidate: ''"),
        ("abc", "a list of candidates, not the string 'abc'"),
        (None, "a list of candidates, not the NoneType None"),
    ],
)
def test_pools_that_make_no_sense_are_refused(members: list[str], told: str) -> None:
    with pytest.raises(PoolError, match=told):
        ModelPool(members)


def test_a_name_that_is_not_there_is_named_beside_those_that_are() -> None:
    pool = ModelPool(["a", "b"])
    with pytest.raises(PoolError, match="no model 'c' in the pool; there are a, b"):
        pool["c"]
    assert pool.get("c") is None
    assert pool.get("a") == Candidate(name="a")


def test_nobody_can_serve_tells_every_objection() -> None:
    pool = ModelPool([Candidate(name="a", abilities=set()), Candidate(name="b", context_window=1)])
    query = Query("hello", needs=frozenset({"tools"}))
    with pytest.raises(NoEligibleModel, match=r"a lacks tools; b 2 input tokens exceed its window"):
        pool.eligible(query)


def test_where_only_an_estimate_is_against_them_the_roomiest_is_asked() -> None:
    pool = ModelPool(
        [
            Candidate(name="a", context_window=900),
            Candidate(name="b", context_window=1000),
            Candidate(name="blind", context_window=2000, abilities=set()),
        ]
    )
    text = "word " * 1000
    assert pool.eligible(Query(text, needs=frozenset({"vision"})))[0] == ("b",)
    assert "1667 tokens" in pool["b"].unsure(Query(text))[0]
    assert pool.eligible(Query(text))[0] == ("blind",)
    assert Always(pool).route(Query(text, model="b")).model == "b"
    for sure in (Query(text, tokens=2001), Query(text * 3), Query("hi", reserved_output=2000)):
        with pytest.raises(NoEligibleModel):
            pool.eligible(sure)


def test_eligible_keeps_the_order_and_says_who_is_out() -> None:
    pool = ModelPool(["c", Candidate(name="b", context_window=1), "a"])
    assert pool.eligible(Query("hello")) == (
        ("c", "a"),
        {"b": "2 input tokens exceed its window of 1"},
    )


def test_by_price_counts_a_token_in_and_one_out() -> None:
    pool = ModelPool(
        [
            Candidate(name="dear", input_price=1, output_price=9),
            Candidate(name="cheap", input_price=0, output_price=0),
            Candidate(name="middle", input_price=3, output_price=1),
            Candidate(name="more", input_price=0.5, output_price=4),
        ]
    )
    assert pool.by_price() == ("cheap", "middle", "more", "dear")
    with pytest.raises(PoolError, match="no price known for a, b"):
        ModelPool(["a", "b"]).by_price()


@given(st.lists(candidates, min_size=1, max_size=4, unique_by=lambda candidate: candidate.name))
def test_a_pool_survives_json(members: list[Candidate]) -> None:
    pool = ModelPool(members)
    assert ModelPool(json.loads(json.dumps(pool.to_list()))) == pool


def test_a_file_holds_a_list_or_an_object(tmp_path: Path) -> None:
    expected = ModelPool([Candidate(name="a", input_price=1), Candidate(name="b")])
    as_list = tmp_path / "list.json"
    as_list.write_text('[{"name": "a", "input_price": 1}, "b"]', encoding="utf-8")
    as_object = tmp_path / "object.json"
    as_object.write_text('{"a": {"input_price": 1, "licence": "MIT"}, "b": {}}', encoding="utf-8")
    assert ModelPool.from_json(as_list) == ModelPool.from_json(str(as_object)) == expected


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"7", b'"a"', b'{"a": 7}', b"[]", b"{}", b'[{"name": "a", "price": 1}]',
        b"\xff\xfe", b'[{"name": "a", "input_price": NaN}]', b"[" * 200_000,
    ],
    ids=lambda content: repr(content[:30]),
)  # fmt: skip
def test_broken_files_are_told(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "pool.json"
    path.write_bytes(content)
    with pytest.raises(PoolError):
        ModelPool.from_json(path)


def test_a_misspelt_field_of_a_file_is_no_description(tmp_path: Path) -> None:
    path = tmp_path / "pool.json"
    path.write_text('{"a": {"inputprice": 1}}', encoding="utf-8")
    with pytest.raises(PoolError, match="a has the field 'inputprice': if it is input_price"):
        ModelPool.from_json(path)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('{"a": {}, "b": {}, "a": {"input_price": 1}}', "there twice: a"),
        ('{"a": {"input_price": 1, "input_price": 2}}', "there twice: input_price"),
        ('{"a": {"input_cost_per_token": 1e-6}}', "'input_cost_per_token' and no price"),
        ('{"a": {"pricing": {"prompt": "0.1"}}}', "'pricing' and no price: give prices as"),
    ],
)
def test_what_a_file_says_of_prices_is_not_lost(content: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "pool.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(PoolError, match=told):
        ModelPool.from_json(path)


def test_words_on_prices_and_prices_beside_ours_are_descriptions(tmp_path: Path) -> None:
    path = tmp_path / "pool.json"
    path.write_text('{"a": {"price_source": "list"}, "b": {"input_price": 1, "old_cost": 2}}')
    assert ModelPool.from_json(path).names == ("a", "b")


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "pool.json"
    path.write_text('{"a": {"input_price": 1}}', encoding="utf-8-sig")
    assert ModelPool.from_json(path)["a"].input_price == 1


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(PoolError, match=r"cannot read a pool from .*nowhere\.json"):
        ModelPool.from_json(tmp_path / "nowhere.json")


def test_the_abilities_there_are_come_from_one_place() -> None:
    with pytest.raises(ConfigError, match="unknown abilities"):
        Query("hi", needs=frozenset({"flying"}))
    with pytest.raises(PoolError, match="unknown abilities"):
        ModelPool([{"name": "a", "abilities": ["flying"]}])
    with pytest.raises(PoolError, match="a list of names, not the string 'tools'"):
        ModelPool([{"name": "a", "abilities": "tools"}])
