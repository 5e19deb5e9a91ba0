"""A text in pieces, as a hard question may stand among easy words.

The words around a question say little of how much it asks, and many of them drown it out: so each
piece is judged on its own too, and the most demanding one counts. Not so where the text is merely
to be worked on, "translate this": then it may speak of anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Final

from shared_core.encoders.ngrams import words_of
from shared_core.routers.no_data.lexicon import Lexicon
from shared_core.routers.no_data.topics import plain

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


def pieces(text: str) -> list[str]:
    """The sentences and lines at both ends of a text, long ones cut."""
    if len(text) > 2 * _REACH:
        text = f"{text[:_REACH]}\n{text[-_REACH:]}"
    found = [part.strip() for part in _END.split(text)]
    return [piece for part in found if _LETTER.search(part) for piece in _cut(part)]


def is_read(text: str) -> bool:
    """Whether its pieces are all of the text."""
    return len(text) <= 2 * _REACH or _is_worked_on(pieces(text))


def asks(judge: Callable[[str], float], text: str) -> float:
    """How much a text asks: as a whole or, if that is clearly more, its most demanding piece.

    Args:
        judge: tells of a text of any length how much it asks, 0..1.
        text: the text.
    """
    whole = judge(text)
    parts = pieces(text)
    if len(parts) < 2:
        return whole
    doubt = _MARGIN if len(text) <= 2 * _REACH else _MARGIN - _UNREAD
    most = max(map(judge, parts)) - doubt
    return whole if most <= whole or _is_worked_on(parts) else most


def _cut(part: str) -> list[str]:
    """A long part at blanks where there are any."""
    found = []
    while len(part) > _LONGEST:
        end = part.rfind(" ", _LONGEST // 2, _LONGEST)
        end = end if end > 0 else _LONGEST
        found.append(part[:end])
        part = part[end:].lstrip()
    return [*found, part]


def _is_worked_on(parts: list[str]) -> bool:
    """Whether the first or last pieces order something to be done with a given text."""
    known = _orders()
    for part in {*parts[:_FIRST], *parts[-_LAST:]}:
        words = words_of(plain(part))
        if any(True for _ in known.concepts_in(words)):
            return True
        if any(True for word in words for _ in known.concepts_of(word)):
            return True
    return False


@cache
def _orders() -> Lexicon:
    return Lexicon.read("text_work.txt")
