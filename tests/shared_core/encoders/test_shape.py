"""A text's form against the plainest way of counting it."""

from __future__ import annotations

import math
import re

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from small_world import TRAIN

from shared_core.encoders.shape import NAMES, WIDTH, shape

CHARACTERS = st.characters(codec=None) | st.sampled_from("aB ()[].,:;=+$%?\n_19٣é字")
WORDS = st.sampled_from(["def", "return", "SELECT", "classes", "A) ", "3.14", "1,000", "\n"])
TEXTS = st.lists(st.text(CHARACTERS, max_size=9) | WORDS, max_size=20).map("".join)


def plain(text: str) -> dict[str, float]:
    """The features by name, each by a search of its own."""

    def share(pattern: str) -> float:
        return len(re.findall(pattern, text)) / max(len(text), 1)

    def many(pattern: str) -> float:
        return math.log1p(len(re.findall(pattern, text)))

    words = re.findall(r"\w+", text)
    return {
        "characters": math.log1p(len(text)),
        "words": math.log1p(len(words)),
        "word_length": sum(map(len, words)) / max(len(words), 1),
        "digit_share": share(r"\d"),
        "numbers": many(r"\d+(?:[.,]\d+)*"),
        "capital_share": share(r"[A-Z]"),
        "options": many(r"(?m)^\s*\(?[A-Ja-j][).:]\s"),
        "lines": many(r"\n"),
        "mathematics_share": share(r"[=+^*/<>\\$%]"),
        "mathematics": many(r"[=+^*/<>\\$%]"),
        "code_share": share(r"[{}\[\]();_#]"),
        "code": many(r"[{}\[\]();_#]"),
        "keywords": many(r"\b(?:def|return|import|class|function|assert|SELECT|print)\b"),
        "foreign_share": share(r"[^\x00-\x7f]"),
        "questions": many(r"\?"),
        "distinct_words": len({word.lower() for word in words}) / max(len(words), 1),
        "ends_in_question": float(text.rstrip().endswith("?")),
        "commas": many(","),
        "sentences": many(r"\."),
        "formulas": float(text.count("$") > 1),
    }


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_features_are_what_their_names_say(text: str) -> None:
    found = dict(zip(NAMES, shape([text])[0].tolist(), strict=True))
    expected = plain(text)
    assert list(found) == list(expected)
    np.testing.assert_allclose(list(found.values()), list(expected.values()), rtol=1e-6)


def test_a_text_has_its_form_whatever_the_others_are() -> None:
    assert shape([]).shape == (0, WIDTH)
    np.testing.assert_array_equal(shape(TRAIN)[:3], shape(TRAIN[:3]))


def test_only_the_beginning_of_a_long_text_is_looked_at() -> None:
    (end, long) = (
        dict(zip(NAMES, row.tolist(), strict=True))
        for row in shape(["Why? \n", "a " * 2000 + "1?" * 5000])
    )
    assert end["ends_in_question"] == 1
    assert long["characters"] == np.float32(np.log1p(14_000))
    assert long["words"] == np.float32(np.log1p(2000))
    assert (long["numbers"], long["questions"], long["ends_in_question"]) == (0, 0, 0)
