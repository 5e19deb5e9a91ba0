"""The n-grams of texts: words and pairs of words, characters within words; counted and weighed."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared_core.errors import DataError

_SIGNS: Final = (
    r"\u0591-\u05bd\u05bf\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc"
    r"\u0900-\u0963\u0966-\u096f\u0971-\u0dff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
)
"""Signs within words of Hebrew, Arabic, India and South East Asia: ``\\w`` ends a word there."""
WORD: Final = re.compile(rf"[\w{_SIGNS}]+")
_UNSPACED: Final = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]"
)
"""Thai, Lao, Burmese, Khmer, Japanese, Chinese."""
_RUN: Final = re.compile(rf"{_UNSPACED.pattern}+|(?:(?!{_UNSPACED.pattern})[\w{_SIGNS}])+")
_CHARACTERS: Final = (3, 4, 5)
_BLOCKS: Final = 2
_KEPT_LENGTH: Final = 40
"""Longer pieces are no words, seldom come again, and would fill the memory."""

Ids = NDArray[np.uint32]
Floats = NDArray[np.float32]


class Ngrams(NamedTuple):
    """A text as a sparse vector."""

    places: NDArray[np.int64]
    weight: Floats


Counted = tuple[tuple[Ids, Floats], ...]
"""Per block (words, characters): distinct n-gram ids, and how often each occurs."""


class Vocabulary(NamedTuple):
    """The n-grams kept: their ids in ascending order, block and inverse document frequency."""

    ids: Ids
    block: NDArray[np.uint8]
    idf: Floats

    @classmethod
    def learn(cls, counted: Sequence[Counted], max_features: int) -> Vocabulary:
        found = [
            _frequent([row[b] for row in counted], max_features // _BLOCKS) for b in range(_BLOCKS)
        ]
        ids = np.concatenate([ids for ids, _ in found])
        if len(ids) == 0:
            raise DataError(
                f"no n-gram occurs in two of {len(counted)} texts: the lexical encoder "
                "takes more queries, or such that share words"
            )
        frequency = np.concatenate([frequency for _, frequency in found])
        block = np.repeat(np.arange(_BLOCKS, dtype=np.uint8), [len(ids) for ids, _ in found])
        idf = np.log((1 + len(counted)) / (1 + frequency)) + 1
        order = np.argsort(ids, kind="stable")
        return cls(ids[order], block[order], idf[order].astype(np.float32))

    def weigh(self, counted: Counted) -> Ngrams:
        """TF-IDF of a text; words and characters weigh the same, however many there are."""
        parts = [self._weigh_block(ids, counts) for ids, counts in counted]
        return Ngrams(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def _weigh_block(self, ids: Ids, counts: Floats) -> Ngrams:
        place = self.ids.searchsorted(ids)
        known = self.ids.take(place, mode="clip") == ids
        index = place[known]
        weight = (1 + np.log(counts[known])) * self.idf[index]
        length = float(np.sqrt(weight @ weight)) or 1.0
        return Ngrams(index, (weight / length).astype(np.float32))


class _Piece(NamedTuple):
    """What stands between two spaces: the ids in it, and what pairs of words across the space take.

    Ids are an array's bytes: they take less room so, and are joined sooner.
    """

    words: bytes
    characters: bytes
    first_word: bytes
    last_word: int


def words_of(text: str) -> list[str]:
    """The words of a text; where a script puts no space between them, each two characters."""
    found = WORD.findall(text)
    if text.isascii() or not _UNSPACED.search(text):
        return found
    return [part for word in found for run in _RUN.findall(word) for part in _pairs(run)]


def count(text: str) -> Counted:
    """The n-grams of a text, lower case."""
    pieces = [_piece(piece) for piece in text.lower().split()]
    worded = [piece for piece in pieces if piece.words]
    across = [zlib.crc32(b.first_word, a.last_word) for a, b in pairwise(worded)]
    words = b"".join([*(piece.words for piece in worded), _joined(across)])
    characters = b"".join([piece.characters for piece in pieces])
    return _distinct(words), _distinct(characters)


def _distinct(joined: bytes) -> tuple[Ids, Floats]:
    """``np.unique`` with counts, in half the time."""
    ids = np.sort(np.frombuffer(joined, np.uint32))
    is_edge = np.ones(len(ids) + 1, bool)
    is_edge[1:-1] = ids[1:] != ids[:-1]
    edges = np.flatnonzero(is_edge)
    return ids[edges[:-1]], np.diff(edges).astype(np.float32)


def _piece(piece: str) -> _Piece:
    return _remembered(piece) if len(piece) <= _KEPT_LENGTH else _read(piece)


def _read(piece: str) -> _Piece:
    words = words_of(piece)
    own = [_id(f"w{word}") for word in words] + [_id(f"b{a} {b}") for a, b in pairwise(words)]
    characters = [_id(f"c{gram}") for gram in _grams(f" {piece} ")]
    first, last = (words[0], words[-1]) if words else ("", "")
    return _Piece(_joined(own), _joined(characters), _bytes(f" {first}"), _id(f"b{last}"))


_remembered = lru_cache(65_536)(_read)


def _pairs(run: str) -> Iterator[str]:
    if len(run) == 1 or not _UNSPACED.match(run):
        yield run
        return
    for start in range(len(run) - 1):
        yield run[start : start + 2]


def _id(gram: str) -> int:
    return zlib.crc32(_bytes(gram))


def _bytes(gram: str) -> bytes:
    return gram.encode("utf-8", "surrogatepass")


def _joined(ids: Sequence[int]) -> bytes:
    return np.array(ids, np.uint32).tobytes()


def _grams(padded: str) -> Iterator[str]:
    for size in _CHARACTERS:
        if len(padded) <= size:
            yield padded
            return
        for start in range(len(padded) - size + 1):
            yield padded[start : start + size]


def _frequent(block: Sequence[tuple[Ids, Floats]], limit: int) -> tuple[Ids, Floats]:
    """The ids in at least two texts, at most ``limit`` of them, with the number of texts."""
    seen = np.concatenate([ids for ids, _ in block]) if block else np.zeros(0, np.uint32)
    ids, frequency = np.unique(seen, return_counts=True)
    kept = np.flatnonzero(frequency >= 2)
    order = kept[np.argsort(-frequency[kept], kind="stable")][:limit]
    return ids[order], frequency[order].astype(np.float32)
