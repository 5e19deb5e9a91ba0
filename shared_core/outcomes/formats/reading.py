"""What reading gives: a table, and a count of every record that is not in it, with the reason."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from shared_core.errors import DataError
from shared_core.outcomes.table import OutcomeTable

Record = Mapping[str, Any]


class Broken(Exception):
    """A record that cannot be used; the message is the reason it is counted under."""


class OffScale(Exception):
    """A score outside 0..1; the message names it. To leave it out would select by outcome."""


@dataclass(frozen=True)
class Reading:
    """Outcomes that were read.

    Args:
        table: what could be used.
        format: the format's name.
        records: how many the file or folder held.
        left_out: reason -> how many records were not used.
        note: what else to know of how the file was read.
    """

    table: OutcomeTable
    format: str
    records: int
    left_out: Mapping[str, int] = field(default_factory=dict)
    note: str = ""

    def explain(self) -> str:
        """In a sentence: what was read, what was not, and why."""
        told = f"{self.records:,} records of format {self.format}: {len(self.table):,} queries"
        n_models = len(self.table.models)
        told += f", {n_models} model{'' if n_models == 1 else 's'}"
        reasons = "; ".join(f"{count:,} {reason}" for reason, count in self.left_out.items())
        told += f". Left out: {reasons}" if reasons else ", nothing left out"
        return f"{told}. {self.note}" if self.note else told


@dataclass(frozen=True)
class Outcome:
    """How one model did on one query.

    Args:
        query: the text.
        model: who answered.
        score: quality, 0 to 1.
        answer: what it said, where recorded.
        measures: ``cost`` in USD, ``in_tokens``, ``out_tokens``, ``latency`` in seconds.
        columns: ``query_id``, ``dataset``, ``split``, ``reference``.
    """

    query: str
    model: str
    score: float
    answer: str | None = None
    measures: Mapping[str, float] = field(default_factory=dict)
    columns: Mapping[str, Any] = field(default_factory=dict)


class Tally:
    """Records seen, used and left out, while reading."""

    def __init__(self) -> None:
        self.records = 0
        self.left_out: Counter[str] = Counter()

    def leave_out(self, reason: str) -> None:
        """Count a record that could not even be read."""
        self.records += 1
        self.left_out[reason] += 1

    def used(self, found: Iterable[Any], outcome: Callable[[Any], Outcome]) -> Iterator[Outcome]:
        """The outcome of each of these, where it has one; the others are counted."""
        for one in found:
            try:
                yield outcome(one)
            except Broken as reason:
                self.left_out[str(reason)] += 1

    def reading(self, outcomes: Iterable[Outcome], name: str, where: str) -> Reading:
        """The table of the outcomes, a row for each query in order of appearance.

        Raises:
            DataError: none could be used, and the message counts why; or a score is off the scale.
        """
        try:
            rows = self._rows(outcomes)
        except OffScale as error:
            raise DataError(
                f"{where}: {error}. Rescale the scores of all records to 0..1, where 1 is the best"
            ) from error
        if not rows:
            raise DataError(f"{where}: nothing to read as {name}. {self.explain()}")
        return Reading(_table(rows), name, self.records, dict(self.left_out))

    def _rows(self, outcomes: Iterable[Outcome]) -> list[list[Outcome]]:
        """The outcomes of each query."""
        rows: dict[tuple[Any, ...], list[Outcome]] = {}
        seen: set[tuple[Any, ...]] = set()
        for outcome in outcomes:
            key = (outcome.columns.get("dataset"), outcome.query)
            if not isinstance(key[0], Hashable):
                self.left_out["whose data set is no name"] += 1
                continue
            if (*key, outcome.model) in seen:
                self.left_out["a second outcome of the same model and query"] += 1
                continue
            seen.add((*key, outcome.model))
            rows.setdefault(key, []).append(outcome)
        return list(rows.values())

    def explain(self) -> str:
        """How many records there were, and how many were left out why."""
        told = "; ".join(f"{count:,} {reason}" for reason, count in self.left_out.items())
        return f"{self.records:,} records; left out: {told or 'none'}"


def chosen_score(names: Iterable[str], wanted: str | None, where: str) -> str:
    """The name of the score that says how good an answer was: the wanted one, or the only one.

    Args:
        names: of all scores in the file, as often as they occur.
        wanted: None where nobody said.
        where: the file's name.

    Raises:
        DataError: there is none of that name; or there are several, and nobody said which.
    """
    there = Counter(names)
    if wanted in there or (wanted is None and len(there) < 2):
        return wanted or next(iter(there), "score")
    told = ", ".join(f"{name!r} ({count:,})" for name, count in there.most_common(20)) or "none"
    if wanted is not None:
        raise DataError(f"{where} has no score {wanted!r}; there are {told}")
    raise DataError(
        f"{where} has several scores: {told}. Say which one tells how good an answer was: "
        "score='…' in Python, --score … at the command line"
    )


def number(value: Any, what: str) -> float:
    """A finite number from 0 up; booleans count as 0 and 1.

    Raises:
        Broken: there is none, or it is something else.
    """
    found = _float(value, what)
    if not (found >= 0 and math.isfinite(found)):
        raise Broken(f"whose {what} is not a number from 0 up")
    return found


def score_of(value: Any, what: str) -> float:
    """How good an answer was, 0 to 1; booleans count as 0 and 1.

    Raises:
        Broken: there is none, or it is no number.
        OffScale: it lies outside.
    """
    found = _float(value, what)
    if found < 0 or found > 1:
        raise OffScale(f"{what} is {value}, outside 0..1")
    return found


def _float(value: Any, what: str) -> float:
    if value is None or value == "":
        raise Broken(f"without {what}")
    try:
        text = str(value).strip().lower()
        found = {"true": 1.0, "false": 0.0}[text] if text in ("true", "false") else float(text)
    except (ValueError, RecursionError) as error:
        raise Broken(f"whose {what} is no number") from error
    if math.isnan(found):
        raise Broken(f"without {what}")
    return found


def measures(**values: Any) -> dict[str, float]:
    """Those of the values that are there, as numbers from 0 up."""
    return {name: number(value, name) for name, value in values.items() if value not in (None, "")}


def text(value: Any, what: str) -> str:
    """A text that is not empty.

    Raises:
        Broken: there is none.
    """
    if not isinstance(value, str) or not value.strip():
        raise Broken(f"without {what}")
    return value


def text_or_none(value: Any) -> str | None:
    """The text, where it is one."""
    return value if isinstance(value, str) else None


def parsed(value: Any) -> Any:
    """What JSON text holds that is an object or a list; anything else as it is."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def mapping(value: Any) -> Mapping[str, Any]:
    """The object that this is, or is JSON text of; an empty one where it is none."""
    found = parsed(value)
    return found if isinstance(found, Mapping) else {}


