"""Outcomes: queries x models of quality, cost, tokens and latency."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared_core.errors import DataError
from shared_core.outcomes import readers
from shared_core.outcomes.readers import MEASURES
from shared_core.pool import Candidate, ModelPool

Matrix = NDArray[np.float64]

SIGNED = ("logprob",)
"""Measures that may lie below 0."""


@dataclass(frozen=True)
class OutcomeTable:
    """How n queries went with m models. NaN is unknown.

    Args:
        models: the m models' names.
        queries: the n texts.
        measures: name -> (n, m); ``score`` (quality, 0..1, higher is better) is always there;
            ``cost`` is USD per answer, ``latency`` seconds.
        columns: other columns, each n long: ``query_id``, ``dataset``, ``split``, ``reference`` …
        answers: model -> the n recorded answers, where recorded.
    """

    models: tuple[str, ...]
    queries: tuple[str, ...]
    measures: Mapping[str, Matrix]
    columns: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    answers: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if not self.models:
            raise DataError("the table has no models: it takes one column score.<model> for each")
        if "score" not in self.measures:
            raise DataError(
                f"the table has no scores; it has {', '.join(self.measures) or 'nothing'}"
            )
        shape = (len(self.queries), len(self.models))
        for name, values in self.measures.items():
            if values.shape != shape:
                raise DataError(f"{name} has the shape {values.shape}, not {shape}")
        for name, column in (*self.columns.items(), *self.answers.items()):
            if len(column) != len(self):
                raise DataError(f"column {name} has {len(column)} rows, not {len(self)}")
        for name in self.measures:
            if name not in SIGNED:
                self._check_range(name, upper=1.0 if name == "score" else np.inf)

    def _check_range(self, measure: str, upper: float) -> None:
        values = self.measures[measure]
        bad = ~(np.isnan(values) | ((values >= 0) & (values <= upper) & np.isfinite(values)))
        if bad.any():
            row, column = np.argwhere(bad)[0]
            raise DataError(
                f"{measure}.{self.models[column]} lies outside 0..{upper:g} in row {row}: "
                f"{values[row, column]}"
            )

    def __len__(self) -> int:
        return len(self.queries)

    @property
    def score(self) -> Matrix:
        """Quality (n, m), 0..1; NaN where not measured."""
        return self.measures["score"]

    @property
    def cost(self) -> Matrix:
        """Cost (n, m) in USD; NaN where unknown."""
        return self.measures.get("cost", np.full_like(self.score, np.nan))

    @property
    def has_costs(self) -> bool:
        """Whether any cost is known."""
        return bool(np.isfinite(self.cost).any())

    @property
    def domains(self) -> tuple[str, ...] | None:
        """Each row's domain, such as the benchmark or task it is of: the column ``dataset``."""
        labels = self.columns.get("dataset")
        return None if labels is None else tuple(map(str, labels))

    @property
    def origins(self) -> tuple[str, ...]:
        """What each row asks: its text, or that which it was made from (``augmented_from``).

        Rows of the same origin say the same thing again: what is learned from some of them is not
        judged on others.
        """
        made = self.columns.get("augmented_from", (None,) * len(self))
        pairs = zip(self.queries, made, strict=True)
        return tuple(of if isinstance(of, str) and of else text for text, of in pairs)

    def rows(self, chosen: Sequence[int] | NDArray[Any] | np.bool) -> OutcomeTable:
        """The chosen rows: indices, or a mask of n booleans."""
        is_mask = np.asarray(chosen).dtype == bool
        index = np.flatnonzero(chosen) if is_mask else np.asarray(chosen, np.intp)
        return replace(
            self,
            queries=tuple(self.queries[i] for i in index),
            measures={name: values[index] for name, values in self.measures.items()},
            columns={name: tuple(col[i] for i in index) for name, col in self.columns.items()},
            answers={name: tuple(col[i] for i in index) for name, col in self.answers.items()},
        )

    def split(self, side: str) -> OutcomeTable:
        """The rows whose ``split`` column says ``side``.

        Raises:
            DataError: no such column or no such row.
        """
        sides = self.columns.get("split")
        if sides is None:
            raise DataError("the table has no column 'split' with 'train' and 'test' in it")
        if not sides:
            raise DataError("the table has no rows")
        mask = np.array([value == side for value in sides], dtype=bool)
        if not mask.any():
            raise DataError(f"no row has split {side!r}; there are {sorted(set(map(str, sides)))}")
        return self.rows(mask)

    def of(self, models: Sequence[str]) -> OutcomeTable:
        """The same queries for some of the models, in the order given."""
        place = {name: column for column, name in enumerate(self.models)}
        if missing := [name for name in models if name not in place]:
            raise DataError(
                f"no outcomes of {', '.join(missing)}; there are {', '.join(self.models)}"
            )
        columns = [place[name] for name in models]
        return replace(
            self,
            models=tuple(models),
            measures={name: values[:, columns] for name, values in self.measures.items()},
            answers={name: self.answers[name] for name in models if name in self.answers},
        )

    def priced(self, pool: ModelPool) -> OutcomeTable:
        """The table with unknown costs computed from token counts and the pool's prices.

        Of the ``in_tokens``, ``cached_tokens`` were read from a cache, none where that is unknown.
        """
        costs = [self._priced_column(j, pool[name]) for j, name in enumerate(self.models)]
        cost = np.where(np.isfinite(self.cost), self.cost, np.stack(costs, axis=1))
        return replace(self, measures={**self.measures, "cost": cost})

    def _priced_column(self, column: int, candidate: Candidate) -> NDArray[np.float64]:
        tokens = [self.measures.get(name) for name in ("in_tokens", "out_tokens")]
        if any(values is None for values in tokens) or candidate.cost(0, 0) is None:
            return np.full(len(self), np.nan)
        read, written = (values[:, column] for values in tokens if values is not None)
        cached = self.measures.get("cached_tokens", np.zeros_like(self.score))[:, column]
        sizes = zip(read, written, np.nan_to_num(cached), strict=True)
        return np.array([candidate.cost(*size) for size in sizes], float)

    @classmethod
    def read(cls, path: str | Path) -> OutcomeTable:
        """Read a parquet, CSV, JSON or JSONL file with the columns the README describes.

        Raises:
            DataError: not there, not readable, or without ``query`` and ``score.<model>`` columns.
            MissingExtra: parquet without pyarrow.
        """
        return cls.from_columns(readers.read_columns(Path(path)), where=str(path))

    @classmethod
    def from_columns(
        cls, columns: Mapping[str, Sequence[Any]], where: str = "the table"
    ) -> OutcomeTable:
        """Build from named columns: ``query``, ``score.<model>``, ``cost.<model>`` …"""
        models = dict.fromkeys(
            name[len("score.") :] for name in columns if name.startswith("score.")
        )
        if not models or "query" not in columns:
            raise DataError(
                f"{where} needs a column 'query' and one 'score.<model>' for each model; "
                f"it has {', '.join(columns) or 'no columns'}"
            )
        _check_lengths(columns, where)
        found = {name: _matrix(columns, name, models, where) for name in MEASURES}
        plain = (name for name in columns if name != "query" and not _is_per_model(name, models))
        said = {model: f"answer.{model}" for model in models}
        return cls(
            models=tuple(models),
            queries=_texts(columns["query"], "query", where),
            measures={name: values for name, values in found.items() if values is not None},
            columns={name: tuple(columns[name]) for name in plain if name not in MEASURES},
            answers={m: _texts(columns[n], n, where) for m, n in said.items() if n in columns},
        )

    @classmethod
    def from_rows(cls, rows: Iterable[Mapping[str, Any]], where: str = "the rows") -> OutcomeTable:
        """Build from dicts with the columns' names as keys; a key that is absent is unknown."""
        return cls.from_columns(readers.columns_of(rows), where=where)


