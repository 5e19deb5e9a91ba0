"""What a text looks like, whatever it is about: length, digits, mathematics, code, options, script.

On some data this tells more about who can answer than the words do, and it needs no training.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared_core.encoders.ngrams import WORD

_READ: Final = 4000
_NUMBER: Final = re.compile(r"\d+(?:[.,]\d+)*")
_OPTION: Final = re.compile(r"(?m)^[^\S\n]*\(?[A-Ja-j][).:]\s")
_KEYWORDS: Final = frozenset(
    {"def", "return", "import", "class", "function", "assert", "SELECT", "print"}
)
_MATHEMATICS: Final = b"=+^*/<>\\$%"
_CODE: Final = b"{}[]();_#"
_CAPITALS: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"

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
    words = WORD.findall(seen)
    n_words = max(len(words), 1)
    numbers = _NUMBER.findall(seen)
    in_numbers = "".join(numbers)
    n_digits = len(in_numbers) - in_numbers.count(".") - in_numbers.count(",")
    ascii_only = seen.encode("ascii", "ignore")
    n_mathematics, n_code = _among(ascii_only, _MATHEMATICS), _among(ascii_only, _CODE)
    counts = np.log1p([
        len(text), len(words), len(numbers), len(_OPTION.findall(seen)), seen.count("\n"),
        n_mathematics, n_code, sum(map(_KEYWORDS.__contains__, words)), seen.count("?"),
        seen.count(","), seen.count("."),
    ]).tolist()  # fmt: skip
    characters, total, figures, options, lines, mathematics, code, keywords, *marks = counts
    questions, commas, sentences = marks
    return [
        characters, total, len("".join(words)) / n_words, n_digits / length, figures,
        _among(ascii_only, _CAPITALS) / length, options, lines, n_mathematics / length, mathematics,
        n_code / length, code, keywords, (len(seen) - len(ascii_only)) / length, questions,
        len(set(map(str.lower, words))) / n_words, float(seen.rstrip().endswith("?")),
        commas, sentences, float(seen.count("$") > 1),
    ]  # fmt: skip


def _among(text: bytes, characters: bytes) -> int:
    """How many of the text's characters are among these."""
    return len(text) - len(text.translate(None, characters))
