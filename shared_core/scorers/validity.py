"""Does the answer have the form that was asked for?"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from shared_core.checks import check_kinds
from shared_core.decision import Answer
from shared_core.errors import ConfigError
from shared_core.query import Query
from shared_core.scorers.base import Scorer


@dataclass(frozen=True)
class ValidJSON(Scorer):
    """1 when the answer is JSON, in a code fence or not, that fits the schema; else 0.

    Args:
        schema: JSON Schema; any JSON will do when not given.

    Raises:
        ConfigError: the schema is none.
    """

    schema: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_schema(self.schema)

    def score(self, query: Query, answer: Answer, others: Sequence[Answer] = ()) -> float:
        found = parsed(answer.text)
        return float(found is not None and _fits(found[0], self.schema))

    @classmethod
    def test_parameters(cls) -> Sequence[Mapping[str, Any]]:
        return [{}, {"schema": {"type": "object", "required": ["answer"]}}]


@dataclass(frozen=True)
class ValidToolCalls(Scorer):
    """1 when every tool call names a known tool and its arguments fit; 0.0 for any that does not.

    Calls are read from the ``tool_calls`` (name and args) of ``answer.value``, which a LangChain
    message has, else as JSON from the text or from its last line.

    Args:
        tools: tool name -> JSON Schema of its arguments.
        is_required: whether an answer without a call is bad.
    """

    tools: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    is_required: bool = False

    def __post_init__(self) -> None:
        check_kinds(Mapping, tools=self.tools)
        for schema in self.tools.values():
            _check_schema(schema)

    def score(self, query: Query, answer: Answer, others: Sequence[Answer] = ()) -> float:
        calls = _calls_of(answer)
        if not calls:
            return float(not self.is_required)
        return float(all(self._is_valid(call) for call in calls))

    def _is_valid(self, call: Any) -> bool:
        if not isinstance(call, Mapping) or call.get("name") not in self.tools:
            return False
        return _fits(call.get("args", {}), self.tools[str(call["name"])])

    @classmethod
    def test_parameters(cls) -> Sequence[Mapping[str, Any]]:
        return [{"tools": {"add": {"type": "object", "required": ["a", "b"]}}}]


def parsed(text: str) -> tuple[Any] | None:
    """The JSON that a text is, or has in its one code fence; None when there is none."""
    body = text.strip()
    if body.startswith("```") and body.endswith("```"):
        body = body.strip("`").removeprefix("json")
    try:
        return (json.loads(body),)
    except (ValueError, RecursionError):
        return None


def _calls_of(answer: Answer) -> Sequence[Any]:
    kinds = ("tool_calls", "invalid_tool_calls")
    if calls := [call for kind in kinds for call in getattr(answer.value, kind, None) or ()]:
        return calls
    if found := parsed(answer.text):
        return found[0] if isinstance(found[0], list) else [found[0]]
    found = parsed(answer.text.rpartition("\n")[2])
    return found[0] if found and _are_calls(found[0]) else []


def _are_calls(told: Any) -> bool:
    """Whether it is what ``with_calls`` writes behind what was said."""
    return isinstance(told, list) and all(
        isinstance(one, Mapping) and one.keys() == {"name", "args"} for one in told
    )


def _fits(value: Any, schema: Mapping[str, Any]) -> bool:
    return bool(Draft202012Validator(dict(schema)).is_valid(value))


def _check_schema(schema: Mapping[str, Any]) -> None:
    check_kinds(Mapping, schema=schema)
    try:
        Draft202012Validator.check_schema(dict(schema))
    except SchemaError as error:
        raise ConfigError(f"not a JSON Schema: {error.message}") from error
