"""Files as records or as named columns, whatever these mean."""

from __future__ import annotations

import contextlib
import csv
import json
import math
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, TextIO

from shared_core._lazy import load
from shared_core.errors import DataError

Columns = Mapping[str, Sequence[Any]]

Broken = Callable[[str, str], None]

_LISTS: Final = ("records", "runs", "observations", "traces", "data", "rows")
_SEPARATOR: Final = re.compile('"?sep=.?"?', re.IGNORECASE)
_NO_OBJECTS: Final = "that are no JSON objects"

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
    """The file's columns.

    Raises:
        DataError: not readable, or with a record that is none.
    """
    check_file(path)
    kind, refuse = path.suffix.lower(), partial(_refuse, path)
    if kind == ".parquet":
        return _parquet(path)
    if kind == ".csv":
        with opened_csv(path) as (names, rows):
            whole = list(_whole(rows, refuse))
        return {name: [row[name] for row in whole] for name in names}
    return columns_of(records(path, refuse))


def records(path: Path, broken: Broken) -> Iterator[dict[str, Any]]:
    """The records of a file, by what its name ends in.

    Args:
        path: the file.
        broken: told of each record that is none: the reason, and the place.

    Raises:
        DataError: not there, of another kind, or not readable at all.
        MissingExtra: parquet without pyarrow.
    """
    check_file(path)
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise DataError(f"{path} ends in none of {', '.join(_READERS)}")
    yield from reader(path, broken)


def _refuse(path: Path, reason: str, place: str) -> None:
    raise DataError(f"{path} has records {reason}: {place}")


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
    no comma, numbers may have one for a point, as spreadsheets of many countries write them. A line
    before it that names the separator, as theirs do, is passed over.

    Raises:
        DataError: not readable, or two columns of one name.
    """
    csv.field_size_limit(sys.maxsize)
    with opened(path) as lines:
        start, first = 0, lines.readline()
        if _SEPARATOR.fullmatch(first.strip()):
            start, first = lines.tell(), lines.readline()
        lines.seek(start)
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


def _jsonl(path: Path, broken: Broken) -> Iterator[dict[str, Any]]:
    with opened(path) as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                row, why = json.loads(line), ""
            except (ValueError, RecursionError) as error:
                row, why = None, f", {error}"
            if isinstance(row, dict):
                yield row
            else:
                broken(_NO_OBJECTS, f"line {number}{why}")


def _json(path: Path, broken: Broken) -> Iterator[dict[str, Any]]:
    try:
        with opened(path) as lines:
            read = json.load(lines)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is no JSON: {error}") from error
    for number, row in enumerate(_listed(read), start=1):
        if isinstance(row, dict):
            yield row
        else:
            broken(_NO_OBJECTS, f"number {number}")


def _listed(read: Any) -> list[Any]:
    if isinstance(read, dict):
        return next((read[name] for name in _LISTS if isinstance(read.get(name), list)), [read])
    return read if isinstance(read, list) else [read]


def _csv(path: Path, broken: Broken) -> Iterator[dict[str, Any]]:
    with opened_csv(path) as (_, rows):
        yield from _whole(rows, broken)


def _whole(rows: Iterable[dict[str, Any]], broken: Broken) -> Iterator[dict[str, Any]]:
    for number, row in enumerate(rows, start=1):
        if None in row:
            broken("with more fields than the first line names", f"number {number}")
        else:
            yield row


def _parquet(path: Path) -> Columns:
    parquet = load("shared_core.outcomes.parquet", wanted_by=f"reading {path.name}")
    columns: Columns = parquet.read(path)
    return columns


def _parquet_rows(path: Path, broken: Broken) -> Iterator[dict[str, Any]]:
    columns = _parquet(path)
    for values in zip(*columns.values(), strict=True):
        yield dict(zip(columns, values, strict=True))


_READERS: Final[Mapping[str, Callable[[Path, Broken], Iterator[dict[str, Any]]]]] = {
    ".parquet": _parquet_rows,
    ".csv": _csv,
    ".jsonl": _jsonl,
    ".ndjson": _jsonl,
    ".json": _json,
}
