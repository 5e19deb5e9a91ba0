"""RouteLLM: evaluation responses (CSV) and preference pairs (arXiv 2406.18665).

Responses have ``prompt`` and a column of right or wrong for each model, some also
``<model>_response``. Preference pairs have ``model_a``, ``model_b`` and who won: as Chatbot Arena's
files (``winner``: model_a, model_b, tie, tie (bothbad)) or as the competition's
(``winner_model_a``, ``winner_model_b``, ``winner_tie``). Our own, of ``outcomes.preferences``, fit.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from shared_core.outcomes import preferences
from shared_core.outcomes.formats.reading import (
    Broken,
    Outcome,
    Reading,
    Record,
    Tally,
    score_of,
    text,
    text_or_none,
)

_VERDICTS = {"true", "false", "0", "1", "0.0", "1.0", "", "none"}


def fits(found: Sequence[Record]) -> bool:
    """Whether these records look like responses."""
    return "prompt" in found[0] and len(_models(found)) >= 2


def read(path: Path, found: Sequence[Record], tally: Tally) -> Reading:
    """Responses: score 1 where right, 0 where wrong; costs are not in the file."""
    models = _models(found)
    used = {"prompt", *models, *(f"{model}_response" for model in models)}
    rest = ", ".join(name for name in found[0] if name not in used) or "none"
    note = f"Columns taken for models: {', '.join(models)}; not used: {rest}"
    return replace(
        tally.reading(_responses(found, models, tally), "routellm", str(path)), note=note
    )


def pairs_fit(found: Sequence[Record]) -> bool:
    """Whether these records look like preference pairs."""
    return {"model_a", "model_b"} <= found[0].keys() and any("winner" in name for name in found[0])


def read_pairs(path: Path, found: Sequence[Record], tally: Tally) -> Reading:
    """Pairs: a model's score is its share of ``preferences.POINTS`` in a query's comparisons.

    Every other model's score is unknown on that query. Where models met unlike opponents, the note
    says so.
    """
    heard = list(_pairs(found, tally))
    share = preferences.shares((one.query, one.model, one.score) for one in heard)
    once: dict[tuple[str, str], Outcome] = {}
    for one in heard:
        once.setdefault((one.query, one.model), replace(one, score=share[one.query][one.model]))
    games = (
        (one.model, other.model, (1 + one.score - other.score) / 2)
        for one, other in zip(heard[::2], heard[1::2], strict=True)
    )
    note = preferences.told_of_opponents(games) if heard else ""
    return replace(tally.reading(once.values(), "routellm-pairs", str(path)), note=note)


def _models(found: Sequence[Record]) -> list[str]:
    first = found[0]
    asked = [name for name in first if name != "prompt" and not name.endswith("_response")]
    return [name for name in asked if all(str(row.get(name)).lower() in _VERDICTS for row in found)]


def _responses(found: Sequence[Record], models: list[str], tally: Tally) -> Iterator[Outcome]:
    for row in found:
        for model in models:
            try:
                query = text(row.get("prompt"), "a prompt")
                score = score_of(row.get(model), "a verdict")
            except Broken as reason:
                tally.left_out[str(reason)] += 1
            else:
                yield Outcome(query, model, score, text_or_none(row.get(f"{model}_response")))


def _pairs(found: Sequence[Record], tally: Tally) -> Iterator[Outcome]:
    for number_, row in enumerate(found):
        try:
            query = _prompt(row)
            names = text(row.get("model_a"), "model_a"), text(row.get("model_b"), "model_b")
            if names[0] == names[1]:
                raise Broken("that compare a model with itself")
            scores = _scores(row)
        except Broken as reason:
            tally.left_out[str(reason)] += 1
            continue
        said = row.get("response_a"), row.get("response_b")
        columns = {"query_id": str(row.get("id") or row.get("question_id") or number_)}
        columns |= {"split": row["split"]} if row.get("split") else {}
        for model, score, answer in zip(names, scores, said, strict=True):
            yield Outcome(query, model, score, text_or_none(answer), columns=columns)


def _scores(row: Record) -> tuple[float, float]:
    winner = row.get("winner")
    if winner is None:
        marks = {name: row.get(f"winner_{name}") for name in ("model_a", "model_b", "tie")}
        won = [name for name, mark in marks.items() if str(mark).lower() in ("1", "1.0", "true")]
        winner = won[0] if len(won) == 1 else None
    if not isinstance(winner, str) or winner not in preferences.POINTS:
        raise Broken("without a known winner")
    return preferences.POINTS[winner]


def _prompt(row: Record) -> str:
    """The first thing the user said, out of any of the forms in which these files have it."""
    said: Any = row.get("prompt") or row.get("conversation_a") or row.get("query")
    if isinstance(said, str) and said.startswith("["):
        try:
            said = json.loads(said)
        except (ValueError, RecursionError):
            return text(said, "a prompt")
    if isinstance(said, list) and said:
        said = said[0].get("content") if isinstance(said[0], dict) else said[0]
    return text(said, "a prompt")
