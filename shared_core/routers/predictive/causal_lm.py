"""A small causal language model as a classifier: its state after the query's last token.

The causal-LM router of RouteLLM (arXiv 2406.18665), with one head over all models. Asking one
without training is PromptedRouter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shared_core.routers.predictive.transformer import TransformerRouter


class CausalLMRouter(TransformerRouter):
    """Quality and cost by a causal language model's last hidden state.

    Args:
        pool, model, policy, seed: see TransformerRouter.
        epochs, rate, batch_size, max_tokens, networks, temperature: see TransformerRouter.
    """

    POOLING = "last"

    @classmethod
    def test_parameters(cls) -> Sequence[Mapping[str, Any]]:
        return [{"model": "tiny-llama", "networks": 1}]