def first(row: Record, *names: str) -> Any:
    """The value of the first of these fields that has one."""
    return next((row[name] for name in names if row.get(name) not in (None, "")), None)


def _table(rows: list[list[Outcome]]) -> OutcomeTable:
    models = tuple(dict.fromkeys(outcome.model for row in rows for outcome in row))
    column = {model: j for j, model in enumerate(models)}
    found: dict[str, Any] = {"score": np.full((len(rows), len(models)), np.nan)}
    answers: dict[str, list[str]] = {}
    for i, row in enumerate(rows):
        for outcome in row:
            at = i, column[outcome.model]
            found["score"][at] = outcome.score
            for name, value in outcome.measures.items():
                found.setdefault(name, np.full((len(rows), len(models)), np.nan))[at] = value
            if outcome.answer is not None:
                answers.setdefault(outcome.model, [""] * len(rows))[i] = outcome.answer
    names = dict.fromkeys(name for row in rows for outcome in row for name in outcome.columns)
    return OutcomeTable(
        models,
        tuple(row[0].query for row in rows),
        found,
        {name: tuple(_first(row, name) for row in rows) for name in names},
        {model: tuple(said) for model, said in answers.items()},
    )


def _first(row: list[Outcome], name: str) -> Any:
    known = (outcome.columns.get(name) for outcome in row)
    return next((value for value in known if value is not None), None)
