"""LLMRouter's routing data (github.com/ulab-uiuc/LLMRouter): JSONL, a line per query and model.

``query``, ``model_name``, ``performance`` (0 to 1), and where known ``task_name``, ``task_id``,
``ground_truth``, ``response``, ``input_tokens``, ``output_tokens``, ``response_time``, ``cost``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from shared_core.outcomes.formats.reading import (
    Outcome,
    Reading,
    Record,
    Tally,
    measures,
    score_of,
    text,
    text_or_none,
)


def fits(found: Sequence[Record]) -> bool:
    """Whether these records look like it."""
    return {"model_name", "performance"} <= found[0].keys()


def read(path: Path, found: Sequence[Record], tally: Tally) -> Reading:
    """``task_name`` becomes the column ``dataset``, ``ground_truth`` the column ``reference``."""
    return tally.reading(tally.used(found, _outcome), "llmrouter", str(path))


def _outcome(row: Record) -> Outcome:
    return Outcome(
        text(row.get("query"), "a query"),
        text(row.get("model_name"), "a model's name"),
        score_of(row.get("performance"), "a performance"),
        text_or_none(row.get("response")),
        measures(
            cost=row.get("cost"),
            in_tokens=row.get("input_tokens"),
            out_tokens=row.get("output_tokens", row.get("token_num")),
            latency=row.get("response_time"),
        ),
        {
            "query_id": row.get("task_id"),
            "dataset": row.get("task_name"),
            "reference": row.get("ground_truth"),
        },
    )
