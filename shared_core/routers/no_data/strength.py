"""How strong models are said to be, where no prices tell: by their names and descriptions."""

from __future__ import annotations

import math
import re
from functools import cache
from typing import Final

from shared_core.pool import Candidate
from shared_core.routers.no_data.lexicon import entries
from shared_core.routers.no_data.topics import plain

_SIZE: Final = re.compile(r"(?<![a-z\d.])(\d+(?:\.\d+)?)\s?b(?![a-z\d])")
"""Billions of weights: "8b", "1.5B", "70 b"."""
_WORD: Final = re.compile(r"[a-z]+")
_LARGEST: Final = 400.0


def strength(candidate: Candidate) -> float | None:
    """From 0 for a small model to 1 for a strong one; None where neither name nor words tell."""
    told = plain(f"{candidate.name}\n{candidate.description}".replace("_", " "))
    if sizes := [float(size) for size in _SIZE.findall(told)]:
        return min(max(math.log(max(max(sizes), 1.0)) / math.log(_LARGEST), 0.0), 1.0)
    words = _WORD.findall(told)
    strong, weak = (sum(map(_words(kind).__contains__, words)) for kind in ("strong", "weak"))
    return strong / (strong + weak) if strong + weak else None


@cache
def _words(kind: str) -> frozenset[str]:
    return frozenset(entries("strength.txt")[kind])
