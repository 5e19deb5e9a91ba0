"""Routing quality on real outcomes stays where it is; skipped where the data are not."""

from __future__ import annotations

import pytest
from beside import DATA

from shared_core import KNNRouter, OutcomeTable, evaluate

BARS = {"zeroeval": 0.838, "mmlu_pro": 0.722, "llmrouter_mix": 0.634}
ZERO = {"zeroeval": 0.8382, "mmlu_pro": 0.7039, "llmrouter_mix": 0.5874}


@pytest.mark.slow
@pytest.mark.parametrize("name", BARS)
def test_knn_reaches_its_bar(name: str) -> None:
    path = DATA / name / "outcomes.parquet"
    if not path.exists():
        pytest.skip(f"the data set {name} is not beside this checkout")
    table = OutcomeTable.read(path)
    found = evaluate({"knn": KNNRouter}, table.split("train"), table.split("test"))
    assert found.lines["zero"].aiq_range == pytest.approx(ZERO[name], abs=2e-4)
    assert (found.routers["knn"].aiq_range or 0) >= BARS[name]
