"""Any embedding function as an encoder; LangChain's and LlamaIndex' embeddings are among them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, Self

import numpy as np

from shared_core.artifacts import Artifact
from shared_core.encoders.base import Encoder, Vectors
from shared_core.errors import ArtifactError, ConfigError

_METHODS: Final = ("embed_documents", "get_text_embedding_batch")


class FunctionEncoder(Encoder):
    """Wraps a function from texts to vectors.

    The function cannot be saved with a router; give the same encoder again to ``load``, which
    compares names: the name should say model and version.

    Args:
        embed: a list of texts -> a list of vectors of equal length.
        name: what its vectors depend on, such as ``"openai/text-embedding-3-small"``.
        batch_size: most texts handed over at once.
        cache_size: number of vectors remembered.
    """

    def __init__(
        self,
        embed: Callable[[list[str]], Sequence[Sequence[float]]],
        name: str,
        *,
        batch_size: int = 64,
        cache_size: int = 1024,
    ) -> None:
        super().__init__(batch_size=batch_size, cache_size=cache_size)
        if not name:
            raise ConfigError("give the encoder a name that says model and version")
        self._embed = embed
        self.name = name

    @classmethod
    def of_embeddings(cls, embeddings: Any, name: str | None = None) -> Self:
        """An encoder of a LangChain ``Embeddings`` or a LlamaIndex ``BaseEmbedding``.

        Args:
            embeddings: an object with ``embed_documents`` or ``get_text_embedding_batch``.
            name: as above; the class and its model name when not given.
        """
        method = next((one for one in _METHODS if hasattr(embeddings, one)), None)
        if method is None:
            raise ConfigError(
                f"{type(embeddings).__name__} has neither embed_documents (LangChain) nor "
                "get_text_embedding_batch (LlamaIndex)"
            )
        # LlamaIndex' methods, which are wrapped, cannot be copied or pickled; the object can
        return cls(partial(_embedded, embeddings, method), name or _name_of(embeddings))

    def _encode(self, texts: Sequence[str]) -> Vectors:
        found = self._embed(list(texts))
        try:
            return np.asarray(found, dtype=np.float32)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"{self!r} gave no finite (n, d) vectors: {error}") from error

    def config(self) -> Mapping[str, Any]:
        return {"name": self.name}

    @classmethod
    def from_artifact(cls, artifact: Artifact) -> Self:
        raise ArtifactError(
            f"the router uses the encoder {artifact.document['config']['name']!r}, which is not "
            "saved with it: load(folder, encoder=FunctionEncoder(…) of the same name)"
        )


def _embedded(embeddings: Any, method: str, texts: list[str]) -> Any:
    return getattr(embeddings, method)(texts)


def _name_of(embeddings: Any) -> str:
    for attribute in ("model_name", "model"):
        if isinstance(found := getattr(embeddings, attribute, None), str):
            return f"{type(embeddings).__name__}/{found}"
    return type(embeddings).__name__
