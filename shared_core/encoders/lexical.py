"""The default encoder: words and pieces of words, learned from the training queries alone.

Latent semantic analysis (Deerwester et al., 1990) of TF-IDF weighted word uni- and bigrams and
character 3- to 5-grams within words, less the mean of all queries. Needs numpy only, reads any
script, costs a fraction of a millisecond for a short query, and on routing data it is level with
small neural encoders.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from shared_core.artifacts import Arrays, Artifact
from shared_core.encoders.base import Encoder, VectorCache, Vectors, unit
from shared_core.errors import ArtifactError, DataError, NotFitted

_WORD: Final = re.compile(r"\w+")
_CHARACTERS: Final = (3, 4, 5)
_BLOCKS: Final = 2
_OVERSAMPLING: Final = 32
_POWER_ITERATIONS: Final = 4
_BLOCK_ROWS: Final = 32
_FIT_ROWS: Final = 8192
_KEPT_LENGTH: Final = 40
"""Longer pieces are no words, seldom come again, and would fill the memory."""

Ids = NDArray[np.uint32]
Floats = NDArray[np.float32]


class LexicalEncoder(Encoder):
    """Word and character n-grams, projected to a dense vector.

    Args:
        dimension: length of the vectors; fewer when there are fewer training texts.
        max_features: n-grams kept, half of them of words and half of characters.
        max_characters: how much of a text is read; the rest hardly changes where it belongs.
        seed: of the randomised decomposition.
    """

    def __init__(
        self,
        *,
        dimension: int = 256,
        max_features: int = 40_000,
        max_characters: int = 4000,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.dimension = dimension
        self.max_features = max_features
        self.max_characters = max_characters
        self.seed = seed
        self._vocabulary: _Vocabulary | None = None
        self._projection: Floats = np.zeros((0, 0), np.float32)
        self._center: Floats = np.zeros(0, np.float32)

    @property
    def is_fitted(self) -> bool:
        return self._vocabulary is not None

    @property
    def is_quick(self) -> bool:
        return True

    def fit(self, texts: Sequence[str], progress: Callable[[str], None] | None = None) -> Self:
        """Learn vocabulary, weights and projection from the training queries' texts."""
        report = progress or (lambda _: None)
        report("reading the vocabulary")
        counted = [_count(text[: self.max_characters]) for text in texts]
        self._vocabulary = _Vocabulary.learn(counted, self.max_features)
        report("decomposing")
        rng = np.random.default_rng(self.seed)
        chosen = _sample(len(counted), rng)
        rows = [self._vocabulary.weigh(counted[i]) for i in chosen]
        basis = _right_singular_vectors(rows, len(self._vocabulary.ids), self.dimension, rng)
        self._projection = _stored(basis).astype(np.float32)
        self._center = np.mean([self._project(row) for row in rows], axis=0)
        self._cache = VectorCache(self.cache_size)
        return self

    def _encode(self, texts: Sequence[str]) -> Vectors:
        return self._projected(self.ngrams(texts))

    def ngrams(self, texts: Sequence[str]) -> list[Ngrams]:
        """The texts' weighted n-grams, out of ``n_features``.

        Raises:
            NotFitted: before ``fit``.
        """
        if self._vocabulary is None:
            raise NotFitted("the lexical encoder has not seen any text: call fit(texts) first")
        return [self._vocabulary.weigh(_count(text[: self.max_characters])) for text in texts]

    def vectors_of(self, rows: Sequence[Ngrams]) -> Vectors:
        """The unit vectors (n, d) of texts whose n-grams are known already."""
        return unit(self._projected(rows))

    def _projected(self, rows: Sequence[Ngrams]) -> Vectors:
        return np.stack([self._project(row) - self._center * bool(row.places.size) for row in rows])

    @property
    def n_features(self) -> int:
        """How many n-grams it knows."""
        return 0 if self._vocabulary is None else len(self._vocabulary.ids)

    def _project(self, row: Ngrams) -> Floats:
        """The row's direction in the space of the projection; zero when it has no known n-gram."""
        vector: Floats = row.weight @ self._projection.take(row.places, axis=0)
        return vector / max(float(np.sqrt(vector @ vector)), 1e-30)

    def config(self) -> Mapping[str, Any]:
        return {
            "dimension": self.dimension,
            "max_features": self.max_features,
            "max_characters": self.max_characters,
            "seed": self.seed,
        }

    def arrays(self) -> Arrays:
        if self._vocabulary is None:
            return {}
        return {
            **self._vocabulary._asdict(),
            "projection": _stored(self._projection),
            "center": self._center,
        }

    @classmethod
    def from_artifact(cls, artifact: Artifact) -> Self:
        encoder = cls(**artifact.document["config"])
        arrays = dict(artifact.arrays)
        if not arrays:
            return encoder
        encoder._projection = arrays.pop("projection").astype(np.float32)
        encoder._center = arrays.pop("center")
        encoder._vocabulary = _Vocabulary(**arrays)
        if len(encoder._projection) != len(encoder._vocabulary.ids):
            raise ArtifactError("the lexical encoder's vocabulary and projection differ in length")
        return encoder


