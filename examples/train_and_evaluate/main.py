"""From outcomes of your own to a trained router, and whether routing is worth it.

    python examples/train_and_evaluate/main.py

An outcome table has a row for each query and, for each model, how good its answer was (0 to 1) and
what it cost. Here the shipped table plays the part of yours; `OutcomeTable.read("mine.csv")` reads
a .csv, .jsonl or .parquet file, `OutcomeTable.from_rows` takes dicts.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from shared_core import KNNRouter, Query, Router, judge, match_best_single, small_models, verdict


def main() -> None:
    """Train, judge, save, load, decide."""
    table, pool = small_models()
    train, test = table.split("train"), table.split("test")

    policy = match_best_single(KNNRouter, train, pool)  # keep the best model's quality, for less
    router = KNNRouter(pool, policy=policy).fit(train)

    evaluation = judge({"knn": router}, train, test, pool=pool)
    best, knn = evaluation.lines["best_single"], evaluation.routers["knn"]
    print(f"{best.model}: quality {best.quality:.3f} at {best.cost:.2e} USD")
    print(f"router: quality {knn.quality:.3f} at {knn.cost:.2e} USD")
    print(f"worth it? {verdict(evaluation, knn)}")

    with tempfile.TemporaryDirectory() as folder:
        router.save(Path(folder) / "my-router")  # JSON and arrays, no pickle
        loaded = Router.load(Path(folder) / "my-router")
    for text in ("What is 7 + 5?", "Traduza para o inglês: bom dia"):
        decision = loaded.route(Query(text))
        print(f"{text} -> {decision.model}: {decision.reason}")


if __name__ == "__main__":
    main()
