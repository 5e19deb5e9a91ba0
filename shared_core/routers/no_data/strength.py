"""How strong models are said to be, where no prices tell: by their names and descriptions.

No catalogue, but a rule that outlives the models of a year: nano < mini, flash, haiku < a name
without a mark < large, pro, opus. Sizes go by their logarithm, up to that of an unmarked name, for
most of those belong to providers who tell no size. A name counts before a description.
"""

from __future__ import annotations

import math
import re
from functools import cache
from typing import Final

from shared_core.pool import Candidate
from shared_core.routers.no_data.lexicon import entries
from shared_core.routers.no_data.negation import told
from shared_core.routers.no_data.topics import plain

UNMARKED: Final = 0.6
"""Strength of a model of which nothing is said."""

_MARKS: Final = {"weakest": 0.1, "weak": 0.25, "strong": 1.0}
_SIZE: Final = re.compile(
    r"(?<![a-z\d.])(?:(\d+)x|e)?(\d+(?:\.\d+)?)(\s?b|(?<=\d{3})m|t)(?![a-z\d]|\s?tokens)"
)
"""Weights: "8b", "1.5B", "70 b", "8x7b", "e4b", "135m", "1t"."""
_BILLIONS: Final = {"m": 1e-3, "b": 1.0, "t": 1e3}
_LARGEST: Final = 400.0
"""Billions of weights from which a model is taken to be as strong as an unmarked one."""
_WORD: Final = re.compile(r"[a-z]+")


def strength(candidate: Candidate) -> float | None:
    """From 0 for a small model to 1 for a strong one; None where neither name nor words tell."""
    texts = candidate.name, told(candidate.description).claimed
    name, about = (plain(text.replace("_", " ")) for text in texts)
    for text in (name, about):
        for tell in (_by_size, _by_marks):
            if (found := tell(text)) is not None:
                return found
    return None


def _by_size(text: str) -> float | None:
    sizes = [
        int(times or 1) * float(number) * _BILLIONS[unit.strip()]
        for times, number, unit in _SIZE.findall(text)
    ]
    if not sizes:
        return None
    return UNMARKED * min(math.log(max(*sizes, 1.0)) / math.log(_LARGEST), 1.0)


def _by_marks(text: str) -> float | None:
    marks = [_marks()[word] for word in _WORD.findall(text) if word in _marks()]
    return sum(marks) / len(marks) if marks else None


@cache
def _marks() -> dict[str, float]:
    return {word: _MARKS[kind] for kind, words in entries("strength.txt").items() for word in words}
