"""A text in pieces, as a hard question may stand among easy words.

The words around a question say little of how much it asks, and many of them drown it out: so each
piece is judged on its own too, and the most demanding one counts. Not so where the text is merely
to be worked on, "translate this": then it may speak of anything, and the order counts for more.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Final

from shared_core.encoders.ngrams import words_of
from shared_core.routers.no_data.lexicon import Lexicon
from shared_core.routers.no_data.topics import plain, topics

_REACH: Final = 1500
"""Characters that are read in pieces from each end."""
_LONGEST: Final = 240
_END: Final = re.compile(r"(?<=[.!?…;])[\"”»')]*\s+|(?<=[。！？])|\n+")
_LETTER: Final = re.compile(r"[^\W\d_]")
_MARGIN: Final = 0.1
"""By how much a piece must ask for more than the whole: the highest of many is high by chance."""
_UNREAD: Final = 0.04
"""Of doubt, where the middle of a text is in no piece."""
_FIRST: Final = 3
_LAST: Final = 2
"""Pieces at either end in which it is said what to do with a text."""
_OF_GIVEN: Final = 0.75
"""Of what a given text adds to the order's demand: as little as loses no hard prompt to the weaker
of two, of authors who paste texts and were left out of the prior."""
_OF_SPELT: Final = 0.25
"""The same, where the order goes by letters or tone: what the text says is next to nothing."""
_HEARD: Final = 0.45
"""Demand from which a few words that are handed over, and are of no field, count as if nothing were
to be done with them: they may be somebody's in despair. Of such words half ask for more, unread,
and one in fourteen of the harmless ones that orders hand over."""
_DESPAIRING: Final = frozenset({"crisis", "safety", "writing"})
_GIVEN: Final = re.compile("[:：]")
_QUOTE: Final = re.compile("[\"'«„“‘`]")


def pieces(text: str) -> list[str]:
    """The sentences and lines at both ends of a text, long ones cut."""
    if len(text) > 2 * _REACH:
        text = f"{text[:_REACH]}\n{text[-_REACH:]}"
    found = [part.strip() for part in _END.split(text)]
    return [piece for part in found if _LETTER.search(part) for piece in _cut(part)]


def is_read(text: str) -> bool:
    """Whether its pieces are all of the text."""
    return len(text) <= 2 * _REACH or bool(_orders(pieces(text)))


def asks(judge: Callable[[str], float], text: str) -> float:
    """How much a text asks: as a whole or, if that is clearly more, its most demanding piece.

    Where it is to be worked on, between what the order asks and the whole, if that is more.

    Args:
        judge: tells of a text of any length how much it asks, 0..1.
        text: the text.
    """
    whole = judge(text)
    parts = pieces(text)
    if spelling := _spelling(parts):
        least = min(whole, judge(spelling))
        return max(least + _OF_SPELT * (whole - least), _heard(judge, parts))
    if orders := _orders(parts):
        least = min(whole, max(map(judge, orders)))
        return max(least + _OF_GIVEN * (whole - least), _heard(judge, parts))
    if len(parts) < 2:
        return whole
    doubt = _MARGIN if len(text) <= 2 * _REACH else _MARGIN - _UNREAD
    return max(whole, max(map(judge, parts)) - doubt)


def _heard(judge: Callable[[str], float], parts: list[str]) -> float:
    """What a few words of no field ask that an order hands over; 0 where that is not much."""
    told = (_GIVEN.split(part, maxsplit=1)[-1] if _concepts(part) else part for part in parts)
    given = " ".join(told).strip()
    if len(given) > _LONGEST or any(
        n for name, n in topics(given).items() if name not in _DESPAIRING
    ):
        return 0.0
    found = judge(given)
    return found if found >= _HEARD else 0.0


def _cut(part: str) -> list[str]:
    """A long part at blanks where there are any."""
    found = []
    while len(part) > _LONGEST:
        end = part.rfind(" ", _LONGEST // 2, _LONGEST)
        end = end if end > 0 else _LONGEST
        found.append(part[:end])
        part = part[end:].lstrip()
    return [*found, part]


def _orders(parts: list[str]) -> list[str]:
    """What the first or last pieces order to be done with a given text, up to a colon."""
    ends = dict.fromkeys((*parts[:_FIRST], *parts[-_LAST:]))
    heads = ((part, _GIVEN.split(part, maxsplit=1)[0]) for part in ends if is_order(part))
    return [head if is_order(head) else part for part, head in heads]


def _spelling(parts: list[str]) -> str:
    """What the first piece orders to be done with the letters of a text that it hands over.

    Empty where it does not, or where a question stands at the end: that may be of another kind.
    """
    head, *given = _GIVEN.split(parts[0], maxsplit=1) if parts else [""]
    is_given = bool(given) or any(map(_QUOTE.match, parts[1:2]))
    is_asked = any(part.endswith(("?", "？")) for part in parts[1:][-_LAST:])
    return head.strip() if is_given and not is_asked and "letters" in _concepts(head) else ""


def is_order(part: str) -> bool:
    """Whether it orders something to be done with a given text."""
    return not _concepts(part).isdisjoint({"order", "text"})


def _concepts(part: str) -> set[str]:
    known, words = _known(), words_of(plain(part))
    each = (concept for word in words for concept in known.concepts_of(word))
    return {*known.concepts_in(words), *each}


@cache
def _known() -> Lexicon:
    return Lexicon.read("text_work.txt")
