from __future__ import annotations

import os
import re
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_world import HELD_OUT, TRAIN

from shared_core import DataError, LexicalEncoder, NotFitted
from shared_core.artifacts import read, write
from shared_core.encoders import ngrams
from shared_core.encoders.ngrams import words_of
from shared_core.encoders.shape import NAMES, shape

ENCODER = LexicalEncoder(dimension=32).fit(TRAIN)
gaps = st.sampled_from([" ", " - ", "\n", "\x1f", "-", ", ", "__", "é"])
apart = st.lists(gaps, min_size=6, max_size=6).map(
    lambda some: "what{}is{}the{}SUM{}of{}the{}".format(*some)
)
texts = st.text(st.characters(codec=None), max_size=60) | st.sampled_from(TRAIN)


@settings(max_examples=100, deadline=None)
@given(st.lists(texts, min_size=1, max_size=5))
def test_any_text_gives_a_unit_vector_or_zero(some: list[str]) -> None:
    vectors = ENCODER(some)
    assert vectors.shape == (len(some), 32)
    lengths = np.linalg.norm(vectors, axis=1)
    assert np.all((np.abs(lengths - 1) < 1e-4) | (lengths == 0))


def tf_idf(grams: Sequence[str]) -> dict[int, float]:
    """Place -> weight of the n-grams that the encoder knows, one after the other."""
    arrays = ENCODER.arrays()
    places = {int(number): place for place, number in enumerate(arrays["ids"])}
    ids = Counter(zlib.crc32(gram.encode("utf-8", "surrogatepass")) for gram in grams)
    known = {places[number]: count for number, count in ids.items() if number in places}
    told = {at: (1 + np.log(count)) * arrays["idf"][at] for at, count in known.items()}
    length = np.sqrt(sum(weight**2 for weight in told.values()))
    return {at: weight / length for at, weight in told.items()}


def grams_of(text: str) -> tuple[list[str], list[str]]:
    """Words and pairs of words; pieces of what stands between spaces."""
    text = text.lower()
    words = re.findall(r"\w+", text)
    padded = [f" {piece} " for piece in text.split()]
    pieces = [
        f"c{one[start : start + n]}"
        for one in padded
        for n in (3, 4, 5)
        for start in range(len(one) - n + 1)
    ]
    return [f"w{word}" for word in words] + [f"b{a} {b}" for a, b in pairwise(words)], pieces


@settings(max_examples=100, deadline=None)
@given(texts | apart)
def test_weights_are_tf_idf_of_words_and_of_characters(text: str) -> None:
    (found,) = ENCODER.ngrams([text])
    expected = [tf_idf(grams) for grams in grams_of(text)]
    assert found.places.tolist() == [place for block in expected for place in sorted(block)]
    weights = [block[place] for block in expected for place in sorted(block)]
    np.testing.assert_allclose(found.weight, weights, rtol=1e-5)


