"""Read outcomes in any format we know."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from shared_core.errors import DataError
from shared_core.outcomes.formats import (
    langfuse,
    langsmith,
    llmrouter,
    llmrouterbench,
    openai_logs,
    routellm,
    routerbench,
    table,
)
from shared_core.outcomes.formats.reading import Reading, Record, Tally
from shared_core.outcomes.formats.records import records

Fits = Callable[[Sequence[Record]], bool]
Read = Callable[[Path, Sequence[Record], Tally], Reading]
Formats = Mapping[str, tuple[Fits, Read]]

FORMATS: Final = (
    "table",
    "routerbench",
    "llmrouterbench",
    "llmrouter",
    "routellm",
    "routellm-pairs",
    "langsmith",
    "langfuse",
    "openai",
)
_NAMED_SCORES: Final = ("langsmith", "langfuse", "openai")


def read_outcomes(path: str | Path, format: str = "auto", score: str | None = None) -> Reading:
    """Read a file (or LLMRouterBench's folder) of outcomes; what cannot be used is counted.

    Args:
        path: .csv (separated by commas, semicolons or tabs; UTF-8), .json, .jsonl or .parquet.
            Pickles are refused.
        format: one of ``FORMATS``, or ``auto`` to tell by the first records.
        score: for traces and logs, the feedback or field that says how good an answer was; needed
            where there are several.

    Raises:
        DataError: not there, of no known format, with nothing to use in it, or ``score`` for a
            format whose scores have no names.
        MissingExtra: parquet without pyarrow.
    """
    found = _read(Path(path), format, score)
    if score is not None and found.format not in _NAMED_SCORES:
        raise DataError(
            f"{path} is of format {found.format}, whose scores have no names to choose by: leave "
            f"{score!r} out (score= in Python, --score at the command line); it is for "
            f"{', '.join(_NAMED_SCORES)}"
        )
    return found


def _read(where: Path, format: str, score: str | None) -> Reading:
    if format not in ("auto", *FORMATS):
        raise DataError(f"no format {format!r}; there are {', '.join(FORMATS)}")
    if format == "llmrouterbench" or (format == "auto" and llmrouterbench.fits_path(where)):
        return llmrouterbench.read_path(where)
    if format in ("auto", "table") and (whole := table.read_whole(where)) is not None:
        return whole
    tally = Tally()
    found = records(where, tally)
    if not found:
        raise DataError(f"{where} holds no records that can be read. {tally.explain()}")
    known = _formats(score)
    name = _detected(known, found, where) if format == "auto" else format
    _, read = known[name]
    return read(where, found, tally)


def _detected(known: Formats, found: Sequence[Record], where: Path) -> str:
    """The name of the format that these records look like.

    Raises:
        DataError: there is none.
    """
    name = next((name for name, (fits, _) in known.items() if fits(found)), None)
    if name in (None, "routellm") and table.lacks_query(found):
        raise DataError(
            f"{where} has columns score.<model>, but no column query, as our format takes; it has "
            f"{_names(found[0])}"
        )
    if name is None:
        raise DataError(
            f"{where} is of no format we know ({', '.join(FORMATS)}); its first record has "
            f"{_names(found[0])}. A table of outcomes has columns query and score.<model>"
        )
    return name


def _names(record: Record) -> str:
    return ", ".join(repr(name) if str(name) != str(name).strip() else str(name) for name in record)


def _formats(score: str | None) -> Formats:
    """In the order in which they are tried."""
    return {
        "table": (table.fits, table.read),
        "routerbench": (routerbench.fits, routerbench.read),
        "llmrouter": (llmrouter.fits, llmrouter.read),
        "routellm-pairs": (routellm.pairs_fit, routellm.read_pairs),
        "langsmith": (langsmith.fits, partial(langsmith.read, score=score)),
        "langfuse": (langfuse.fits, partial(langfuse.read, score=score)),
        "openai": (openai_logs.fits, partial(openai_logs.read, score=score)),
        "routellm": (routellm.fits, routellm.read),
    }