def _stored(projection: Floats) -> NDArray[np.float16]:
    """As it is saved; it is used with the same digits, so that loading changes nothing."""
    return projection.astype(np.float16)


class Ngrams(NamedTuple):
    """A text as a sparse vector."""

    places: NDArray[np.int64]
    weight: Floats


_Counted = tuple[tuple[Ids, Floats], ...]
"""Per block (words, characters): distinct n-gram ids, and how often each occurs."""


class _Vocabulary(NamedTuple):
    """The n-grams kept: their ids in ascending order, block and inverse document frequency."""

    ids: Ids
    block: NDArray[np.uint8]
    idf: Floats

    @classmethod
    def learn(cls, counted: Sequence[_Counted], max_features: int) -> _Vocabulary:
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

    def weigh(self, counted: _Counted) -> Ngrams:
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


def _count(text: str) -> _Counted:
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
    words = _WORD.findall(piece)
    own = [_id(f"w{word}") for word in words] + [_id(f"b{a} {b}") for a, b in pairwise(words)]
    characters = [_id(f"c{gram}") for gram in _grams(f" {piece} ")]
    first, last = (words[0], words[-1]) if words else ("", "")
    return _Piece(_joined(own), _joined(characters), _bytes(f" {first}"), _id(f"b{last}"))


_remembered = lru_cache(65_536)(_read)


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


def _sample(n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    return np.sort(rng.permutation(n)[:_FIT_ROWS])


class Block(NamedTuple):
    """A few rows of a sparse matrix, dense in the columns that occur in them."""

    columns: NDArray[np.int64]
    dense: Floats


def blocks(rows: Sequence[Ngrams]) -> list[Block]:
    """The rows as a sparse matrix that multiplies quickly."""
    return [_block(rows[i : i + _BLOCK_ROWS]) for i in range(0, len(rows), _BLOCK_ROWS)]


def _block(rows: Sequence[Ngrams]) -> Block:
    columns = np.unique(np.concatenate([row.places for row in rows]))
    dense = np.zeros((len(rows), len(columns)), np.float32)
    for values, row in zip(dense, rows, strict=True):
        values[np.searchsorted(columns, row.places)] = row.weight
    return Block(columns, dense)


def _right_singular_vectors(
    rows: Sequence[Ngrams], width: int, dimension: int, rng: np.random.Generator
) -> Floats:
    """Leading right singular vectors (width, dimension) of a sparse matrix (Halko et al., 2011)."""
    parts = blocks(rows)
    columns = min(dimension + _OVERSAMPLING, len(rows), width)
    basis = rng.standard_normal((width, columns), np.float32)
    for _ in range(_POWER_ITERATIONS + 1):
        basis = transposed_times(parts, np.linalg.qr(times(parts, basis))[0], width)
    squares, rotation = np.linalg.eigh((basis.T @ basis).astype(np.float64))
    leading = np.flatnonzero(squares > squares[-1] * 1e-10)[::-1][:dimension]
    scaled = rotation[:, leading] / np.sqrt(squares[leading])
    vectors: Floats = basis @ scaled.astype(np.float32)
    return vectors


def times(parts: Sequence[Block], matrix: Floats) -> Floats:
    """The product (n, k) of a sparse matrix and a dense one (width, k)."""
    return np.concatenate([block.dense @ matrix[block.columns] for block in parts])


def transposed_times(parts: Sequence[Block], matrix: Floats, width: int) -> Floats:
    """The product (width, k) of the sparse matrix's transpose and a dense one (n, k)."""
    product = np.zeros((width, matrix.shape[1]), np.float32)
    start = 0
    for block in parts:
        stop = start + len(block.dense)
        product[block.columns] += block.dense.T @ matrix[start:stop]
        start = stop
    return product
