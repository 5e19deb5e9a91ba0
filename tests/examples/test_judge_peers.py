"""The adapters for other people's routers, on objects that answer as theirs do."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from shared_core import DataError, OutcomeTable, judge

FOLDER = Path(__file__).parents[2] / "examples" / "judge_peers"


def loaded(name: str) -> ModuleType:
    """A script of the example, as a module."""
    spec = importlib.util.spec_from_file_location(f"judge_peers_{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


peers = loaded("peers")


@pytest.fixture
def pair() -> OutcomeTable:
    """Sums for the small model, poems for the large one."""
    texts = tuple(f"sum {i}" if i % 2 else f"poem {i}" for i in range(40))
    right = np.array([[text.startswith("sum"), True] for text in texts], float)
    cost = np.tile([0.001, 0.01], (40, 1))
    return OutcomeTable(("small", "large"), texts, {"score": right, "cost": cost})


def test_every_adapter_is_judged(pair: OutcomeTable) -> None:
    theirs = SimpleNamespace(
        calculate_strong_win_rate=lambda text: 0.9 if text.startswith("poem") else 0.1,
        route_single=lambda asked: {
            "model_name": "L" if asked["query"].startswith("poem") else None
        },
    )
    choice = {"poem": SimpleNamespace(name="poems"), "sum": None}
    routers = {
        "routellm": peers.routellm(theirs),
        "llmrouter": peers.llmrouter(theirs, otherwise="small", names={"L": "large"}),
        "semantic": peers.semantic_router(
            lambda text: choice[text.split()[0]], {"poems": "large"}, otherwise="small"
        ),
    }
    for line in judge(routers, pair, pair).routers.values():
        assert line.quality == 1.0
        assert line.traffic == {"small": 0.5, "large": 0.5}


def test_a_model_that_is_not_in_the_table_is_told(pair: OutcomeTable) -> None:
    theirs = SimpleNamespace(route_single=lambda asked: {"model_name": "gpt-9"})
    with pytest.raises(DataError, match="the router chose gpt-9; the table has small, large"):
        judge({"odd": peers.llmrouter(theirs, otherwise="small")}, pair, pair)


def test_the_script_runs(capsys: pytest.CaptureFixture[str]) -> None:
    loaded("main").main()
    told = capsys.readouterr().out
    assert "knn: quality" in told
    assert "length: quality" in told
    assert "one point, no knob" in told
    assert "judge it with peers.routellm(router)" in told
