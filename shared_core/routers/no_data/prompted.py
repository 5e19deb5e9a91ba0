"""Zero-shot routing by asking: a small causal language model is told the candidates and picks one.

Nothing is learned. The answer is not generated: the log-probabilities of the candidates' letters as
the next token are read, averaged over two orders of the candidates, for models favour first places.
"""

from __future__ import annotations

import string
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from shared_core.checks import check_counts
from shared_core.decision import Flow, RoutingDecision
from shared_core.errors import ConfigError
from shared_core.pool import Candidate, ModelPool
from shared_core.query import Query
from shared_core.routers.base import Router

PROMPT: Final = """Which model answers the question best?
{choices}
Question: {question}
Answer with the letter of the model.
Answer:"""

_PLACES: Final = ("{choices}", "{question}")
_LETTERS_PER_TOKEN: Final = 32


class PromptedRouter(Router):
    """Ranks candidates by the probability a language model in this process gives to their letter.

    Args:
        pool: at most 26 candidates, best with descriptions.
        model: a folder, or a name on the Hugging Face hub, read on first use; safetensors only, no
            code of its own. A saved router names it and does not hold it.
        prompt: with places for ``{choices}`` and ``{question}``.
        max_tokens: tokens of the question that are read.
        local_files_only: never ask the hub.
    """

    def __init__(
        self,
        pool: ModelPool | Iterable[Candidate | str],
        model: str,
        prompt: str = PROMPT,
        max_tokens: int = 256,
        local_files_only: bool = False,
    ) -> None:
        super().__init__(pool)
        if len(self.pool) > len(string.ascii_uppercase):
            raise ConfigError(f"a prompt has letters for 26 candidates, not for {len(self.pool)}")
        _check(model, prompt, max_tokens)
        self.model = model
        self.prompt = prompt
        self.max_tokens = max_tokens
        self.local_files_only = local_files_only
        self._lock = threading.Lock()
        self._parts: tuple[Any, Any] | None = None

    def flow(self, query: Query) -> Flow:
        eligible, rejected = self.pool.eligible(query)
        share = self._shares(query.text, sorted(eligible)) if len(eligible) > 1 else {}
        ranking = tuple(sorted(eligible, key=lambda name: (-share.get(name, 1.0), name)))
        reason = "the only model that can serve"
        if share:
            reason = f"{self.model_name} gives its letter {share[ranking[0]]:.2f}"
        return RoutingDecision(
            ranking,
            type(self).__name__,
            "policy" if share else "only_candidate",
            reason,
            rejected=rejected,
        )
        yield

    @property
    def model_name(self) -> str:
        """The asked model, without the folders it lies in."""
        return self.model.rstrip("/").rpartition("/")[2]

    def _shares(self, text: str, names: Sequence[str]) -> dict[str, float]:
        """Probability of each candidate among those named, the two orders' mean."""
        turned = names[::-1]
        first, second = (self._asked(text, order) for order in (names, turned))
        mean = (first + second[::-1]) / 2
        return dict(zip(names, mean.tolist(), strict=True))

    def _asked(self, text: str, names: Sequence[str]) -> np.ndarray[Any, Any]:
        """Probability (m,) of each letter, given that it is one of them."""
        with self._lock:  # tokenizers change themselves while they are used
            tokenizer, network = self._loaded()
            ids, letters = self._ids(tokenizer, text, names)
            with torch.inference_mode():
                logits = network(torch.tensor([ids])).logits[0, -1, letters]
        shares: np.ndarray[Any, Any] = torch.softmax(logits.double(), dim=0).numpy()
        return shares

    def _ids(self, tokenizer: Any, text: str, names: Sequence[str]) -> tuple[list[int], list[int]]:
        letters = string.ascii_uppercase[: len(names)]
        lines = [
            f"{letter}. {name}: {self.pool[name].description or name}"
            for letter, name in zip(letters, names, strict=True)
        ]
        before, _, after = self.prompt.partition("{question}")
        head, tail = (part.replace("{choices}", "\n".join(lines)) for part in (before, after))
        cut = text[: _LETTERS_PER_TOKEN * self.max_tokens].encode("utf-8", "replace").decode()
        question = tokenizer(cut, add_special_tokens=False)["input_ids"][: self.max_tokens]
        ids = tokenizer(head)["input_ids"] + question
        ids += tokenizer(tail, add_special_tokens=False)["input_ids"]
        return ids, [_last_token(tokenizer, f" {letter}") for letter in letters]

    def _loaded(self) -> tuple[Any, Any]:
        if self._parts is None:
            where = {"local_files_only": self.local_files_only, "trust_remote_code": False}
            try:
                tokenizer = AutoTokenizer.from_pretrained(self.model, **where)
                network: Any = AutoModelForCausalLM.from_pretrained(
                    self.model, use_safetensors=True, **where
                )
            except (OSError, ValueError) as error:
                raise ConfigError(f"cannot load the model {self.model!r}: {error}") from error
            self._parts = tokenizer, network.eval()
        return self._parts

    @classmethod
    def test_parameters(cls) -> Sequence[Mapping[str, Any]]:
        return [{"model": "tiny-llama"}]


def _check(model: str, prompt: str, max_tokens: int) -> None:
    if not (isinstance(model, str) and model):
        raise ConfigError(f"a model is a folder, or a name on the hub, not {model!r}")
    if not isinstance(prompt, str) or not all(place in prompt for place in _PLACES):
        raise ConfigError(f"a prompt is a string with places for {' and '.join(_PLACES)}")
    check_counts(max_tokens=max_tokens)


def _last_token(tokenizer: Any, text: str) -> int:
    return int(tokenizer(text, add_special_tokens=False)["input_ids"][-1])
