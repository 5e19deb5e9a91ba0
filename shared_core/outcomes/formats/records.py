"""Files as records, whatever a record means; broken ones are counted, pickles refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shared_core._lazy import load
from shared_core.errors import DataError
from shared_core.outcomes import readers
from shared_core.outcomes.formats.reading import Tally

PICKLES = (".pkl", ".pickle", ".p", ".joblib", ".pt", ".npy")
_LISTS = ("records", "runs", "observations", "traces", "data", "rows")


def records(path: Path, tally: Tally) -> list[dict[str, Any]]:
    """The records of a .csv, .json, .jsonl or .parquet file.

    Raises:
        DataError: not there, a pickle, of another kind, or not readable at all.
        MissingExtra: parquet without pyarrow.
    """
    suffix = path.suffix.lower()
    if suffix in PICKLES:
        raise DataError(
            f"{path} is a pickle, and reading one runs whatever code is in it. Where you trust it, "
            "save it as parquet or CSV first, with pandas: read_pickle(...).to_parquet(...)"
        )
    readers.check_file(path)
    reader = _READERS.get(suffix)
    if reader is None:
        raise DataError(f"{path} ends in none of {', '.join(_READERS)}")
    found = list(reader(path, tally))
    tally.records += len(found)
    return found


def _jsonl(path: Path, tally: Tally) -> Iterator[dict[str, Any]]:
    with readers.opened(path) as lines:
        for line in lines:
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                row = None
            if isinstance(row, dict):
                yield row
            else:
                tally.records += 1
                tally.left_out["that are no JSON objects"] += 1


def _json(path: Path, tally: Tally) -> Iterator[dict[str, Any]]:
    try:
        with readers.opened(path) as lines:
            read = json.load(lines)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is no JSON: {error}") from error
    for row in _listed(read):
        if isinstance(row, dict):
            yield row
        else:
            tally.records += 1
            tally.left_out["that are no JSON objects"] += 1


def _listed(read: Any) -> list[Any]:
    if isinstance(read, dict):
        return next((read[name] for name in _LISTS if isinstance(read.get(name), list)), [read])
    return read if isinstance(read, list) else [read]


def _csv(path: Path, tally: Tally) -> Iterator[dict[str, Any]]:
    with readers.opened_csv(path) as (_, rows):
        for row in rows:
            if None in row:
                tally.records += 1
                tally.left_out["with more fields than the first line names"] += 1
            else:
                yield row


def _parquet(path: Path, tally: Tally) -> Iterator[dict[str, Any]]:
    parquet = load("shared_core.outcomes.parquet", wanted_by=f"reading {path.name}")
    columns = parquet.read(path)
    for values in zip(*columns.values(), strict=True):
        yield dict(zip(columns, values, strict=True))


_READERS = {
    ".parquet": _parquet,
    ".csv": _csv,
    ".jsonl": _jsonl,
    ".ndjson": _jsonl,
    ".json": _json,
}
