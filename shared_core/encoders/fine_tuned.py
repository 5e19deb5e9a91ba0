"""A transformer that is trained with a router and saved with it, weights and tokenizer both."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import torch
from transformers import AutoConfig, AutoModel, AutoTokenizer

from shared_core.artifacts import Arrays, Artifact
from shared_core.checks import check_counts, check_one_of
from shared_core.encoders.base import Encoder, Vectors
from shared_core.encoders.tokens import Splitter
from shared_core.errors import ConfigError
from shared_core.learned import Learned, check

POOLINGS: Final = ("mean", "first", "last")

_PLACE_AND_TYPE: Final = ("auto_map", "dtype", "torch_dtype", "transformers_version")


class FineTunedEncoder(Encoder):
    """The last hidden states of a transformer: their mean, or that of the first or last token.

    It holds its weights itself, so a saved one needs neither the folder nor the hub it came from.

    Args:
        architecture: the transformer's configuration.
        tokenizer: a ``tokenizer.json``'s text.
        weights: all parameters in the model's order, flat, float32.
        pooling: ``mean`` or ``first`` for encoders, as they were trained; ``last`` for causal
            language models.
        max_tokens: tokens of a text that are read.
    """

    def __init__(
        self,
        architecture: Mapping[str, Any],
        tokenizer: str,
        weights: Vectors,
        pooling: str = "mean",
        max_tokens: int = 256,
    ) -> None:
        check_one_of(POOLINGS, pooling=pooling)
        check_counts(max_tokens=max_tokens)
        super().__init__(batch_size=32)
        self.architecture = dict(architecture)
        self.tokenizer = tokenizer
        self.weights = weights
        self.pooling = pooling
        self.max_tokens = max_tokens
        self._split = Splitter(tokenizer, max_tokens)
        self._lock = threading.Lock()
        self._built: Any = None

    @classmethod
    def of(
        cls,
        model: str,
        pooling: str = "mean",
        max_tokens: int = 256,
        *,
        revision: str | None = None,
        local_files_only: bool = False,
    ) -> Self:
        """The encoder of a folder or a name on the hub; safetensors only, no code of the model's.

        Raises:
            ConfigError: not there, other weights than safetensors, or no fast tokenizer.
        """
        where = {"revision": revision, "local_files_only": local_files_only}
        try:
            tokenizer = AutoTokenizer.from_pretrained(model, trust_remote_code=False, **where)
            network = AutoModel.from_pretrained(
                model, use_safetensors=True, trust_remote_code=False, **where
            )
            text = tokenizer.backend_tokenizer.to_str()
        except (OSError, ValueError, AttributeError) as error:
            told: object = error
            if local_files_only and not Path(model).exists():
                told = "no folder, nor in the Hugging Face hub's cache; the hub was not asked"
            raise ConfigError(f"cannot load the model {model!r}: {told}") from error
        window = getattr(network.config, "max_position_embeddings", None) or max_tokens
        longest = min(max_tokens, int(tokenizer.model_max_length), window)
        return cls(_architecture(network.config), text, flat(network), pooling, longest)

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Each text's token ids, at least one and at most ``max_tokens``."""
        return self._split(texts)

    def pooled(self, network: Any, tokens: Sequence[Sequence[int]]) -> Any:
        """A network's vectors (n, d) of token ids, as a tensor; padded to the longest of them."""
        ids = [torch.tensor(one) for one in tokens]
        size = torch.tensor([len(one) for one in tokens])
        batch = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True)
        mask = torch.arange(batch.shape[1]) < size[:, None]
        seen = None if mask.all() else mask.long()  # without a mask a single text is quicker
        hidden = network(input_ids=batch, attention_mask=seen).last_hidden_state
        if self.pooling == "first":
            return hidden[:, 0]
        if self.pooling == "last":
            return hidden[torch.arange(len(size)), size - 1]
        return (hidden * mask.unsqueeze(-1)).sum(dim=1) / size[:, None]

    def network(self) -> Any:
        """A fresh network with these weights, not in training."""
        with torch.random.fork_rng(devices=[]):
            config = AutoConfig.for_model(**self.architecture)
            build: Any = AutoModel.from_config
            network = build(config, trust_remote_code=False).float()
        weights = torch.tensor(self.weights)
        torch.nn.utils.vector_to_parameters(weights, network.parameters())
        return network.eval()

    def with_weights(self, weights: Vectors) -> FineTunedEncoder:
        """The same encoder with other weights."""
        return FineTunedEncoder(**self.config(), weights=weights)

    def _in_batches(self, texts: Sequence[str]) -> Vectors:
        # Texts of about one length go together, so that little is padded.
        order = np.argsort([len(text) for text in texts], kind="stable")
        return super()._in_batches([texts[i] for i in order])[np.argsort(order)]

    def _encode(self, texts: Sequence[str]) -> Vectors:
        with self._lock:
            self._built = self._built or self.network()
        with torch.inference_mode():
            vectors: Vectors = self.pooled(self._built, self.tokens(texts)).numpy()
        return vectors

    def config(self) -> dict[str, Any]:
        names = ("architecture", "tokenizer", "pooling", "max_tokens")
        return {name: getattr(self, name) for name in names}

    @property
    def sizes(self) -> Mapping[str, int]:
        return {"vector": self([""]).shape[1]}  # which shows, too, that the weights fit

    def arrays(self) -> Arrays:
        return {"weights": self.weights}

    @classmethod
    def from_artifact(cls, artifact: Artifact) -> Self:
        check(cls.__name__, {"weights": Learned("weight")}, artifact.arrays, {})
        return cls(**artifact.document["config"], weights=artifact.arrays["weights"])

    def __repr__(self) -> str:
        kind = self.architecture["model_type"]
        return f"FineTunedEncoder({kind}, {len(self.weights)} weights, pooling={self.pooling!r})"


def flat(network: Any) -> Vectors:
    """All parameters of a network, flat (p,), float32."""
    with torch.no_grad():
        parameters = [one.detach().float().contiguous() for one in network.parameters()]
        weights: Vectors = torch.nn.utils.parameters_to_vector(parameters).numpy()
    return np.ascontiguousarray(weights)


def _architecture(config: Any) -> dict[str, Any]:
    """The configuration without where it came from and how it was stored."""
    facts: dict[str, Any] = json.loads(config.to_json_string(use_diff=False))
    plain = (name for name in facts if not name.startswith("_") and name not in _PLACE_AND_TYPE)
    return {name: facts[name] for name in plain}
