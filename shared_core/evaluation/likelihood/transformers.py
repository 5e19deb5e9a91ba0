"""Log-probabilities by a Hugging Face causal language model: one pass per answer, exact."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from shared_core.errors import ConfigError, DataError
from shared_core.evaluation.likelihood.base import Likelihood
from shared_core.evaluation.metrics.cost_metrics import Vector


class TransformersLikelihood(Likelihood):
    """A causal LM in this process, read on first use, from safetensors only; no code of its own.

    Args:
        model: a folder, or a name on the Hugging Face hub.
        revision: commit of the hub's model.
        local_files_only: never ask the hub.
    """

    def __init__(
        self, model: str, *, revision: str | None = None, local_files_only: bool = False
    ) -> None:
        self.model = model
        self.revision = revision
        self.local_files_only = local_files_only

    def logprobs(self, prompt: str, answer: str) -> Vector:
        tokenizer, model = self._loaded
        before = tokenizer(prompt)["input_ids"] or _start(tokenizer)
        said = tokenizer(answer, add_special_tokens=False)["input_ids"]
        if not said:
            raise DataError("the answer has no token: there is nothing to weigh")
        window = getattr(model.config, "max_position_embeddings", None)
        if window is not None and len(before) + len(said) > window:
            size = len(before) + len(said)
            raise DataError(f"prompt and answer are {size} tokens; {self.model} reads {window}")
        with torch.inference_mode():
            logits = model(torch.tensor([before + said])).logits[0, len(before) - 1 : -1]
            scores = torch.log_softmax(logits.double(), dim=-1)
            found: Vector = scores.gather(1, torch.tensor(said)[:, None])[:, 0].numpy()
        return found

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        where = {"revision": self.revision, "local_files_only": self.local_files_only}
        try:
            tokenizer = AutoTokenizer.from_pretrained(self.model, **where)
            model: Any = AutoModelForCausalLM.from_pretrained(
                self.model, use_safetensors=True, trust_remote_code=False, **where
            )
        except (OSError, ValueError) as error:
            raise ConfigError(f"cannot load the model {self.model!r}: {error}") from error
        return tokenizer, model.eval()


def _start(tokenizer: Any) -> list[int]:
    """What stands before an answer without a prompt."""
    first = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    if first is None:
        raise DataError("the prompt has no token, and the model knows none to begin with")
    return [int(first)]
