"""Preferences: who won a comparison of two answers, and outcome tables made of them.

Format, a row (of ``.jsonl``, ``.csv`` or ``.parquet``) for each comparison: ``query``, ``model_a``,
``model_b`` and ``winner``, one of ``model_a``, ``model_b``, ``tie`` and ``tie (bothbad)`` (Chatbot
Arena's names). A ``split`` column is kept; a query's comparisons share a side.

A share of points says how good a model is only beside those that it met. Where some met strong
opponents and others weak ones, ``EloRouter`` allows for that; other routers, and leaderboards, do
not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from shared_core.errors import DataError
from shared_core.outcomes import readers
from shared_core.outcomes.table import OutcomeTable

POINTS: Final = {
    "model_a": (1.0, 0.0),
    "model_b": (0.0, 1.0),
    "tie": (0.5, 0.5),
    "tie (bothbad)": (0.0, 0.0),
}
"""Who won -> the points of model_a and model_b."""


def read(path: str | Path) -> OutcomeTable:
    """The outcome table of a file of comparisons.

    Raises:
        DataError: the file is not there, lacks a column, or names another winner.
    """
    columns = readers.read_columns(Path(path))
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return table(rows, where=str(path))


def table(rows: Iterable[Mapping[str, Any]], where: str = "the rows") -> OutcomeTable:
    """Comparisons as outcomes: a model's score is its share of points in a query's comparisons.

    Raises:
        DataError: a row lacks a column or names another winner.
    """
    points: list[tuple[str, str, float]] = []
    sides: dict[str, Any] = {}
    for number, row in enumerate(rows):
        query, first, second, winner = _parts(row, f"{where}, row {number}")
        points += zip((query, query), (first, second), POINTS[winner], strict=True)
        if row.get("split") is not None:
            sides[query] = row["split"]
    if not points:
        raise DataError(f"{where} holds no comparison")
    return OutcomeTable.from_rows(
        {"query": query, **({"split": sides.get(query)} if sides else {})}
        | {f"score.{model}": share for model, share in by_model.items()}
        for query, by_model in shares(points).items()
    )


def shares(points: Iterable[tuple[str, str, float]]) -> dict[str, dict[str, float]]:
    """Query -> model -> its share, of (query, model, points) in each comparison it was in."""
    won: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for query, model, one in points:
        won[query][model].append(one)
    return {
        query: {model: sum(each) / len(each) for model, each in by_model.items()}
        for query, by_model in won.items()
    }


def _parts(row: Mapping[str, Any], where: str) -> tuple[str, str, str, str]:
    if lacking := [key for key in ("query", "model_a", "model_b", "winner") if key not in row]:
        raise DataError(f"{where} lacks {', '.join(lacking)}")
    if not isinstance(row["winner"], str) or row["winner"] not in POINTS:
        raise DataError(f"{where}: winner is one of {', '.join(POINTS)}, not {row['winner']!r}")
    if row["model_a"] == row["model_b"]:
        raise DataError(f"{where} compares {row['model_a']} with itself")
    return str(row["query"]), str(row["model_a"]), str(row["model_b"]), row["winner"]
