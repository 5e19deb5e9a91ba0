"""RouterBench's wide form (arXiv 2403.12031), as CSV or parquet; its pickles are refused.

Columns ``sample_id``, ``prompt``, ``eval_name``, and for each model ``<model>`` (its score),
``<model>|model_response`` and ``<model>|total_cost``. Prompts and responses stand there as Python
writes a list of its turns (``['What is …']``); they are read as the turns.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from shared_core.outcomes.formats.reading import (
    Broken,
    Outcome,
    Reading,
    Record,
    Tally,
    measures,
    score_of,
    text,
    text_or_none,
)

_COST = "|total_cost"


def fits(found: Sequence[Record]) -> bool:
    """Whether these records look like it."""
    return any(name.endswith(_COST) for name in found[0])


def read(path: Path, found: Sequence[Record], tally: Tally) -> Reading:
    """Every model of every row; ``eval_name`` becomes the column ``dataset``."""
    return tally.reading(_outcomes(found, tally), "routerbench", str(path))


def _outcomes(found: Sequence[Record], tally: Tally) -> Iterator[Outcome]:
    models = [name.removesuffix(_COST) for name in found[0] if name.endswith(_COST)]
    for row in found:
        columns = {"query_id": row.get("sample_id"), "dataset": row.get("eval_name")}
        prompt = _turns(row.get("prompt"))
        for model in models:
            try:
                query = text(prompt, "a prompt")
                score = score_of(row.get(model), "a score")
                spent = measures(cost=row.get(f"{model}{_COST}"))
            except Broken as reason:
                tally.left_out[f"(of one model) {reason}"] += 1
            else:
                answer = text_or_none(_turns(row.get(f"{model}|model_response")))
                yield Outcome(query, model, score, answer, spent, columns)


def _turns(value: Any) -> Any:
    """The turns, a line each, of a list written as Python writes it; anything else as it is."""
    if not (isinstance(value, str) and value.startswith(("['", '["'))):
        return value
    try:
        turns = ast.literal_eval(value)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return value
    listed = isinstance(turns, list) and all(isinstance(turn, str) for turn in turns)
    return "\n".join(turns) if listed else value
