"""Logs of chat completions in OpenAI's form, as JSON or JSONL.

A record is a request and its response: ``{"request": {…}, "response": {…}}``, batch files'
``{"body": {…}, "response": {"body": {…}}}``, or everything side by side (``messages``, ``model``,
``choices``, ``usage``). How good the answer was has to be in the record: ``score`` (0 to 1, or true
and false), there or under ``metadata``. So may ``cost`` in USD (LiteLLM's ``response_cost``) and
``latency`` in seconds (its ``response_time``).
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
    first = found[0]
    request, response = _request(first), _response(first)
    return "messages" in request and ("choices" in response or "model" in request)


def read(path: Path, found: Sequence[Record], tally: Tally, score: str | None = None) -> Reading:
    """``score`` names the field that says how good an answer was, ``score`` if None."""
    key = score or "score"
    if not any(key in row or key in mapping(row.get("metadata")) for row in found):
        fields = dict.fromkeys(name for row in found for name in (*row, *_metadata_names(row)))
        raise DataError(
            f"{path}: no record has the field {key!r}; there are {', '.join(fields)}. Say which "
            "one tells how good an answer was: score='…' in Python, --score … at the command line"
        )
    return tally.reading(tally.used(found, partial(_outcome, key=key)), "openai", str(path))


def _metadata_names(row: Record) -> Iterator[str]:
    return (f"{name} (of metadata)" for name in mapping(row.get("metadata")))


def _outcome(row: Record, key: str) -> Outcome:
    request, response = _request(row), _response(row)
    if row.get("error") or response.get("error"):
        raise Broken("that ended in an error")
    usage, metadata = mapping(response.get("usage")), mapping(row.get("metadata"))
    told = {**metadata, **row}
    model = request.get("model") or response.get("model")
    return Outcome(
        messages.asked(request.get("messages")),
        text(model, "a model's name"),
        score_of(told.get(key), f"a {key}"),
        messages.answered(response.get("choices")),
        measures(
            cost=first(told, "cost", "response_cost"),
            in_tokens=usage.get("prompt_tokens"),
            out_tokens=usage.get("completion_tokens"),
            latency=first(told, "latency", "response_time"),
        ),
        {"query_id": str(row.get("custom_id") or row.get("id") or response.get("id") or "")},
    )


def _request(row: Record) -> Mapping[str, Any]:
    return mapping(row.get("request")) or mapping(row.get("body")) or row


def _response(row: Record) -> Mapping[str, Any]:
    found = mapping(row.get("response")) or row
    return mapping(found.get("body")) or found
