from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_world import HELD_OUT, TRAIN

from shared_core import DataError, LexicalEncoder, NotFitted
from shared_core.artifacts import read, write

ENCODER = LexicalEncoder(dimension=32).fit(TRAIN)
texts = st.text(st.characters(codec=None), max_size=60) | st.sampled_from(TRAIN)


@settings(max_examples=100, deadline=None)
@given(st.lists(texts, min_size=1, max_size=5))
def test_any_text_gives_a_unit_vector_or_zero(some: list[str]) -> None:
    vectors = ENCODER(some)
    assert vectors.shape == (len(some), 32)
    lengths = np.linalg.norm(vectors, axis=1)
    assert np.all((np.abs(lengths - 1) < 1e-4) | (lengths == 0))


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
    told = [
        subprocess.run(
            [sys.executable, "-c", SHOW],
            env={**os.environ, "PYTHONPATH": doubles, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    ]
    assert told == [LexicalEncoder(dimension=32).fit(TRAIN).fingerprint] * 2
