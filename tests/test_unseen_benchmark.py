"""`benchmarks/unseen.py` leaves labels and models out of sets of one's own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from small_world import KINDS, score, texts

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "unseen.py"
LABELS = [*(f"about_{kind}" for kind in KINDS), "about_all"]
PRICES = {"large": 4.0, "sums": 1.0, "poems": 1.5, "code": 2.0}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What it prints about a set of four labels, a kind of query each and one of all kinds."""
    folder = tmp_path_factory.mktemp("unseen")
    queries = texts(range(60))
    labels = [*LABELS[:3], *LABELS[:3], *LABELS[:3], *LABELS[3:] * 3]
    columns = {
        "query": queries,
        "split": ["test" if i % 7 > 4 else "train" for i in range(len(queries))],
        "dataset": [labels[i % len(labels)] for i in range(len(queries))],
    }
    for model, price in PRICES.items():
        columns[f"score.{model}"] = [score(model, text) for text in queries]
        columns[f"cost.{model}"] = [price] * len(queries)
    (folder / "small").mkdir()
    pyarrow.parquet.write_table(pyarrow.table(columns), folder / "small" / "outcomes.parquet")
    done = subprocess.run(
        [sys.executable, SCRIPT, folder, "--sets", "small", "--seeds", "2", "--labels", "0"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.splitlines()


@pytest.mark.slow
def test_each_label_is_left_out_and_summed_up(told: list[str]) -> None:
    for label in LABELS:
        assert sum(line.split()[1] == label for line in told) == 3
    assert sum("of 4 labels" in line for line in told) == 3
    (kept,) = (line for line in told if "weight 0.0: utility" in line)
    assert "of +0.1000, saved" in kept  # 1 instead of 0.9, for whom the kinds tell


@pytest.mark.slow
def test_models_come_later(told: list[str]) -> None:
    for model in ("sums", "large"):
        assert sum(line.split()[1] == model for line in told) == 2
    assert sum("anchors: mean" in line and "of 6" in line for line in told) == 2


def test_without_data_nothing_is_measured(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, SCRIPT, tmp_path / "none"], check=False)
    assert done.returncode == 1
