"""How evaluation grows: seconds and memory of judging a router on made-up outcomes.

    python benchmarks/evaluation_scale.py            # 36k x 11 and 1M x 20
    python benchmarks/evaluation_scale.py --quick    # 36k x 11 and doublings of 20k x 11

Each size runs in a process of its own, so that its peak memory is its own. A router is judged
beside the reference lines: a 64-point sweep, every figure, 1,000 paired bootstrap resamples.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

import numpy as np

from shared_core import OutcomeTable, Predictions, judge

FULL = ((36_000, 11), (125_000, 20), (250_000, 20), (500_000, 20), (1_000_000, 20))
QUICK = ((20_000, 11), (36_000, 11), (40_000, 11), (80_000, 11))


def main() -> int:
    """Run every size, print a table and how cost grows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--one", nargs=2, type=int, metavar=("QUERIES", "MODELS"))
    chosen = parser.parse_args()
    if chosen.one:
        print(json.dumps(measured(*chosen.one)))
        return 0
    found = [in_a_process(*size) for size in (QUICK if chosen.quick else FULL)]
    print(f"{'queries x models':>18} {'seconds':>8} {'peak MiB':>9} {'us per outcome':>15}")
    for one in found:
        size = f"{one['queries']:,} x {one['models']}"
        each = 1e6 * one["seconds"] / one["queries"] / one["models"]
        print(f"{size:>18} {one['seconds']:8.1f} {one['peak_mib']:9.0f} {each:15.2f}")
    small, large = found[1 if not chosen.quick else 0], found[-1]
    rows, time_ratio = large["queries"] / small["queries"], large["seconds"] / small["seconds"]
    print(f"{rows:.1f} times the queries take {time_ratio:.1f} times as long")
    return 0


def in_a_process(queries: int, models: int) -> dict[str, float]:
    """``measured``, in a fresh process."""
    command = [sys.executable, __file__, "--one", str(queries), str(models)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def measured(queries: int, models: int) -> dict[str, float]:
    """Seconds to judge a router on so many outcomes, and this process's peak memory."""
    table, predictions = made_up(queries, models)
    began = time.perf_counter()
    judge({"router": predictions}, table, table)
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"queries": queries, "models": models, "seconds": seconds, "peak_mib": peak}


def made_up(queries: int, models: int) -> tuple[OutcomeTable, Predictions]:
    """Outcomes whose chance of success hangs on query and model, and a noisy router's guesses."""
    rng = np.random.default_rng(0)
    names = tuple(f"model-{j}" for j in range(models))
    price = np.geomspace(1e-5, 1e-2, models)
    chance = rng.random((queries, 1)) * np.linspace(0.6, 1.0, models)
    score = (rng.random((queries, models)) < chance).astype(float)
    cost = price * rng.lognormal(0, 0.3, (queries, models))
    guess = np.clip(chance + rng.normal(0, 0.1, chance.shape), 0, 1)
    texts = tuple(f"query {i}" for i in range(queries))
    table = OutcomeTable(names, texts, {"score": score, "cost": cost})
    expected = np.broadcast_to(price, score.shape)
    return table, Predictions(names, guess, expected, float(price.max()))


if __name__ == "__main__":
    sys.exit(main())
