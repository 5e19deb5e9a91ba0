"""`benchmarks/cold_start.py` sees that what asks more is got right less often."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow
import pyarrow.parquet

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "cold_start.py"

EASY = ("hi, how are you?", "spell cat", "2 + 2", "what is the capital of Italy?")
HARD = (
    "prove that there are infinitely many primes",
    "is it safe to take warfarin with amiodarone?",
    "can my landlord evict me without a court order?",
    "design a lock-free queue and prove that it is linearizable",
)


def write(folder: Path, contaminated: bool) -> None:
    texts = [f"{text} ({i})" for i in range(10) for text in (*EASY, *HARD)]
    is_easy = [text.startswith(EASY) for text in texts]
    columns = {
        "query": texts,
        "dataset": ["one" if i % 2 else "two" for i in range(len(texts))],
        "score.weak": [float(easy) for easy in is_easy],
        "score.strong": [1.0] * len(texts),
    }
    if contaminated:
        columns["contaminated"] = [i < 8 for i in range(len(texts))]
    folder.mkdir()
    pyarrow.parquet.write_table(pyarrow.table(columns), folder / "outcomes.parquet")


def test_demand_is_judged_by_outcomes_as_a_whole_or_task_by_task(tmp_path: Path) -> None:
    write(tmp_path / "whole", contaminated=False)
    write(tmp_path / "tasks", contaminated=True)
    done = subprocess.run(
        [sys.executable, SCRIPT, tmp_path, "--sets", "whole,tasks"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = [line.split() for line in done.stdout.splitlines()[1:]]
    assert [(line[0], line[1], line[2]) for line in lines] == [
        (name, rows, by)
        for name, rows in (("whole", "80"), ("tasks/one", "36"), ("tasks/two", "36"))
        for by in ("demand", "length")
    ]
    for line in lines[::2]:
        assert float(line[3]) < -0.7
        assert float(line[7]) > 0.74  # .75 is what the right order reaches


def test_without_data_it_says_so(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, SCRIPT, tmp_path / "none"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "nothing measured" in done.stderr
