"""Traces and observations exported from Langfuse, as JSON, JSONL, CSV or parquet.

Generations count, from the API and the interface (``traceId``, ``calculatedTotalCost`` …) as well
as from the blob storage export (``trace_id``, ``total_cost`` …). Scores stand on the observation,
on its trace, or in rows of their own in the same file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from shared_core.outcomes.formats import messages
from shared_core.outcomes.formats.reading import (
    Broken,
    Outcome,
    Reading,
    Record,
    Tally,
    chosen_score,
    first,
    mapping,
    measures,
    parsed,
    score_of,
    text,
)

Scores = dict[str, dict[str, Any]]
"""id of an observation or a trace -> score's name -> value."""


def fits(found: Sequence[Record]) -> bool:
    """Whether these records look like it."""
    names = set(found[0])
    is_observation = "type" in names and bool(names & {"traceId", "trace_id"})
    return is_observation or {"observations", "scores"} <= names


def read(path: Path, found: Sequence[Record], tally: Tally, score: str | None = None) -> Reading:
    """``score`` names the score that says how good an answer was; None takes the only one."""
    known = _scores(found)
    key = chosen_score((name for values in known.values() for name in values), score, str(path))
    return tally.reading(_outcomes(found, tally, known, key), "langfuse", str(path))


def _scores(found: Sequence[Record]) -> Scores:
    known: Scores = {}
    for row in found:
        listed = parsed(row.get("scores"))
        nested = listed if isinstance(listed, list) else []
        own = [row] if "value" in row and "name" in row else []
        for one in [*nested, *own]:
            if not isinstance(one, Mapping):
                continue
            place = first(one, "observationId", "observation_id", "traceId", "trace_id")
            where = str(place or row.get("id"))
            known.setdefault(where, {})[str(one.get("name"))] = one.get("value")
    return known


def _outcomes(found: Sequence[Record], tally: Tally, known: Scores, key: str) -> Iterator[Outcome]:
    for row in found:
        nested = parsed(row.get("observations"))
        inside = nested if isinstance(nested, list) else [row]
        tally.records += len(inside) - 1
        yield from tally.used(inside, partial(_outcome, trace=row, known=known, key=key))


def _outcome(row: Any, trace: Record, known: Scores, key: str) -> Outcome:
    if not isinstance(row, Mapping):
        raise Broken("that name an observation without its content")
    if "value" in row and "name" in row:
        raise Broken("that are scores, used with their observation")
    if row.get("type") != "GENERATION":
        raise Broken("that are no model calls")
    if first(row, "level") == "ERROR":
        raise Broken("that ended in an error")
    places = row.get("id"), first(row, "traceId", "trace_id") or trace.get("id")
    values = {
        name: v for place in reversed(places) for name, v in known.get(str(place), {}).items()
    }
    used = mapping(first(row, "usageDetails", "usage_details", "usage"))
    price = first(row, "calculatedTotalCost", "total_cost", "totalCost")
    parts = mapping(first(row, "costDetails", "cost_details"))
    return Outcome(
        messages.asked(row.get("input")),
        text(first(row, "model", "provided_model_name", "providedModelName"), "a model's name"),
        score_of(values.get(key), f"the score {key!r}"),
        messages.answered(row.get("output")),
        measures(
            cost=parts.get("total") if price is None else price,
            in_tokens=first(used, "input", "promptTokens"),
            out_tokens=first(used, "output", "completionTokens"),
            latency=row.get("latency"),
        ),
        {"query_id": str(places[1] or places[0] or "")},
    )
