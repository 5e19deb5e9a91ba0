"""A Hugging Face model as an encoder that is named, not saved, with what is trained on it."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from shared_core.checks import check_counts
from shared_core.encoders.base import Encoder, Vectors
from shared_core.encoders.fine_tuned import FineTunedEncoder


class TransformerEncoder(Encoder):
    """Sentence vectors of a transformer (mean pooling, as in Sentence-BERT, arXiv 1908.10084).

    The model is read on first use, from its folder or the hub's local cache; no code of the model's
    own is run, and weights are read from safetensors only. What is saved is its name and a digest
    of its weights; other weights at that place are refused.

    Args:
        model: a folder, or a name on the Hugging Face hub.
        revision: commit of the hub's model, so that vectors cannot change underneath.
        max_tokens: tokens of a text that are read.
        batch_size: texts encoded at once.
        local_files_only: never ask the hub.
    """

    def __init__(
        self,
        model: str,
        *,
        revision: str | None = None,
        max_tokens: int = 256,
        batch_size: int = 32,
        local_files_only: bool = False,
    ) -> None:
        check_counts(max_tokens=max_tokens)
        super().__init__(batch_size=batch_size)
        self.model = model
        self.revision = revision
        self.max_tokens = max_tokens
        self.local_files_only = local_files_only
        self._lock = threading.Lock()
        self._read: FineTunedEncoder | None = None

    def _encode(self, texts: Sequence[str]) -> Vectors:
        return self._loaded()._encode(texts)

    def _in_batches(self, texts: Sequence[str]) -> Vectors:
        return self._loaded()._in_batches(texts)

    def _loaded(self) -> FineTunedEncoder:
        with self._lock:
            if self._read is None:
                where: dict[str, Any] = {
                    "revision": self.revision,
                    "local_files_only": self.local_files_only,
                }
                self._read = FineTunedEncoder.of(self.model, "mean", self.max_tokens, **where)
                self._read.batch_size = self.batch_size
            return self._read

    def config(self) -> Mapping[str, Any]:
        names = ("model", "revision", "max_tokens", "batch_size", "local_files_only")
        return {name: getattr(self, name) for name in names}

    @property
    def fingerprint(self) -> str:
        """Digest of the weights and of what is read of a text; the model's place doesn't count."""
        digest = hashlib.sha256(f"TransformerEncoder {self.max_tokens}".encode())
        digest.update(self._loaded().weights.data)
        return digest.hexdigest()[:16]
