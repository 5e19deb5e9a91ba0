"""Preferences: who won a comparison of two answers, and outcome tables made of them.

Format, a row (of ``.jsonl``, ``.csv`` or ``.parquet``) for each comparison: ``query``, ``model_a``,
``model_b`` and ``winner``, one of ``model_a``, ``model_b``, ``tie`` and ``tie (bothbad)`` (Chatbot
Arena's names). A ``split`` column is kept; a query's comparisons share a side.

A share of points says how good a model is only beside those that it met. Where some met strong
opponents and others weak ones, ``EloRouter`` allows for that; other routers, and leaderboards, do
not. ``told_of_opponents`` says where it matters; who reads a file by ``read_outcomes`` is told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shared_core.errors import DataError
from shared_core.outcomes import readers
from shared_core.outcomes.table import OutcomeTable

POINTS: Final = {
    "model_a": (1.0, 0.0),
    "model_b": (0.0, 1.0),
    "tie": (0.5, 0.5),
    "tie (bothbad)": (0.0, 0.0),
}
"""Who won -> the points of model_a and model_b."""
_UNLIKE: Final = 0.1
"""Share of games by which two models' shares are further apart by whom they met: worth a word."""
_ROUNDS: Final = 500
_PRIOR_GAMES: Final = 0.5
"""Draws of each model with one of average strength: who won all is not endlessly strong."""

Matrix = NDArray[np.float64]
Game = tuple[str, str, float]
"""Two models, and what the first won: 1, or 0.5 of a draw, or 0."""


def read(path: str | Path) -> OutcomeTable:
    """The outcome table of a file of comparisons.

    Raises:
        DataError: the file is not there, lacks a column, or names another winner.
    """
    columns = readers.read_columns(Path(path))
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return table(rows, where=str(path))


def table(rows: Iterable[Mapping[str, Any]], where: str = "the rows") -> OutcomeTable:
    """Comparisons as outcomes: a model's score is its share of points in a query's comparisons.

    Raises:
        DataError: a row lacks a column or names another winner.
    """
    points: list[tuple[str, str, float]] = []
    sides: dict[str, Any] = {}
    for number, row in enumerate(rows):
        query, first, second, winner = _parts(row, f"{where}, row {number}")
        points += zip((query, query), (first, second), POINTS[winner], strict=True)
        if row.get("split") is not None:
            sides[query] = row["split"]
    if not points:
        raise DataError(f"{where} holds no comparison")
    return OutcomeTable.from_rows(
        {"query": query, **({"split": sides.get(query)} if sides else {})}
        | {f"score.{model}": share for model, share in by_model.items()}
        for query, by_model in shares(points).items()
    )


def shares(points: Iterable[tuple[str, str, float]]) -> dict[str, dict[str, float]]:
    """Query -> model -> its share, of (query, model, points) in each comparison it was in."""
    won: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for query, model, one in points:
        won[query][model].append(one)
    return {
        query: {model: sum(each) / len(each) for model, each in by_model.items()}
        for query, by_model in won.items()
    }


def _parts(row: Mapping[str, Any], where: str) -> tuple[str, str, str, str]:
    if lacking := [key for key in ("query", "model_a", "model_b", "winner") if key not in row]:
        raise DataError(f"{where} lacks {', '.join(lacking)}")
    if not isinstance(row["winner"], str) or row["winner"] not in POINTS:
        raise DataError(f"{where}: winner is one of {', '.join(POINTS)}, not {row['winner']!r}")
    if row["model_a"] == row["model_b"]:
        raise DataError(f"{where} compares {row['model_a']} with itself")
    return str(row["query"]), str(row["model_a"]), str(row["model_b"]), row["winner"]


def told_of_opponents(games: Iterable[Game]) -> str:
    """A warning where models met so unlike ones that their shares of points do not compare."""
    games = list(games)
    names = sorted({name for game in games for name in game[:2]})
    place = {name: i for i, name in enumerate(names)}
    won = np.zeros((len(names), len(names)))
    for first, second, share in games:
        won[place[first], place[second]] += share
        won[place[second], place[first]] += 1 - share
    is_in = reached(won + won.T > 0)
    if apart := [name for name in names if not is_in[place[name]]]:
        met = ", ".join(name for name in names if name not in apart)
        return (
            f"{met} never met {', '.join(apart)}, not by others either: nothing says who of them "
            "is better, and shares of points do not"
        )
    share, expected = won.sum(axis=1) / (won + won.T).sum(axis=1), _against_all(won)
    favoured = share - expected
    lucky, unlucky = int(favoured.argmax()), int(favoured.argmin())
    if favoured[lucky] - favoured[unlucky] < _UNLIKE:
        return ""
    each = (
        f"{names[i]} won {share[i]:.0%} and would against each alike win {expected[i]:.0%}"
        for i in (lucky, unlucky)
    )
    return (
        f"Models met unlike opponents: {'; '.join(each)}. Shares of points count as quality, "
        "whoever they were won against; only the router elo allows for that"
    )


def reached(met: NDArray[np.bool]) -> NDArray[np.bool]:
    """Which models (m,) are led to from the first one, by who met whom (m, m)."""
    found: NDArray[np.bool] = np.arange(len(met)) == 0
    for _ in met:
        found = found | met[found].any(axis=0)
    return found


def _against_all(won: Matrix) -> Matrix:
    """Share (m,) that each would win against every other one alike, of who won what (m, m).

    By Bradley-Terry strengths, fitted by Hunter's MM algorithm (2004, Annals of Statistics 32).
    """
    games, total = won + won.T, won.sum(axis=1) + _PRIOR_GAMES / 2
    strength = np.ones(len(won))
    for _ in range(_ROUNDS):
        pairs = games / (strength[:, None] + strength)
        strength = total / (pairs.sum(axis=1) + _PRIOR_GAMES / (strength + 1))
    chance = strength[:, None] / (strength[:, None] + strength)
    found: Matrix = (chance.sum(axis=1) - 0.5) / (len(won) - 1)
    return found
