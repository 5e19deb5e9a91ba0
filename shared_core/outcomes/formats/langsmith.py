"""Runs exported from LangSmith, as JSON, JSONL, CSV or parquet.

Model calls (``run_type`` llm) count; the score is one key of ``feedback_stats`` (its average). Bulk
exports keep nested fields as JSON text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
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
    measures,
    score_of,
    text,
)


def fits(found: Sequence[Record]) -> bool:
    """Whether these records look like it."""
    return "run_type" in found[0]


def read(path: Path, found: Sequence[Record], tally: Tally, score: str | None = None) -> Reading:
    """``score`` names the feedback that says how good an answer was; None takes the only one."""
    names = (key for row in found for key in _nested(row.get("feedback_stats")))
    key = chosen_score(names, score, str(path))
    return tally.reading(_outcomes(found, tally, key), "langsmith", str(path))


def _outcomes(found: Sequence[Record], tally: Tally, key: str) -> Iterator[Outcome]:
    for row in found:
        try:
            yield _outcome(row, key)
        except Broken as reason:
            tally.left_out[str(reason)] += 1


def _outcome(row: Record, key: str) -> Outcome:
    if row["run_type"] != "llm":
        raise Broken("that are no model calls")
    if row.get("error"):
        raise Broken("that ended in an error")
    feedback = _nested(_nested(row.get("feedback_stats")).get(key))
    extra = _nested(row.get("extra"))
    return Outcome(
        messages.asked(_nested(row.get("inputs"))),
        text(_model(extra), "a model's name"),
        score_of(feedback.get("avg"), f"the feedback {key!r}"),
        messages.answered(_nested(row.get("outputs"))),
        measures(
            cost=row.get("total_cost"),
            in_tokens=row.get("prompt_tokens"),
            out_tokens=row.get("completion_tokens"),
            latency=_seconds(row.get("start_time"), row.get("end_time")),
        ),
        {"query_id": str(row.get("reference_example_id") or row.get("id") or "")},
    )


def _model(extra: Mapping[str, Any]) -> Any:
    metadata, given = _nested(extra.get("metadata")), _nested(extra.get("invocation_params"))
    return metadata.get("ls_model_name") or given.get("model") or given.get("model_name")


def _nested(value: Any) -> Mapping[str, Any]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {}
    return value if isinstance(value, Mapping) else {}


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
