"""`benchmarks/targets.py` makes promises by one half of a set and looks at the other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from small_world import POOL, score, texts

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "targets.py"


@pytest.mark.slow
def test_promises_are_made_and_looked_at(tmp_path: Path) -> None:
    queries = texts(range(240))
    columns = {
        "query": queries,
        "split": ["train" if i % 4 == 0 else "test" for i in range(len(queries))],
    }
    for model in POOL:
        columns[f"score.{model}"] = [score(model, text) for text in queries]
        columns[f"cost.{model}"] = [POOL[model].cost(20, 20)] * len(queries)
    (tmp_path / "small").mkdir()
    pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / "small" / "outcomes.parquet")
    done = subprocess.run(
        [sys.executable, SCRIPT, tmp_path, "--sets", "small", "--router=linear", "--draws=5"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = [line.split() for line in done.stdout.splitlines()]
    assert len(lines) == 1 + 2 * (3 + 2 + 3)
    told = {(line[1], line[2], line[3]): line[4:] for line in lines[1:]}
    proved, broken, reached = told["strong_share", "0.5", "0.1"]
    assert proved == "100.0%"
    assert broken == "0.0%"
    assert float(reached) <= 0.5
