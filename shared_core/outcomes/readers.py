"""Files of outcomes as named columns."""

from __future__ import annotations

import contextlib
import csv
import json
import math
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TextIO

from shared_core._lazy import load
from shared_core.errors import DataError

Columns = Mapping[str, Sequence[Any]]

MEASURES: Final = (
    "score",
    "cost",
    "in_tokens",
    "out_tokens",
    "cached_tokens",
    "latency",
    "logprob",
    "entropy",
)
"""Columns ``measure.model`` that are numbers per query and model."""

_TRUTHS: Final = {"true": 1.0, "false": 0.0}  # as spreadsheets and data frames write them
_UNKNOWN: Final = frozenset({"", "-", "n/a", "na", "nan", "none", "null"})
_DECIMAL_COMMA: Final = re.compile(r"\s*[+-]?\d+,\d+(e[+-]?\d+)?\s*", re.IGNORECASE)


def read_columns(path: Path) -> Columns:
    """The file's columns, by what its name ends in."""
    check_file(path)
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise DataError(f"{path} ends in none of {', '.join(_READERS)}")
    return reader(path)


def check_file(path: Path) -> None:
    """Refuse what is no file.

    Raises:
        DataError: there is nothing, or a folder.
    """
    if path.is_dir():
        raise DataError(f"{path} is a folder: give the file of outcomes in it")
    if not path.is_file():
        raise DataError(f"no file {path}")


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
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} cannot be read as UTF-8 text: {error}. Save it as UTF-8, which spreadsheets "
            "call 'CSV UTF-8'"
        ) from error


@contextlib.contextmanager
def opened_csv(path: Path) -> Iterator[tuple[Sequence[str], Iterator[dict[str, Any]]]]:
    """The names in the first line, and the rows below it.

    Commas, semicolons or tabs separate, whatever makes most names of the first line. Where it is
    no comma, numbers may have one for a point, as spreadsheets of many countries write them.

    Raises:
        DataError: not readable, or two columns of one name.
    """
    csv.field_size_limit(sys.maxsize)
    with opened(path) as lines:
        first = lines.readline()
        lines.seek(0)
        separator = max(",;\t", key=lambda mark: len(next(csv.reader([first], delimiter=mark), ())))
        reader = csv.DictReader(lines, strict=True, delimiter=separator)
        try:
            names = reader.fieldnames or ()
            check_names(names, path)
            yield names, reader if separator == "," else map(_with_points, reader)
        except csv.Error as error:
            raise DataError(f"{path}, line {reader.line_num} is no CSV: {error}") from error


def _with_points(row: dict[str, Any]) -> dict[str, Any]:
    """The row with decimal points in its measures."""
    for name, cell in row.items():
        is_measure = name and name.partition(".")[0] in MEASURES
        if is_measure and isinstance(cell, str) and _DECIMAL_COMMA.fullmatch(cell):
            row[name] = cell.replace(",", ".")
    return row


def _json_object(line: str, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where} is no JSON: {error}") from error
    if not isinstance(row, dict):
        raise DataError(f"{where} is no JSON object")
    return row


def _read_csv(path: Path) -> Columns:
    with opened_csv(path) as (names, found):
        rows = list(found)
    if any(None in row for row in rows):
        raise DataError(f"{path} has rows with more fields than its first line names")
    return {name: [row[name] for row in rows] for name in names}


def _read_parquet(path: Path) -> Columns:
    parquet = load("shared_core.outcomes.parquet", wanted_by=f"reading {path.name}")
    columns: Columns = parquet.read(path)
    return columns


_READERS = {".parquet": _read_parquet, ".csv": _read_csv, ".jsonl": _read_jsonl}
