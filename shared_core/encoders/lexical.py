"""The default encoder: words and pieces of words, learned from the training queries alone.

Latent semantic analysis (Deerwester et al., 1990) of TF-IDF weighted word uni- and bigrams and
character 3- to 5-grams within words, less the mean of all queries. Needs numpy only, reads any
script, costs a fraction of a millisecond for a short query, and on routing data it is level with
small neural encoders.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from shared_core.artifacts import Arrays, Artifact
from shared_core.checks import check_counts
from shared_core.encoders.base import Encoder, VectorCache, Vectors, unit
from shared_core.encoders.ngrams import Floats, Ngrams, Vocabulary, count
from shared_core.encoders.sparse import right_singular_vectors
from shared_core.errors import NotFitted
from shared_core.learned import Learned, check

_FIT_ROWS: Final = 8192
_LEARNED: Final = {
    "ids": Learned("ngram", kind="i"),
    "block": Learned("ngram", kind="i"),
    "idf": Learned("ngram"),
    "projection": Learned("ngram vector"),
    "center": Learned("vector"),
}


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
        check_counts(dimension=dimension, max_features=max_features, max_characters=max_characters)
        check_counts(0, seed=seed)
        super().__init__()
        self.dimension = dimension
        self.max_features = max_features
        self.max_characters = max_characters
        self.seed = seed
        self._vocabulary: Vocabulary | None = None
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
        counted = [count(text[: self.max_characters]) for text in texts]
        self._vocabulary = Vocabulary.learn(counted, self.max_features)
        report("decomposing")
        rng = np.random.default_rng(self.seed)
        chosen = _sample(len(counted), rng)
        rows = [self._vocabulary.weigh(counted[i]) for i in chosen]
        basis = right_singular_vectors(rows, len(self._vocabulary.ids), self.dimension, rng)
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
        return [self._vocabulary.weigh(count(text[: self.max_characters])) for text in texts]

    def vectors_of(self, rows: Sequence[Ngrams]) -> Vectors:
        """The unit vectors (n, d) of texts whose n-grams are known already."""
        return unit(self._projected(rows))

    def _projected(self, rows: Sequence[Ngrams]) -> Vectors:
        return np.stack([self._project(row) - self._center * bool(row.places.size) for row in rows])

    @property
    def n_features(self) -> int:
        """How many n-grams it knows."""
        return 0 if self._vocabulary is None else len(self._vocabulary.ids)

    @property
    def sizes(self) -> Mapping[str, int]:
        return {"ngram": self.n_features, "vector": len(self._center)}

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
        check(cls.__name__, _LEARNED, arrays, {})
        encoder._projection = arrays.pop("projection").astype(np.float32)
        encoder._center = arrays.pop("center")
        encoder._vocabulary = Vocabulary(**arrays)
        return encoder


def _stored(projection: Floats) -> NDArray[np.float16]:
    """As it is saved; it is used with the same digits, so that loading changes nothing."""
    return projection.astype(np.float16)


def _sample(n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    return np.sort(rng.permutation(n)[:_FIT_ROWS])
