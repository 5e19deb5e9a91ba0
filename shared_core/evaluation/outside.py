"""Routers that are not ours: a function by name, or what they said, in a file."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from shared_core.errors import ConfigError, DataError
from shared_core.evaluation.metrics.cost_metrics import Vector
from shared_core.outcomes.formats.reading import Tally
from shared_core.outcomes.formats.records import records


def function(spec: str) -> Callable[[Sequence[str]], Any]:
    """The function ``module:name``, imported; what it may return, ``evaluation.judged`` says.

    The module is looked for in the folder one stands in, too, as with ``python -m``.

    Raises:
        ConfigError: there is none.
    """
    module, _, name = spec.partition(":")
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.append(here)
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(
            f"no function {spec!r} (module:name, installed or in this folder): {error}"
        ) from error
    if not callable(found):
        raise ConfigError(f"{spec} is no function, but a {type(found).__name__}")
    return found  # type: ignore[no-any-return]


def prompt_length(texts: Sequence[str]) -> Vector:
    """Characters (n,) of each text: the score that routers of two models should beat first.

    Sending the longest questions to the strong model has an APGR of about 0.6 on MMLU and GSM8K.
    """
    return np.array([len(text) for text in texts], dtype=float)


class SaidInAFile:
    """What a router said of each query, read from a file of columns.

    Args:
        path: .csv, .json, .jsonl or .parquet with a column ``query`` and either ``model`` (its
            choice), or a column of expected quality for each model, or for two models ``score``,
            the higher the more the better model is worth it.
        models: the table's, in order.

    Raises:
        DataError: the columns are not there.
    """

    def __init__(self, path: str | Path, models: Sequence[str]) -> None:
        self.path = Path(path)
        rows = records(self.path, Tally())
        self._columns = _columns(rows[0] if rows else {}, models, self.path)
        for number, row in enumerate(rows, start=1):
            if lacking := [name for name in ("query", *self._columns) if row.get(name) is None]:
                raise DataError(f"{self.path}: record {number} lacks {', '.join(lacking)}")
        self._said = {str(row["query"]): [row[name] for name in self._columns] for row in rows}

    def __call__(self, texts: Sequence[str]) -> Any:
        """What it said of these queries, in their order.

        Raises:
            DataError: it said nothing of some of them, or something that is no number.
        """
        missing = sum(text not in self._said for text in texts)
        if missing:
            raise DataError(f"{self.path} says nothing of {missing:,} of {len(texts):,} queries")
        said = [self._said[text] for text in texts]
        if self._columns == ["model"]:
            return [str(row[0]) for row in said]
        try:
            values = np.array(said, dtype=float)
        except (TypeError, ValueError) as error:
            raise DataError(f"{self.path} holds something that is no number: {error}") from error
        return values[:, 0] if self._columns == ["score"] else values


def _columns(row: dict[str, Any], models: Sequence[str], path: Path) -> list[str]:
    if "query" in row:
        for names in (list(models), ["model"], ["score"]):
            if all(name in row for name in names):
                return names
    raise DataError(
        f"{path} needs a column query and one for each of {', '.join(models)}, or a column model, "
        f"or score; it has {', '.join(map(str, row)) or 'no rows'}"
    )
