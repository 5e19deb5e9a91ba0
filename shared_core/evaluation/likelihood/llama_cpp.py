"""Log-probabilities by a llama.cpp server (``llama-server``, ``xllamacpp.Server``), over HTTP.

The server weighs no given text, only what it generates. So a grammar of token ids leaves it no
other choice than the answer's own tokens; the log-probabilities it reports are from before the
grammar. (A grammar of characters would let it choose another tokenisation of the same text.) It
decodes token by token: keep answers short.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from shared_core.errors import DataError, LikelihoodFailed
from shared_core.evaluation.likelihood.base import Likelihood
from shared_core.evaluation.metrics.cost_metrics import Vector
from shared_core.http import call, checked_address


class LlamaCppLikelihood(Likelihood):
    """A GGUF model behind a llama.cpp server.

    Args:
        base_url: of the server, with or without ``/v1``.
        api_key: sent as a bearer token where not empty.
        max_tokens: answers of more tokens are refused.
        timeout: seconds for one call.

    Raises:
        ConfigError: the URL is none, or has a password or a query in it.
    """

    def __init__(
        self, base_url: str, api_key: str = "", *, max_tokens: int = 512, timeout: float = 300.0
    ) -> None:
        self.base_url = checked_address(base_url).removesuffix("/v1")
        self.max_tokens = max_tokens
        self.timeout = timeout
        self._api_key = api_key

    def logprobs(self, prompt: str, answer: str) -> Vector:
        wanted = self._call("/tokenize", {"content": answer, "add_special": False})["tokens"]
        if not 0 < len(wanted) <= self.max_tokens:
            raise DataError(
                f"the answer has {len(wanted)} tokens; 1 to {self.max_tokens} are weighed"
            )
        told = self._call(
            "/completion",
            {
                "prompt": prompt,
                "grammar": "root ::= " + " ".join(f"<[{token}]>" for token in wanted),
                "n_predict": len(wanted),
                "temperature": 0,
                "n_probs": 1,
                "cache_prompt": True,
            },
        )
        steps = told.get("completion_probabilities") or []
        if [step.get("id") for step in steps] != wanted:
            raise LikelihoodFailed(
                f"the server at {self.base_url} gave {len(steps)} tokens that are not the "
                f"{len(wanted)} of the answer: it needs llama.cpp's token grammars, and a context "
                "that holds prompt and answer"
            )
        return np.array([min(0.0, float(step["logprob"])) for step in steps])

    def _call(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return call(
            self.base_url + path,
            self._api_key,
            body,
            failed=LikelihoodFailed,
            timeout=self.timeout,
        )

    def __repr__(self) -> str:
        return f"LlamaCppLikelihood({self.base_url!r})"
