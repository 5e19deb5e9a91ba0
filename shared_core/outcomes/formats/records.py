"""Files as records, for formats of others: broken ones are counted, pickles refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from shared_core.errors import DataError
from shared_core.outcomes import readers
from shared_core.outcomes.formats.reading import Tally

PICKLES = (".pkl", ".pickle", ".p", ".joblib", ".pt", ".npy")


def records(path: Path, tally: Tally) -> list[dict[str, Any]]:
    """The records of a .csv, .json, .jsonl or .parquet file.

    Raises:
        DataError: not there, a pickle, of another kind, or not readable at all.
        MissingExtra: parquet without pyarrow.
    """
    if path.suffix.lower() in PICKLES:
        raise DataError(
            f"{path} is a pickle, and reading one runs whatever code is in it. Where you trust it, "
            "save it as parquet or CSV first, with pandas: read_pickle(...).to_parquet(...)"
        )
    found = list(readers.records(path, lambda reason, _: tally.leave_out(reason)))
    tally.records += len(found)
    return found
