"""Answers of the form that was asked for, and those that say what is known to be right."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest

from shared_core import Answer, ConfigError, Query, ReferenceMatch, ValidJSON, ValidToolCalls
from shared_core.scorers.base import with_calls

QUERY = Query("Add 1 and 2.")
NUMBERS = {"type": "object", "required": ["a"], "properties": {"a": {"type": "number"}}}
GOOD, BAD = ("add", {"a": 1}), ("add", {"b": 1})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1}', 1),
        (' {"a": 1}\n', 1),
        ('```json\n{"a": 1}\n```', 1),
        ('```\n{"a": 1}\n```', 1),
        ('{"a": "one"}', 0),
        ("{}", 0),
        ("null", 0),
        ("It is 1.", 0),
        ("", 0),
        ("[" * 100_000, 0),
    ],
    ids=lambda given: repr(given)[:20],
)
def test_json_fits_its_schema_or_does_not(text: str, expected: float) -> None:
    assert ValidJSON(NUMBERS)(QUERY, Answer("m", text)) == expected


def test_any_json_will_do_where_no_schema_says_otherwise() -> None:
    assert ValidJSON()(QUERY, Answer("m", "null")) == 1
    assert ValidJSON()(QUERY, Answer("m", "none")) == 0


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ([GOOD], 1),
        ([GOOD, GOOD], 1),
        ([GOOD, BAD], 0),
        ([("take", {"a": 1})], 0),
        ([("add", '{"a": 1')], 0),
        ([(None, {"a": 1})], 0),
    ],
    ids=str,
)
@pytest.mark.parametrize("said", ["", "I will add them.", '{"a": 1}\nand so'], ids=repr)
def test_every_tool_call_counts_whatever_is_said_beside_it(
    said: str, calls: list[tuple[Any, Any]], expected: float
) -> None:
    scorer = ValidToolCalls({"add": NUMBERS}, is_required=True)
    assert scorer(QUERY, Answer("m", with_calls(said, calls))) == expected
    listed = [{"name": name, "args": args} for name, args in calls]
    broken = [call for call in listed if not isinstance(call["args"], dict)]
    message = SimpleNamespace(
        tool_calls=[call for call in listed if call not in broken], invalid_tool_calls=broken
    )
    assert scorer(QUERY, Answer("m", said, message)) == expected


@pytest.mark.parametrize("text", ["", "Three.", "What about:\n3", 'See\n[{"name": "Ann"}]'])
def test_an_answer_without_a_call_is_bad_only_where_one_is_required(text: str) -> None:
    tools = {"add": NUMBERS}
    assert ValidToolCalls(tools)(QUERY, Answer("m", text)) == 1
    assert ValidToolCalls(tools, is_required=True)(QUERY, Answer("m", text)) == 0


def test_what_is_no_schema_is_told() -> None:
    for make in (lambda no: ValidJSON(no), lambda no: ValidToolCalls({"add": no})):
        with pytest.raises(ConfigError, match="not a JSON Schema"):
            make({"type": "nothing"})


def test_answers_are_compared_with_what_is_known_to_be_right() -> None:
    known = {QUERY.text: "The sum is three"}
    exact, by_words = ReferenceMatch(known, is_exact=True), ReferenceMatch(known)
    assert exact(QUERY, Answer("m", "sum is THREE.")) == 1
    assert exact(QUERY, Answer("m", "is three")) == 0
    assert by_words(QUERY, Answer("m", "It is three, a sum.")) == pytest.approx(6 / 7)
    assert math.isnan(by_words("another question", Answer("m", "three")))
