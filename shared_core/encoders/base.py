"""What every encoder does: batches, caches, is fingerprinted and can be saved."""

from __future__ import annotations

import hashlib
import inspect
import threading
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from shared_core.artifacts import Arrays, Artifact, fingerprint
from shared_core.checks import check_counts
from shared_core.errors import ArtifactError, ConfigError
from shared_core.plugins import find

Vectors = NDArray[np.float32]

_OF_EVERY_ENCODER: Final = {"batch_size", "cache_size"}
"""Arguments that change no vector."""


def unit(vectors: Vectors) -> Vectors:
    """The vectors at length 1; zero vectors stay zero."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Vectors = vectors / np.maximum(lengths, np.float32(1e-30))
    return scaled


class VectorCache:
    """The vectors of the texts seen last; keyed by digest, so it keeps no text. Thread-safe.

    Deep copies and pickles of it are empty.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._vectors: OrderedDict[bytes, Vectors] = OrderedDict()
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return VectorCache, (self._size,)

    def get(self, key: bytes) -> Vectors | None:
        with self._lock:
            if key in self._vectors:
                self._vectors.move_to_end(key)
            return self._vectors.get(key)

    def put(self, key: bytes, vector: Vectors) -> None:
        with self._lock:
            self._vectors[key] = vector
            if len(self._vectors) > self._size:
                self._vectors.popitem(last=False)

    @staticmethod
    def key(text: str) -> bytes:
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def check_encoder(encoder: object) -> None:
    """ConfigError where something else was given for an encoder, such as a folder's name."""
    if not (encoder is None or isinstance(encoder, Encoder)):
        raise ConfigError(
            f"an encoder is one like OnnxEncoder(folder) or FunctionEncoder(function), not "
            f"{encoder!r}"
        )


class Encoder(ABC):
    """Texts -> unit vectors. Subclasses write ``_encode``, and ``fit`` if they learn.

    Args:
        batch_size: most texts handed to ``_encode`` at once.
        cache_size: number of vectors remembered; batches longer than this go past the cache.
    """

    def __init__(self, *, batch_size: int = 64, cache_size: int = 1024) -> None:
        check_counts(batch_size=batch_size)
        check_counts(0, cache_size=cache_size)
        self.batch_size = batch_size
        self.cache_size = cache_size
        self._cache = VectorCache(cache_size)

    @property
    def is_fitted(self) -> bool:
        """Whether it can encode; true from the start for encoders that learn nothing."""
        return True

    @property
    def is_quick(self) -> bool:
        """Whether a text takes a millisecond or so, with nothing to wait for; see ``Router``."""
        return False

    @property
    def sizes(self) -> Mapping[str, int]:
        """Lengths of axes, see ``Learned``, that it knows without asking anybody."""
        return {}

    @abstractmethod
    def _encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors (n, d) of a batch; any length, they are normalised afterwards."""

    def fit(self, texts: Sequence[str], progress: Callable[[str], None] | None = None) -> Self:
        """Learn from unlabelled texts; most encoders have nothing to learn."""
        return self

    def __call__(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors (n, d), float32; a text without any feature gives the zero vector."""
        if isinstance(texts, str):
            raise ConfigError("an encoder takes a list of texts, not a single string")
        if len(texts) > self.cache_size:
            return self._in_batches(texts)
        keys = [VectorCache.key(text) for text in texts]
        found = {key: vector for key in keys if (vector := self._cache.get(key)) is not None}
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
        if missing or not keys:
            fresh = self._in_batches(list(missing.values()))
            for key, vector in zip(missing, fresh, strict=True):
                self._cache.put(key, vector)
                found[key] = vector
        return np.stack([found[key] for key in keys]) if keys else fresh

    def _in_batches(self, texts: Sequence[str]) -> Vectors:
        step = self.batch_size
        batches = [self._encode(texts[i : i + step]) for i in range(0, len(texts), step)]
        if not _are_vectors(batches, len(texts)):
            raise ConfigError(f"{self!r} gave no finite (n, d) vectors for {len(texts)} texts")
        return unit(np.concatenate(batches or [np.zeros((0, 1), np.float32)]))

    def config(self) -> Mapping[str, Any]:
        """JSON-ready constructor arguments; to be written by encoders that take some."""
        return {}

    def arrays(self) -> Arrays:
        """What was learned."""
        return {}

    @property
    def fingerprint(self) -> str:
        """Equal for encoders that give equal vectors; stored with everything trained on them."""
        return fingerprint({"encoder": type(self).__name__, **self.config()}, self.arrays())

    def artifact(self) -> Artifact:
        """What saving writes.

        Raises:
            ArtifactError: it takes arguments that no ``config`` tells.
        """
        named = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
        taken = inspect.signature(type(self)).parameters.items()
        own = {name for name, one in taken if one.kind in named} - _OF_EVERY_ENCODER
        if own and type(self).config is Encoder.config:
            raise ArtifactError(
                f"{type(self).__name__} takes {', '.join(sorted(own))}, and would be read back "
                "without: write config(), which returns the constructor's arguments"
            )
        document = {
            "encoder": type(self).__name__,
            "config": dict(self.config()),
            "fingerprint": self.fingerprint,
        }
        return Artifact("encoder", document, self.arrays())

    @classmethod
    def from_artifact(cls, artifact: Artifact) -> Self:
        """The encoder of this class that ``artifact`` was made of.

        Raises:
            ArtifactError: its name leads to another one now.
        """
        encoder = cls(**artifact.document["config"])
        if encoder.fingerprint != artifact.document["fingerprint"]:
            raise ArtifactError(f"{encoder!r} is not the one the router was trained with")
        return encoder

    def __repr__(self) -> str:
        told = ", ".join(f"{name}={value!r}" for name, value in self.config().items())
        return f"{type(self).__name__}({told})"


def encoder_of(artifact: Artifact) -> Encoder:
    """The encoder that ``artifact`` was made of, whatever its class.

    Raises:
        ArtifactError: nobody provides such an encoder.
    """
    found = find(artifact.document.get("encoder"), Encoder, "llmrouter.encoders")
    encoder: Encoder = found.from_artifact(artifact)
    return encoder


def _are_vectors(batches: Sequence[Vectors], n: int) -> bool:
    """Whether the batches are n finite vectors of one length; checked, since others write these."""
    shapes = {batch.shape[1:] for batch in batches}
    whole = len(shapes) <= 1 and all(len(shape) == 1 for shape in shapes)
    return whole and sum(map(len, batches)) == n and all(np.isfinite(b).all() for b in batches)
