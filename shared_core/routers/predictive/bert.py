"""A BERT-like encoder that reads which model does how well.

The BERT routers of TO-Router (arXiv 2408.12320) and RouteLLM (arXiv 2406.18665), with one head over
all models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shared_core.routers.predictive.transformer import TransformerRouter


class BERTRouter(TransformerRouter):
    """Quality and cost by the mean of an encoder's last hidden state.

    Where torch is too heavy to run it, ``as_onnx`` gives a copy that does without.

    Args:
        pool, model, policy, seed: see TransformerRouter; such as a folder with MiniLM.
        epochs, rate, batch_size, max_tokens, networks, temperature: see TransformerRouter.
    """

    POOLING = "mean"

    @classmethod
    def test_parameters(cls) -> Sequence[Mapping[str, Any]]:
        return [{"model": "tiny-bert", "networks": 1, "epochs": 1, "rate": 2e-3}]
