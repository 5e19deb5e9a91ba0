"""Runs exported from LangSmith, as JSON, JSONL, CSV or parquet.

Model calls (``run_type`` llm) count; the score is one key of ``feedback_stats`` (its average). Bulk
exports keep nested fields as JSON text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
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
    mapping,
    measures,
    score_of,
    text,
)


def fits(found: Sequence[Record]) -> bool:
    """Whether these records look like it."""
    return "run_type" in found[0]


def read(path: Path, found: Sequence[Record], tally: Tally, score: str | None = None) -> Reading:
    """``score`` names the feedback that says how good an answer was; None takes the only one."""
    names = (key for row in found for key in mapping(row.get("feedback_stats")))
    key = chosen_score(names, score, str(path))
    return tally.reading(tally.used(found, partial(_outcome, key=key)), "langsmith", str(path))


def _outcome(row: Record, key: str) -> Outcome:
    if row.get("run_type") != "llm":
        raise Broken("that are no model calls")
    if row.get("error"):
        raise Broken("that ended in an error")
    feedback = mapping(mapping(row.get("feedback_stats")).get(key))
    extra = mapping(row.get("extra"))
    return Outcome(
        messages.asked(mapping(row.get("inputs"))),
        text(_model(extra), "a model's name"),
        score_of(feedback.get("avg"), f"the feedback {key!r}"),
        messages.answered(mapping(row.get("outputs"))),
        measures(
            cost=row.get("total_cost"),
            in_tokens=row.get("prompt_tokens"),
            out_tokens=row.get("completion_tokens"),
            latency=_seconds(row.get("start_time"), row.get("end_time")),
        ),
        {"query_id": str(row.get("reference_example_id") or row.get("id") or "")},
    )


def _model(extra: Mapping[str, Any]) -> Any:
    metadata, given = mapping(extra.get("metadata")), mapping(extra.get("invocation_params"))
    return metadata.get("ls_model_name") or given.get("model") or given.get("model_name")


def _seconds(start: Any, end: Any) -> float | None:
    """Between two ISO times, or two numbers of milliseconds; None where one is missing."""
    if isinstance(start, int | float) and isinstance(end, int | float):
        try:
            return (end - start) / 1000
        except OverflowError:
            return None
    moments = [_moment(m) for m in (start, end)]
    known = [moment for moment in moments if moment is not None]
    return (known[1] - known[0]).total_seconds() if len(known) == 2 else None


def _moment(value: Any) -> datetime | None:
    """The ISO time; UTC where it does not say."""
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
