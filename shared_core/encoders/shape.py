"""What a text looks like, whatever it is about: length, digits, mathematics, code, options, script.

On some data this tells more about who can answer than the words do, and it needs no training.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

_READ: Final = 4000
_WORD: Final = re.compile(r"\w+")
_NUMBER: Final = re.compile(r"\d+(?:[.,]\d+)*")
_OPTION: Final = re.compile(r"(?m)^\s*\(?[A-Ja-j][).:]\s")
_MATHEMATICS: Final = re.compile(r"[=+^*/<>\\$%]")
_CODE: Final = re.compile(r"[{}\[\]();_#]")
_KEYWORD: Final = re.compile(r"\b(?:def|return|import|class|function|assert|SELECT|print)\b")
_CAPITAL: Final = re.compile(r"[A-Z]")
_DIGIT: Final = re.compile(r"\d")
_FOREIGN: Final = re.compile(r"[^\x00-\x7f]")

NAMES: Final = (
    "characters", "words", "word_length", "digit_share", "numbers", "capital_share", "options",
    "lines", "mathematics_share", "mathematics", "code_share", "code", "keywords",
    "foreign_share", "questions", "distinct_words", "ends_in_question", "commas", "sentences",
    "formulas",
)  # fmt: skip
"""What the columns of ``shape`` say; counts are in logarithms."""

WIDTH: Final = len(NAMES)

Shapes = NDArray[np.float32]


def shape(texts: Sequence[str]) -> Shapes:
    """Features (n, WIDTH) of the texts' form, not scaled."""
    return np.array([_shape(text) for text in texts], np.float32).reshape(len(texts), WIDTH)


def _shape(text: str) -> list[float]:
    seen = text[:_READ]
    length = max(len(seen), 1)
    words = _WORD.findall(seen)
    n_words = max(len(words), 1)
    n = {name: len(pattern.findall(seen)) for name, pattern in _COUNTED}
    counts = np.log1p([
        len(text), len(words), n["number"], n["option"], seen.count("\n"), n["mathematics"],
        n["code"], n["keyword"], seen.count("?"), seen.count(","), seen.count("."),
    ]).tolist()  # fmt: skip
    characters, total, numbers, options, lines, mathematics, code, keywords, *marks = counts
    questions, commas, sentences = marks
    return [
        characters, total, sum(map(len, words)) / n_words, n["digit"] / length, numbers,
        n["capital"] / length, options, lines, n["mathematics"] / length, mathematics,
        n["code"] / length, code, keywords, n["foreign"] / length, questions,
        len({word.lower() for word in words}) / n_words, float(seen.rstrip().endswith("?")),
        commas, sentences, float(seen.count("$") > 1),
    ]  # fmt: skip


_COUNTED: Final = (
    ("number", _NUMBER),
    ("option", _OPTION),
    ("mathematics", _MATHEMATICS),
    ("code", _CODE),
    ("keyword", _KEYWORD),
    ("digit", _DIGIT),
    ("capital", _CAPITAL),
    ("foreign", _FOREIGN),
)
