"""`benchmarks/quality.py` measures on sets of one's own, and says what is worth nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from small_world import KINDS, score, texts

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "quality.py"
PRICES = {"large": 4.0, "sums": 1.0, "poems": 1.0, "code": 1.0}


def write_set(folder: Path, outcomes: dict[str, list[float]], numbers: range) -> None:
    """A data set of every kind of query, a third of it for testing."""
    queries = texts(numbers)
    columns: dict[str, list[Any]] = {
        "query": queries,
        "split": ["test" if i % 9 > 5 else "train" for i in range(len(queries))],
        "dataset": ["facts"] * len(queries),
        "contaminated": [i % 30 == 7 for i in range(len(queries))],
    }
    for model, scores in outcomes.items():
        columns |= {f"score.{model}": scores, f"cost.{model}": [PRICES[model]] * len(queries)}
    folder.mkdir()
    pyarrow.parquet.write_table(pyarrow.table(columns), folder / "outcomes.parquet")


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    place = tmp_path_factory.mktemp("quality")
    queries = texts(range(60))
    learnable = {model: [score(model, text) for text in queries] for model in ("large", *KINDS)}
    write_set(place / "learnable", learnable, range(60))
    pair = {model: learnable[model] for model in ("large", "sums")}
    write_set(place / "pair", pair, range(60))
    rng = np.random.default_rng(0)
    chance = {model: (rng.random(180) < 0.5).astype(float).tolist() for model in ("large", "sums")}
    write_set(place / "chance", chance, range(60))
    sets, routers = "learnable,pair/facts,chance", "cluster,linear"
    command = [sys.executable, SCRIPT, place, "--sets", sets, "--routers", routers]
    command += ["--seeds", "2", "--output", place / "out"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "| learnable | AIQ | cluster |" in done.stdout
    assert "chance: linear, seed 1" in done.stderr
    return place / "out", json.loads((place / "out" / "quality.json").read_text())


@pytest.mark.slow
def test_figures_say_what_was_learned_and_what_it_took(
    figures: tuple[Path, list[dict[str, Any]]],
) -> None:
    folder, rows = figures
    aiq = {(row["data"], row["router"]): row for row in rows if row["metric"] == "AIQ"}
    found = aiq["learnable", "linear"]
    assert found["beats"] == "zero router"
    assert found["lowest"] <= found["mean"] <= found["highest"]
    assert found["interval"][0] <= found["mean"] <= found["interval"][1]
    assert min(found["took"].values()) > 0
    assert aiq["chance", "linear"]["beats"] != "zero router"
    pictures = {path.name for path in folder.iterdir()}
    assert pictures >= {"quality.md", "quality.png", "learnable.png", "pair-facts.png"}


@pytest.mark.slow
def test_a_pair_is_measured_by_apgr_beside_prompt_length(
    figures: tuple[Path, list[dict[str, Any]]],
) -> None:
    apgr = {row["router"]: row for row in figures[1] if row["metric"] == "APGR"
            and row["data"] == "pair/facts"}  # fmt: skip
    assert set(apgr) == {"cluster", "linear", "prompt_length"}
    assert apgr["linear"]["above"][0] > 0
    assert apgr["prompt_length"]["took"] is None
