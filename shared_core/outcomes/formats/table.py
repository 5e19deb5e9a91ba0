"""Our own format: a row for each query, columns ``query``, ``score.<model>`` …"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from shared_core.errors import DataError
from shared_core.outcomes import readers
from shared_core.outcomes.formats.reading import Broken, Reading, Record, Tally, number
from shared_core.outcomes.table import MEASURES, SIGNED, OutcomeTable


def fits(found: Sequence[Record]) -> bool:
    """Whether these records look like it."""
    return "query" in found[0] and _has_scores(found)


def lacks_query(found: Sequence[Record]) -> bool:
    """Whether these records would be it, had they a query."""
    return "query" not in found[0] and _has_scores(found)


def _has_scores(found: Sequence[Record]) -> bool:
    return any(name.startswith("score.") for name in found[0])


def read_whole(path: Path) -> Reading | None:
    """A parquet file, quickly, by columns; None where it is something else or rows are broken."""
    if path.suffix.lower() != ".parquet":
        return None
    try:
        columns = readers.read_columns(path)
        if "query" not in columns or not any(name.startswith("score.") for name in columns):
            return None
        table = OutcomeTable.from_columns(columns, where=str(path))
    except DataError:
        return None  # ``read`` says what is wrong with which rows
    return Reading(table, "table", len(table))


def read(path: Path, found: Sequence[Record], tally: Tally) -> Reading:
    """Rows with a number that is none, or that no cost or count can be, are left out.

    Raises:
        DataError: no row can be used; or a score lies outside 0..1: to leave such rows out would
            select the others by their outcome.
    """
    _check_scores(path, found)
    kept = list(_sound(found, tally))
    if not kept:
        raise DataError(f"{path}: no row can be used. {dict(tally.left_out)}")
    table = OutcomeTable.from_rows(kept, where=str(path))
    return Reading(table, "table", tally.records, dict(tally.left_out))


def _check_scores(path: Path, found: Sequence[Record]) -> None:
    outside = [
        (place, name, value)
        for place, row in enumerate(found, start=1)
        for name, value in row.items()
        if name.startswith("score.") and _lies_outside(value)
    ]
    if outside:
        place, name, value = outside[0]
        raise DataError(
            f"{path}: scores outside 0..1: {len(outside):,}, the first in record {place}, where "
            f"{name} is {value}. Rescale the scores of all rows to 0..1, where 1 is the best"
        )


def _lies_outside(score: Any) -> bool:
    try:
        found = readers.number(score)
    except OverflowError:
        return True
    except (TypeError, ValueError):
        return False
    return found < 0 or found > 1


def _sound(found: Sequence[Record], tally: Tally) -> Iterator[Record]:
    for row in found:
        try:
            if not isinstance(row.get("query"), str | None):
                raise Broken("whose query is no text")
            for name, value in row.items():
                _check(name, value)
        except Broken as reason:
            tally.left_out[str(reason)] += 1
        else:
            yield row


def _check(name: str, value: Any) -> None:
    measure, dot, _ = name.partition(".")
    if not dot or measure not in MEASURES or measure in SIGNED:
        return
    if not readers.is_unknown(value):
        number(value, measure)