def _texts(values: Sequence[Any], name: str, where: str) -> tuple[str, ...]:
    """The texts of a column; one that is absent is empty: None, or a data frame's NaN."""
    for row, value in enumerate(values):
        if not (isinstance(value, str | None) or (isinstance(value, float) and math.isnan(value))):
            kind = type(value).__name__
            raise DataError(f"the {name} in row {row} of {where} is no text but a {kind}")
    return tuple(str(value) if isinstance(value, str) else "" for value in values)


def _check_lengths(columns: Mapping[str, Sequence[Any]], where: str) -> None:
    for name, values in columns.items():
        if len(values) != len(columns["query"]):
            raise DataError(
                f"column {name} of {where} has {len(values)} rows, query {len(columns['query'])}"
            )


def _is_per_model(column: str, models: Collection[str]) -> bool:
    measure, dot, model = column.partition(".")
    return bool(dot) and model in models and measure in (*MEASURES, "answer")


def _matrix(
    columns: Mapping[str, Sequence[Any]], measure: str, models: Collection[str], where: str
) -> Matrix | None:
    """(n, m) of ``measure.<model>`` columns; a plain column ``measure`` counts for every model."""
    names = [f"{measure}.{model}" for model in models]
    present = [
        name if name in columns else measure if measure in columns else None for name in names
    ]
    if not any(present):
        return None
    unknown = np.full(len(columns["query"]), np.nan)
    return np.stack(
        [unknown if name is None else _numbers(columns[name], name, where) for name in present],
        axis=1,
    )


def _numbers(values: Sequence[Any], name: str, where: str) -> NDArray[np.float64]:
    if isinstance(values, np.ndarray) and values.dtype.kind == "f":
        return values.astype(float)
    try:
        return np.array([readers.number(value) for value in values], float)
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(
            f"column {name} of {where} holds something that is no number: {error}"
        ) from error
