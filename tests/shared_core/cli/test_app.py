"""How `llmrouter train` makes its router."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from shared_core import AutoRouter, CostQuality, FunctionEncoder, JoinedEncoder, OutcomeTable
from shared_core.cli import evaluating
from shared_core.cli.app import _factory, _trained
from shared_core.pool import ModelPool


def table(n: int = 90) -> OutcomeTable:
    """Texts that tell nothing of who answers them well: ``large`` does a little more often."""
    rng = np.random.default_rng(0)
    score = (rng.random((n, 2)) < (0.8, 0.85)).astype(float)
    texts = [f"question {i} of the list" for i in range(n)]
    return OutcomeTable(
        ("small", "large"), texts, {"score": score, "cost": np.tile([0.001, 0.01], (n, 1))}
    )


def test_what_to_use_instead_keeps_the_quality_that_was_to_be_kept() -> None:
    rows = table()
    make = functools.partial(AutoRouter, members=("KNNRouter",))
    assert 0 < rows.score[:, 1].mean() - rows.score[:, 0].mean() < 0.09
    router = _trained(make, rows, ModelPool(rows.models), "auto", 0, lambda _: None)
    assert router.verdict_.startswith("do not route, use large")
    router = _trained(make, rows, ModelPool(rows.models), "0.1", 0, lambda _: None)
    assert router.verdict_.startswith("do not route, use small")


@pytest.mark.parametrize("weight", ["0.05", "auto"])
def test_a_cost_weight_goes_with_an_encoder(weight: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sentences = FunctionEncoder(lambda texts: [[len(text), 1.0] for text in texts], "length")
    monkeypatch.setattr(evaluating, "encoder_at", lambda *_, **__: sentences)
    rows = table()
    make = _factory("knn", [], "minilm-onnx", 0)
    router = _trained(make, rows, ModelPool(rows.models), weight, 0, lambda _: None)
    assert isinstance(router.encoder_, JoinedEncoder)
    assert weight == "auto" or router.policy == CostQuality(0.05)
