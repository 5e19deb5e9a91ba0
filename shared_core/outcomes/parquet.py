"""Parquet files; the only file that knows pyarrow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

from shared_core.errors import DataError


def read(path: Path) -> Mapping[str, Sequence[Any]]:
    """The file's columns: arrays of floats where they are that and whole, else Python values."""
    try:
        table = pyarrow.parquet.read_table(path)
    except (OSError, pyarrow.ArrowException) as error:
        raise DataError(f"{path} cannot be read as parquet: {error}") from error
    return {name: _values(table.column(name), f"{name} of {path}") for name in table.column_names}


def _values(column: Any, where: str) -> Sequence[Any]:
    if pyarrow.types.is_floating(column.type) and not column.null_count:
        floats: Sequence[Any] = column.to_numpy()
        return floats
    try:
        values: Sequence[Any] = column.to_pylist()
    except (ValueError, OverflowError) as error:  # no UTF-8, a date beyond the calendar
        raise DataError(f"column {where} holds what cannot be read: {error}") from error
    return values
