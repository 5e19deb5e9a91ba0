"""Logs in OpenAI's form, of chat completions or of the Responses API, as JSON or JSONL.

A record is a request and its response: ``{"request": {…}, "response": {…}}``, batch files'
``{"body": {…}, "response": {"body": {…}}}``, or everything side by side (``messages``, ``model``,
``choices``, ``usage``; ``input`` and ``output``). How good the answer was has to be in the record:
``score`` (0 to 1, or true and false), there or under ``metadata``. What it cost is ``cost`` there,
LiteLLM's ``response_cost``, or OpenRouter's under ``usage``; ``latency``, or LiteLLM's
``response_time``, is in seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from shared_core.errors import DataError
from shared_core.outcomes.formats import messages
from shared_core.outcomes.formats.reading import (
    Broken,
    Outcome,
    Reading,
    Record,
    Tally,
    first,
    mapping,
    measures,
    score_of,
    text,
)


def fits(found: Sequence[Record]) -> bool:
    """Whether these records look like it."""
    request, response = _request(found[0]), _response(found[0])
    if "messages" in request:
        return "choices" in response or "model" in request
    return "input" in request and isinstance(response.get("output"), list)


def read(path: Path, found: Sequence[Record], tally: Tally, score: str | None = None) -> Reading:
    """``score`` names the field that says how good an answer was, ``score`` if None."""
    key = score or "score"
    if not any(key in row or key in _metadata(row) for row in found):
        fields = dict.fromkeys(name for row in found for name in (*row, *_metadata_names(row)))
        raise DataError(
            f"{path}: no record has the field {key!r}; there are {', '.join(fields)}. Say which "
            "one tells how good an answer was: score='…' in Python, --score … at the command line"
        )
    return tally.reading(tally.used(found, partial(_outcome, key=key)), "openai", str(path))


def _metadata_names(row: Record) -> Iterator[str]:
    return (f"{name} (of metadata)" for name in _metadata(row))


def _outcome(row: Record, key: str) -> Outcome:
    request, response = _request(row), _response(row)
    if row.get("error") or response.get("error"):
        raise Broken("that ended in an error")
    usage, metadata = mapping(response.get("usage")), _metadata(row)
    model = request.get("model") or response.get("model")
    told = {**metadata, **row}
    cost = first(told, "cost", "response_cost")
    return Outcome(
        messages.asked(request.get("messages", request.get("input"))),
        text(model, "a model's name"),
        score_of(told.get(key), f"a {key}"),
        messages.answered(response.get("choices") or _said(response.get("output"))),
        measures(
            cost=usage.get("cost") if cost is None else cost,
            in_tokens=usage.get("prompt_tokens", usage.get("input_tokens")),
            out_tokens=usage.get("completion_tokens", usage.get("output_tokens")),
            latency=first(told, "latency", "response_time"),
        ),
        {"query_id": str(row.get("custom_id") or row.get("id") or response.get("id") or "")},
    )


def _said(output: Any) -> list[Any]:
    """What was said of a response's output: not thought, called or found."""
    items = output if isinstance(output, list) else []
    return [item for item in items if mapping(item).get("type") == "message"]


def _metadata(row: Record) -> Mapping[str, Any]:
    """The record's own, or else what the request was stored with."""
    return mapping(row.get("metadata")) or mapping(_response(row).get("metadata"))


def _request(row: Record) -> Mapping[str, Any]:
    return mapping(row.get("request")) or mapping(row.get("body")) or row


def _response(row: Record) -> Mapping[str, Any]:
    found = mapping(row.get("response")) or row
    return mapping(found.get("body")) or found
