"""A small causal language model as a classifier: its state after the query's last token.

The causal-LM router of RouteLLM (arXiv 2406.18665), with one linear head over all models. Frozen
states are the default: on a processor they take one pass, and the ridge on them does not overfit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from shared_core.policies.base import Policy
from shared_core.policies.cost_quality import CostQuality
from shared_core.pool import Candidate, ModelPool
from shared_core.routers.predictive.transformer import TransformerRouter


class CausalLMRouter(TransformerRouter):
    """Quality and cost by a causal language model's last hidden state.

    Args:
        pool, model, policy, seed: see TransformerRouter.
        epochs: passes of fine-tuning; 0, the default, trains the head alone.
        rate, batch_size, max_tokens, temperature: see TransformerRouter.
    """

    POOLING = "last"

    def __init__(
        self,
        pool: ModelPool | Iterable[Candidate | str],
        model: str,
        policy: Policy = CostQuality(),
        seed: int = 0,
        epochs: int = 0,
        rate: float = 2e-5,
        batch_size: int = 16,
        max_tokens: int = 256,
        temperature: float = 10.0,
    ) -> None:
        super().__init__(
            pool, model, policy, seed, epochs, rate, batch_size, max_tokens, temperature
        )

    @classmethod
    def test_parameters(cls) -> Sequence[Mapping[str, Any]]:
        tuned = {"model": "tiny-llama", "epochs": 8, "rate": 2e-3, "batch_size": 16}
        return [{"model": "tiny-llama"}, tuned]
