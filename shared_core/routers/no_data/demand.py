"""How much a query demands of a model: small talk nothing, the rest what the prior makes of it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Final

import numpy as np

from shared_core.routers.no_data.lexicon import entries
from shared_core.routers.no_data.pieces import asks
from shared_core.routers.no_data.prior import Prior
from shared_core.routers.no_data.topics import plain, topics

_TRIVIAL: Final = 0.05
ASKED: Final = (0.0, 0.25, 0.36, 0.62, 1.0)
DEMANDED: Final = (_TRIVIAL, 0.2, 0.48, 0.8, 1.0)
"""What the prior says, and the demand it stands for. Of other people's prompts, one in 380 of the
hard ones lies below .25 and one in 30 below .36, where the stronger of two models takes over; one
in 90 of the easy ones lies above .62. See ``examples/demand_prior``."""

CLEARLY_EASY: Final = 0.25
_DESPAIR: Final = 0.72
"""Where somebody's life may depend on the answer, at least; however plain the words."""

_LONGEST_FIRST: Final = sorted(entries("small_talk.txt")["small_talk"], key=len, reverse=True)
_PHRASES: Final = "|".join(plain(one).replace("_", r"\W+") for one in _LONGEST_FIRST)
_SMALL_TALK: Final = re.compile(rf"[\W_]*+(?:(?>(?:{_PHRASES})(?!\w))[\W_]*+)++")
"""The longest phrase at each place, never taken back: so any text takes linear time."""
_LETTER: Final = re.compile(r"[^\W_]")
_LONGEST_TRIVIAL: Final = 400
"""Characters; more is no small talk, whatever its words."""
_NUMBER: Final = r"\(?\d{1,4}(?:[.,]\d{1,2})?\)?"
_UNITS: Final = "[cfkgml]|kg|km|cm|mm|ml|oz|lbs?|ft|in|inch(?:es)?|miles?|cups?|feet|pounds?"
_SMALL: Final = r"\(?\d{1,2}\)?"
_PLUS: Final = r"\s*(?:[-+]|plus|minus|mais|menos|mas)\s*"
_TIMES: Final = r"\s*(?:[-+*/x×÷]|plus|minus|times|mais|menos|vezes|por|mas)\s*"
_SUM: Final = re.compile(
    r"(?:what(?:'?s| is)|how much is|quanto e|cuanto es|calcul\w*+|compute|=|[\s?¿.!])*+"
    rf"(?:{_NUMBER}(?:{_PLUS}{_NUMBER}){{1,3}}|{_SMALL}(?:{_TIMES}{_SMALL}){{1,3}}|"
    rf"(?:half|double|twice|metade|dobro|mitad|doble)(?: of| de| the)? {_NUMBER}|"
    rf"(?:sqrt|square root|square)(?: of| de| the)? {_SMALL}|"
    rf"{_SMALL}\s*(?:%|percent|por ?cento|por ?ciento) (?:of|de) \d{{1,3}}|"
    rf"{_NUMBER} ?(?:{_UNITS}) (?:to|in|into|em|en|a|para) (?:{_UNITS}))[\s=?.!]*"
)
"""Sums of numbers, products of small ones, and a number from one unit into another."""
_RELATION: Final = re.compile(r"[A-Za-z)]\s*[=^≡≤≥≠∈→]|[∀∃∫∑√∞]")
"""Symbols of mathematics that relate letters: small as it is, that is no small talk."""


def demand(text: str) -> float:
    """How much a query asks of a model, 0..1.

    0.05 for small talk; below 0.2 what a small model can surely do, from 0.48 on what it had better
    not, from 0.8 on what the strongest model is for.
    """
    if is_trivial(text):
        return _TRIVIAL
    least = _DESPAIR if topics(text)["crisis"] else 0.0
    return max(float(np.interp(asks(_prior().__call__, text), ASKED, DEMANDED)), least)


def demand_of(texts: Iterable[str]) -> float:
    """How much the most demanding of several texts asks."""
    return max(map(demand, texts))


def is_trivial(text: str) -> bool:
    """Whether it is small talk, nothing that has letters, or a sum of a few small numbers."""
    if not _LETTER.search(text):
        return not _RELATION.search(text)
    told = text.strip()
    if len(told) > _LONGEST_TRIVIAL:
        return False
    told = plain(told)
    return bool(_SMALL_TALK.fullmatch(told) or _SUM.fullmatch(told))


def is_readable(text: str) -> bool:
    """Whether the prior knows enough of the words to tell what is asked."""
    return is_trivial(text) or _prior().reads(text)


@cache
def _prior() -> Prior:
    return Prior.load()
