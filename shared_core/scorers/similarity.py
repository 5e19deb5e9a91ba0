"""When two answers say the same, as far as their words tell."""

from __future__ import annotations

import unicodedata
from collections import Counter

from shared_core.encoders.ngrams import WORD

_FILLERS = frozenset(("a", "an", "the"))


def words_of(text: str) -> list[str]:
    """The words that matter: lower case, no punctuation, no English articles (as in SQuAD)."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return [word for word in WORD.findall(plain) if word not in _FILLERS]


def token_f1(text: str, other: str) -> float:
    """Harmonic mean of the shares of words that each text has of the other, 0..1 (SQuAD)."""
    left, right = Counter(words_of(text)), Counter(words_of(other))
    if not left or not right:
        return float(left == right)
    shared = sum((left & right).values())
    return 2 * shared / (left.total() + right.total())
