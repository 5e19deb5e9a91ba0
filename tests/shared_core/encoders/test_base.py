from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from shared_core import ArtifactError, ConfigError, Encoder
from shared_core.encoders.base import VectorCache, Vectors


class Lengths(Encoder):
    """Two numbers of each text; notes what it was handed."""

    def __init__(self, **options: int) -> None:
        super().__init__(**options)
        self.batches: list[list[str]] = []

    def _encode(self, texts: Sequence[str]) -> Vectors:
        self.batches.append(list(texts))
        return np.array([[len(text), text.count("a")] for text in texts], np.float32)


class Gives(Encoder):
    """Always the same array, whatever it is asked."""

    def __init__(self, array: object) -> None:
        super().__init__()
        self.array = np.asarray(array, np.float32)

    def _encode(self, texts: Sequence[str]) -> Vectors:
        return self.array


def test_vectors_have_unit_length_and_no_feature_gives_zero() -> None:
    vectors = Lengths()(["aa", "bbb", ""])
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, [[2**-0.5, 2**-0.5], [1, 0], [0, 0]], rtol=1e-6)


def test_texts_are_handed_over_in_batches() -> None:
    encoder = Lengths(batch_size=2)
    encoder(["a", "b", "c", "d", "e"])
    assert encoder.batches == [["a", "b"], ["c", "d"], ["e"]]


def test_a_text_is_encoded_once() -> None:
    encoder = Lengths()
    first = encoder(["a", "b", "a"])
    again = encoder(["b", "c", "a"])
    assert encoder.batches == [["a", "b"], ["c"]]
    np.testing.assert_array_equal(first[[1, 0]], again[[0, 2]])


def test_the_texts_seen_longest_ago_are_forgotten() -> None:
    encoder = Lengths(cache_size=2)
    for text in ("a", "b", "a", "c", "a", "b"):
        encoder([text])
    assert encoder.batches == [["a"], ["b"], ["c"], ["b"]]


def test_batches_beyond_the_cache_leave_it_alone() -> None:
    encoder = Lengths(cache_size=2)
    encoder(["a"])
    encoder(["x", "y", "z"])
    encoder(["a"])
    assert encoder.batches == [["a"], ["x", "y", "z"]]


def test_without_a_cache_it_works_too() -> None:
    encoder = Lengths(cache_size=0)
    np.testing.assert_array_equal(encoder(["a"]), encoder(["a"]))
    assert len(encoder.batches) == 2


def test_the_cache_keeps_no_text() -> None:
    cache = VectorCache(2)
    key = cache.key("my secret")
    cache.put(key, np.zeros(1, np.float32))
    assert b"secret" not in repr(vars(cache)).encode()
    assert cache.key("a\ud800") != cache.key("a\ud801")


def test_threads_share_one_cache() -> None:
    encoder = Lengths(cache_size=3)
    texts = [f"{'a' * n}b" for n in range(20)]
    expected = Lengths()(texts)
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda text: encoder([text])[0], texts * 20))
    np.testing.assert_array_equal(found, np.tile(expected, (20, 1)))


def test_a_single_string_is_refused() -> None:
    with pytest.raises(ConfigError, match="a list of texts, not a single string"):
        Lengths()("hello")


@pytest.mark.parametrize(
    "array", [[[np.nan, 1]], [[np.inf, 1]], [1, 2], [[1, 2], [3, 4]], [[[1]]]], ids=str
)
def test_an_encoder_that_gives_no_vectors_is_told(array: object) -> None:
    with pytest.raises(ConfigError, match=r"gave no finite \(n, d\) vectors for 1 texts"):
        Gives(array)(["hello"])


def test_what_would_be_read_back_without_its_arguments_is_not_saved() -> None:
    with pytest.raises(ArtifactError, match=r"Gives takes array, .* write config\(\)"):
        Gives([[1]]).artifact()
    assert Lengths(batch_size=3).artifact().document["config"] == {}


def test_the_fingerprint_is_of_the_configuration() -> None:
    assert Lengths().fingerprint == Lengths(batch_size=3).fingerprint
    assert Lengths().fingerprint != Gives([[1]]).fingerprint
    assert Lengths().is_fitted
    assert Lengths().fit(["a"]).batches == []
    assert repr(Lengths()) == "Lengths()"
