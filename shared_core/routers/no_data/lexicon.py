"""What a short text is about, without any training: its words, pieces of words and concepts.

A description and a question seldom share words ("summarises documents", "what is the gist?"); they
do share concepts. Those, and the words that speak of them, stand in ``concepts.txt``.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

from shared_core.encoders.ngrams import words_of

_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_EXPRESSION: Final = re.compile(r"\d\s?[-+*/%^x]\s?\d")
_IDENTIFIER: Final = re.compile(r"\b[A-Z]{1,4}-?\d+\b")
_PIECE: Final = 4
_COMMON_WEIGHT: Final = 0.1
_PHRASE_WEIGHT: Final = 1.5
_EXPRESSION_WEIGHT: Final = 2.0
_SHORTEST_STEM: Final = 3
LONGEST_WORD: Final = 40
"""Characters of a word that are looked at, and remembered; more is no word."""
_DOUBLED: Final = re.compile(r"(?<=..)([bdgmnprt])\1$")
"""As in "running" and "stopped"."""
_ENDINGS: Final = (
    "ations", "ation", "ments", "ment", "ings", "ing", "ies", "ers", "er", "ed", "es", "s", "ly",
    "al", "y", "e", "coes", "cao", "mente", "ar", "ir", "os", "as", "a", "o",
)  # fmt: skip
"""English and Portuguese, the longer of each kind first."""


def features(text: str) -> dict[str, float]:
    """How much a text has of each word stem (``w…``), piece of one (``p…``) and concept (``c…``).

    Case, accents and underscores don't count. A word that is about nothing counts little.
    """
    words = _words(text)
    found: dict[str, float] = defaultdict(float)
    for word in words:
        for feature, weight in _word_features(word):
            found[feature] += weight
    for concept, weight in _phrases(text, words):
        found[f"c{concept}"] += weight
    return found


def telling_words(text: str) -> set[str]:
    """The words of a text that are about something."""
    return {word for word in _words(text) if word not in _lexicon().common}


def _words(text: str) -> list[str]:
    split = _CAMEL.sub(" ", text)
    plain = unicodedata.normalize("NFKD", split.casefold())
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    return [word[:LONGEST_WORD] for word in words_of(plain.replace("_", " "))]


@lru_cache(16_384)
def _word_features(word: str) -> tuple[tuple[str, float], ...]:
    lexicon = _lexicon()
    weight = _COMMON_WEIGHT if word in lexicon.common else 1.0
    padded = f" {word} "
    pieces = [padded[i : i + _PIECE] for i in range(max(1, len(padded) - _PIECE + 1))]
    share = weight / math.sqrt(len(pieces))
    return (
        (f"w{_stem(word)}", weight),
        *((f"p{piece}", share) for piece in pieces),
        *((f"c{concept}", 1.0) for concept in lexicon.concepts_of(word)),
    )


def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            return _DOUBLED.sub(r"\1", word[: -len(ending)])
    return word


def _phrases(text: str, words: Sequence[str]) -> Iterator[tuple[str, float]]:
    """Concepts of several words in a row, and of numbers and codes."""
    for concept in _lexicon().concepts_in(words):
        yield concept, _PHRASE_WEIGHT
    if _EXPRESSION.search(text):
        yield "arithmetic", _EXPRESSION_WEIGHT
    if _IDENTIFIER.search(text):
        yield "keyword", 1.0


def _stands_at(phrase: Sequence[str], words: Sequence[str]) -> bool:
    """Whether the words are the phrase, the last with any ending."""
    return (
        len(words) == len(phrase)
        and words[:-1] == list(phrase[:-1])
        and words[-1].startswith(phrase[-1])
    )


@dataclass
class Lexicon:
    """The words of a file like ``concepts.txt``.

    Args:
        common: words that are about nothing.
        words, beginnings: whole words, and beginnings of words -> their concepts.
        phrases: a phrase's first word -> phrases and their concepts.
    """

    common: set[str] = field(default_factory=set)
    words: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    beginnings: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    phrases: dict[str, list[tuple[tuple[str, ...], str]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    @classmethod
    def read(cls, name: str) -> Lexicon:
        """The words of a file that lies beside this one."""
        lexicon = cls()
        for concept, told in entries(name).items():
            if concept == "common":
                lexicon.common.update(told)
                continue
            for entry in dict.fromkeys(told):
                lexicon.add(concept, entry)
        return lexicon

    def concepts_of(self, word: str) -> Iterator[str]:
        """Concepts that one word speaks of."""
        yield from self.words.get(word, ())
        for end in range(2, len(word) + 1):
            yield from self.beginnings.get(word[:end], ())

    def concepts_in(self, words: Sequence[str]) -> Iterator[str]:
        """Concepts that several words in a row speak of."""
        for i, word in enumerate(words):
            for phrase, concept in self.phrases.get(word, ()):
                if _stands_at(phrase, words[i : i + len(phrase)]):
                    yield concept

    def add(self, concept: str, entry: str) -> None:
        word = entry.removesuffix("*")
        if "_" in word:
            phrase = tuple(word.split("_"))
            self.phrases[phrase[0]].append((phrase, concept))
        elif word != entry:
            self.beginnings[word].append(concept)
        else:
            self.words[word].append(concept)


@cache
def _lexicon() -> Lexicon:
    return Lexicon.read("concepts.txt")


def entries(file: str) -> Mapping[str, Sequence[str]]:
    """Entries by concept of a file beside this one.

    A line that begins with a blank goes on with the concept above.
    """
    text = Path(__file__).with_name(file).read_text(encoding="utf-8")
    lines = (line for line in text.replace("\n ", " ").splitlines() if line and line[0] != "#")
    parts = (line.partition(":") for line in lines)
    return {concept: told.split() for concept, _, told in parts}