def test_what_is_like_a_kind_lies_near_it() -> None:
    known, new = ENCODER(TRAIN), ENCODER(HELD_OUT)
    nearest = (new @ known.T).argmax(axis=1)
    assert [row % 3 for row in nearest] == [0, 1, 2] * (len(HELD_OUT) // 3)


def test_a_text_without_a_known_piece_has_no_direction() -> None:
    assert not ENCODER(["", " ", "ыыы жжж", "\ud800"]).any()


def test_case_does_not_count_and_the_tail_of_long_texts_neither() -> None:
    np.testing.assert_array_equal(ENCODER([TRAIN[0]]), ENCODER([TRAIN[0].upper()]))
    short = LexicalEncoder(dimension=8, max_characters=20).fit(TRAIN)
    np.testing.assert_array_equal(short([TRAIN[0]]), short([TRAIN[0][:20]]))


def test_vectors_do_not_depend_on_company() -> None:
    fresh = LexicalEncoder(dimension=32).fit(TRAIN)
    together = fresh(HELD_OUT)
    alone = np.concatenate([LexicalEncoder.from_artifact(fresh.artifact())([t]) for t in HELD_OUT])
    np.testing.assert_array_equal(together, alone)


def test_fewer_texts_give_fewer_dimensions() -> None:
    encoder = LexicalEncoder(dimension=256).fit(TRAIN[:7])
    assert encoder(TRAIN).shape == (len(TRAIN), encoder.arrays()["projection"].shape[1])
    assert encoder.arrays()["projection"].shape[1] <= 7


def test_features_are_bounded() -> None:
    assert len(LexicalEncoder(max_features=50).fit(TRAIN).arrays()["ids"]) <= 50


def test_fitting_again_forgets() -> None:
    encoder = LexicalEncoder(dimension=8).fit(TRAIN)
    first = encoder([HELD_OUT[0]])
    second = encoder.fit(HELD_OUT)([HELD_OUT[0]])
    np.testing.assert_array_equal(second, LexicalEncoder(dimension=8).fit(HELD_OUT)([HELD_OUT[0]]))
    assert first.shape != second.shape or not np.array_equal(first, second)


def test_progress_is_told() -> None:
    told: list[str] = []
    LexicalEncoder(dimension=4).fit(TRAIN, told.append)
    assert told == ["reading the vocabulary", "decomposing"]


def test_before_fit_it_says_so() -> None:
    assert not LexicalEncoder().is_fitted
    with pytest.raises(NotFitted, match="call fit"):
        LexicalEncoder()(["hi"])


@pytest.mark.parametrize("some", [[], ["one text"], ["abc", "xyz"], ["", ""]], ids=str)
def test_texts_that_share_nothing_teach_nothing(some: list[str]) -> None:
    with pytest.raises(DataError, match="no n-gram occurs in two of"):
        LexicalEncoder().fit(some)


def test_saving_keeps_every_bit(tmp_path: Path) -> None:
    place = write(ENCODER.artifact(), tmp_path / "encoder")
    loaded = LexicalEncoder.from_artifact(read(place, "encoder"))
    assert loaded.fingerprint == ENCODER.fingerprint
    np.testing.assert_array_equal(loaded(HELD_OUT), ENCODER(HELD_OUT))
    assert b"poem" not in b"".join(path.read_bytes() for path in place.iterdir())


def test_an_encoder_that_has_not_learned_can_be_saved(tmp_path: Path) -> None:
    place = write(LexicalEncoder(dimension=7).artifact(), tmp_path / "encoder")
    loaded = LexicalEncoder.from_artifact(read(place, "encoder"))
    assert (loaded.dimension, loaded.is_fitted) == (7, False)


SHOW = """
from small_world import TRAIN
from shared_core import LexicalEncoder
print(LexicalEncoder(dimension=32).fit(TRAIN).fingerprint)
"""


def test_other_processes_learn_the_same() -> None:
    doubles = str(Path(__file__).parents[2] / "doubles")
    seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"  # another than this process has
    told = subprocess.run(
        [sys.executable, "-c", SHOW],
        env={**os.environ, "PYTHONPATH": doubles, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    assert told == LexicalEncoder(dimension=32).fit(TRAIN).fingerprint


def test_only_pieces_as_long_as_words_are_remembered() -> None:
    ngrams._remembered.cache_clear()
    ngrams.count("a word " + "x" * 3000)
    assert ngrams._remembered.cache_info().currsize == 2


def test_what_all_texts_have_in_common_tells_nothing() -> None:
    vectors = LexicalEncoder(dimension=16).fit([f"{text} by the way" for text in TRAIN])(TRAIN)
    assert np.linalg.norm(vectors.mean(axis=0)) < 0.1


def test_signs_within_words_do_not_end_them() -> None:
    assert words_of("क्या दिल्ली राजधानी है?") == ["क्या", "दिल्ली", "राजधानी", "है"]
    assert words_of("বাংলা ভাষা, தமிழ் மொழி।") == ["বাংলা", "ভাষা", "தமிழ்", "மொழி"]
    assert words_of("كَتَبَ") == ["كَتَبَ"]
    assert words_of("อยู่ที่") == ["อย", "ยู", "ู่", "่ท", "ที", "ี่"], "no blanks: in pairs, signs included"
    assert words_of("it's 3.5, ok") == ["it", "s", "3", "5", "ok"]
    words, said = NAMES.index("words"), "दिल्ली भारत की राजधानी है"
    assert np.expm1(shape([said]))[0, words] == pytest.approx(5)
