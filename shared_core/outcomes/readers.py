"""Files of outcomes as named columns."""

from __future__ import annotations

import contextlib
import csv
import json
import math
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TextIO

from shared_core._lazy import load
from shared_core.errors import DataError

Columns = Mapping[str, Sequence[Any]]

_TRUTHS: Final = {"true": 1.0, "false": 0.0}  # as spreadsheets and data frames write them
_UNKNOWN: Final = frozenset({"", "-", "n/a", "na", "nan", "none", "null"})


def read_columns(path: Path) -> Columns:
    """The file's columns, by what its name ends in."""
    if not path.is_file():
        raise DataError(f"no file {path}")
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise DataError(f"{path} ends in none of {', '.join(_READERS)}")
    return reader(path)


def is_unknown(cell: Any) -> bool:
    """Whether a cell for a number says that it is unknown."""
    if isinstance(cell, str):
        return cell.strip().lower() in _UNKNOWN
    return cell is None or bool(cell != cell)


def number(cell: Any) -> float:
    """The number in a cell; NaN where it is unknown.

    Raises:
        TypeError, ValueError, OverflowError: it holds something else.
    """
    if is_unknown(cell):
        return math.nan
    return float(_TRUTHS.get(cell.strip().lower(), cell) if isinstance(cell, str) else cell)


def columns_of(rows: Iterable[Mapping[str, Any]]) -> Columns:
    """Columns of dicts; what a row lacks is None."""
    listed = list(rows)
    names = dict.fromkeys(name for row in listed for name in row)
    return {name: [row.get(name) for row in listed] for name in names}


def check_names(names: Iterable[str], path: Path) -> None:
    """Refuse a file two of whose columns have the same name: one of them would be lost.

    Raises:
        DataError: there are such columns.
    """
    if twice := [name for name, n in Counter(names).items() if name and n > 1]:
        raise DataError(f"{path} has several columns named {', '.join(twice)}")


def _read_jsonl(path: Path) -> Columns:
    with opened(path) as lines:
        numbered = enumerate(lines, start=1)
        rows = [_json_object(line, f"{path}, line {n}") for n, line in numbered if line.strip()]
    return columns_of(rows)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[TextIO]:
    """The file as text, with or without the byte order mark that spreadsheets write."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            yield lines
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as UTF-8 text: {error}") from error


def _json_object(line: str, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where} is no JSON: {error}") from error
    if not isinstance(row, dict):
        raise DataError(f"{where} is no JSON object")
    return row


def _read_csv(path: Path) -> Columns:
    csv.field_size_limit(sys.maxsize)
    with opened(path) as lines:
        reader = csv.DictReader(lines, strict=True)
        try:
            names, rows = reader.fieldnames or (), list(reader)
        except csv.Error as error:
            raise DataError(f"{path}, line {reader.line_num} is no CSV: {error}") from error
    check_names(names, path)
    if any(None in row for row in rows):
        raise DataError(f"{path} has rows with more fields than its first line names")
    return {name: [row[name] for row in rows] for name in names}


def _read_parquet(path: Path) -> Columns:
    parquet = load("shared_core.outcomes.parquet", wanted_by=f"reading {path.name}")
    columns: Columns = parquet.read(path)
    return columns


_READERS = {".parquet": _read_parquet, ".csv": _read_csv, ".jsonl": _read_jsonl}
