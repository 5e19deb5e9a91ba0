"""Routing quality on real outcomes: fit on `train`, report on `test`.

    python benchmarks/quality.py FOLDER [--seeds 5] [--json]

FOLDER holds data sets, each a folder with an `outcomes.parquet`. AIQ is the mean height of the
cost-quality hull between the cheapest and the dearest single model (RouterBench, arXiv 2403.12031);
intervals are 95 % bootstrap intervals over the test queries. On the two sets of RouteLLM's pair
(without the rows its authors call contaminated) APGR follows (arXiv 2406.18665).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from shared_core import OutcomeTable, apgr, evaluate
from shared_core.evaluation import contestants

SETS = ("zeroeval", "mmlu_pro", "llmrouter_mix", "routellm/mmlu", "routellm/gsm8k")
ROUTERS = "auto,kernel,knn,linear,ngram,cluster,matrix_factorization,elo,difficulty"


def main() -> int:
    """Print a line for each data set and router."""
    given = _arguments()
    if not given.folder.is_dir():
        print(f"no data at {given.folder}: nothing measured", file=sys.stderr)
        return 1
    rows = list(_measured(given.folder, given.routers.split(","), given.seeds))
    if given.json:
        print(json.dumps(rows))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="folder of data sets")
    parser.add_argument(
        "--routers", default=ROUTERS, help=f"out of {','.join(contestants.names())}"
    )
    parser.add_argument("--seeds", type=int, default=5, help="fits for each router (default 5)")
    parser.add_argument("--json", action="store_true", help="also print a JSON list")
    return parser.parse_args()


def _measured(folder: Path, routers: list[str], seeds: int) -> Iterator[dict[str, Any]]:
    heads = f"{'data':14} {'router':8} {'AIQ, median (each seed)':38} {'95 % interval':18}"
    print(f"{heads} {'zero':7} fit s")
    for name in SETS:
        table = _read(folder, name)
        for router in routers:
            row = _measure(name, table, router, seeds)
            print(
                f"{name:14} {router:8} {row['aiq_range']:.4f} "
                f"({', '.join(f'{aiq:.4f}' for aiq in row['each'])})".ljust(63),
                f"{row['interval'][0]:.4f} to {row['interval'][1]:.4f}  {row['zero']:.4f}"
                f"  {row['seconds']:.1f}{_pair_told(row)}",
                flush=True,
            )
            yield row


def _read(folder: Path, name: str) -> OutcomeTable:
    """The table of a set; of a pair's set the rows of one task that are not contaminated."""
    place, _, task = name.partition("/")
    table = OutcomeTable.read(folder / place / "outcomes.parquet")
    if not task:
        return table
    marks = zip(table.columns["dataset"], table.columns["contaminated"], strict=True)
    return table.rows(np.array([label == task and not seen for label, seen in marks]))


def _pair_told(row: dict[str, Any]) -> str:
    return f"  APGR {row['apgr']:.4f}" if "apgr" in row else ""


def _apgr(router: str, train: OutcomeTable, test: OutcomeTable) -> dict[str, float]:
    """APGR of the predicted gain of the dearer model; nothing for more than two models."""
    if len(train.models) != 2:
        return {}
    (router_class,) = contestants.classes([router]).values()
    predicted = router_class(train.models).fit(train).predict(test.queries).quality
    weak, strong = np.argsort(train.cost.mean(axis=0))
    gain = predicted[:, strong] - predicted[:, weak]
    return {"apgr": float(apgr(gain, test.score[:, strong], test.score[:, weak]))}


def _measure(name: str, table: OutcomeTable, router: str, seeds: int) -> dict[str, Any]:
    began = time.perf_counter()
    train, test = table.split("train"), table.split("test")
    chosen = contestants.classes([router])
    found = [evaluate(chosen, train, test, data=name, seed=seed) for seed in range(seeds)]
    lines = [one.routers[router] for one in found]
    return {
        "data": name,
        "router": router,
        "aiq_range": float(np.median([line.aiq_range for line in lines])),
        "each": [line.aiq_range for line in lines],
        "interval": list(lines[0].interval["aiq_range"]),
        "zero": found[0].lines["zero"].aiq_range,
        **_apgr(router, train, test),
        "seconds": (time.perf_counter() - began) / seeds,
    }


if __name__ == "__main__":
    sys.exit(main())
