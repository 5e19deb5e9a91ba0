"""A Hugging Face model as an encoder: mean of the last hidden state over the text's tokens."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Self

import torch
from transformers import AutoModel, AutoTokenizer

from shared_core.artifacts import Artifact
from shared_core.encoders.base import Encoder, Vectors
from shared_core.errors import ArtifactError, ConfigError


class TransformerEncoder(Encoder):
    """Sentence vectors of a transformer (mean pooling, as in Sentence-BERT, arXiv 1908.10084).

    The model is read on first use, from its folder or the hub's local cache; no code of the model's
    own is run, and weights are read from safetensors only.

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
        super().__init__(batch_size=batch_size)
        self.model = model
        self.revision = revision
        self.max_tokens = max_tokens
        self.local_files_only = local_files_only
        self._lock = threading.Lock()

    def _encode(self, texts: Sequence[str]) -> Vectors:
        with self._lock, torch.inference_mode():
            tokenizer, model = self._loaded
            printable = [text.encode("utf-8", "replace").decode() for text in texts]
            batch = tokenizer(
                printable,
                padding=True,
                truncation=True,
                max_length=self.max_tokens,
                return_tensors="pt",
            )
            hidden = model(**batch).last_hidden_state
            mask = batch["attention_mask"].unsqueeze(-1).to(hidden.dtype)
            pooled = (hidden * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)
            vectors: Vectors = pooled.float().numpy()
            return vectors

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        where = {"revision": self.revision, "local_files_only": self.local_files_only}
        try:
            tokenizer = AutoTokenizer.from_pretrained(self.model, **where)
            model = AutoModel.from_pretrained(
                self.model, use_safetensors=True, trust_remote_code=False, **where
            )
        except (OSError, ValueError) as error:
            raise ConfigError(f"cannot load the encoder {self.model!r}: {error}") from error
        return tokenizer, model.eval()

    @cached_property
    def _weights_digest(self) -> str:
        digest = hashlib.sha256()
        for name, weight in sorted(self._loaded[1].state_dict().items()):
            digest.update(name.encode())
            digest.update(weight.contiguous().view(torch.uint8).numpy().data)
        return digest.hexdigest()[:16]

    def config(self) -> Mapping[str, Any]:
        return {"model": self.model, "revision": self.revision, "max_tokens": self.max_tokens}

    @property
    def fingerprint(self) -> str:
        """Digest of the weights and of what is read of a text; the model's place doesn't count."""
        facts = f"TransformerEncoder {self._weights_digest} {self.max_tokens}"
        return hashlib.sha256(facts.encode()).hexdigest()[:16]

    @classmethod
    def from_artifact(cls, artifact: Artifact) -> Self:
        encoder = cls(**artifact.document["config"])
        if encoder.fingerprint != artifact.document["fingerprint"]:
            raise ArtifactError(
                f"the model at {encoder.model!r} is not the one the router was trained with"
            )
        return encoder
