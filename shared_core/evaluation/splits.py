"""Which rows are learned from and which are judged on."""

from __future__ import annotations

import hashlib

import numpy as np

from shared_core.errors import DataError
from shared_core.outcomes.table import OutcomeTable

TRAIN_SHARE = 0.7


def train_and_test(table: OutcomeTable, seed: int = 0) -> tuple[OutcomeTable, OutcomeTable, str]:
    """The two sides of the column ``split``, or where there is none, sides by query text.

    Returns:
        train, test, and how they came about, for the report.

    Raises:
        DataError: one side would be empty.
    """
    if "split" in table.columns:
        return table.split("train"), table.split("test"), "the table's column 'split'"
    in_train = np.array([_share(text, seed) < TRAIN_SHARE for text in table.origins])
    if in_train.all() or not in_train.any():
        raise DataError(f"{len(table)} queries are too few to learn from some and judge on others")
    how = f"no column 'split': {TRAIN_SHARE:.0%} of the query texts drawn for training, seed {seed}"
    return table.rows(in_train), table.rows(~in_train), how


def _share(text: str, seed: int) -> float:
    """Where a text falls in 0..1: the same for equal texts, whatever the row order."""
    told = f"{seed} {text}".encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(told, digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
