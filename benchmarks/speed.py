"""What routing costs: decisions with a KNN router of 1,000 to 100,000 rows, imports, memory.

    python benchmarks/speed.py [--rows 1000,10000,100000]

Every size is measured in a process of its own, held to one thread. Queries are made up of a few
thousand words in a few hundred topics, about 20 words each; none is asked twice, so no vector comes
from the cache. Times include encoding, weighing and explaining.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time

import numpy as np

SINGLE_THREADED = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
PACKAGES = ("numpy", "shared_core", "langchain_llmrouter", "llamaindex_llmrouter")
USES = {
    "KNNRouter": "from shared_core import KNNRouter",
    "ChatLLMRouter": "from langchain_llmrouter import ChatLLMRouter",
    "RouterLLM": "from llamaindex_llmrouter import RouterLLM",
    "langchain_core alone": "import langchain_core.language_models.chat_models",
    "llama_index.core alone": "import llama_index.core",
}
MODELS = ("small", "medium", "large", "specialist")
DECISIONS = 1000
IMPORTS = 5


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", default="1000,10000,100000", help="training rows, with commas")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure(given.one)))
        return
    print("      rows   p50 ms   p99 ms   encode p50 ms   batch/s   fit s   peak MB")
    for rows in given.rows.split(","):
        told = json.loads(_run([sys.executable, __file__, "--one", rows]))
        print(
            f"{int(rows):10,} {told['p50']:8.2f} {told['p99']:8.2f} {told['encode_p50']:15.2f}"
            f" {told['batch']:9.0f} {told['fit']:7.1f} {told['peak_mb']:9.0f}",
            flush=True,
        )
    print_imports()


def measure(rows: int) -> dict[str, float]:
    """Fit on so many rows, then time decisions one by one and in a batch."""
    from shared_core import KNNRouter

    texts = made_up(rows + 3 * DECISIONS, seed=0)
    began = time.perf_counter()
    router = KNNRouter(MODELS).fit(table_of(texts[:rows]))
    fit = time.perf_counter() - began
    fresh = texts[rows:]
    for text in fresh[:100]:
        router.route(text)
    single = [_seconds(lambda text=text: router.route(text)) for text in fresh[100:DECISIONS]]
    encode = [
        _seconds(lambda text=text: router.encoder_([text]))
        for text in fresh[DECISIONS : 2 * DECISIONS]
    ]
    batch = _seconds(lambda: router.predict(fresh[2 * DECISIONS :]))
    return {
        "p50": float(np.percentile(single, 50)) * 1e3,
        "p99": float(np.percentile(single, 99)) * 1e3,
        "encode_p50": statistics.median(encode) * 1e3,
        "batch": DECISIONS / batch,
        "fit": fit,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def made_up(n: int, seed: int) -> list[str]:
    """Texts of about 20 words out of 5,000, by topic."""
    rng = np.random.default_rng(seed)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    words = np.array(["".join(rng.choice(letters, rng.integers(3, 10))) for _ in range(5000)])
    topics = rng.integers(0, len(words), (300, 40))
    common = rng.integers(0, len(words), 200)
    texts = []
    for topic in rng.integers(0, len(topics), n):
        chosen = [*rng.choice(topics[topic], 12), *rng.choice(common, 8)]
        texts.append(" ".join(words[rng.permutation(chosen)]))
    return texts


def table_of(texts: list[str]):  # type: ignore[no-untyped-def]
    """Outcomes that depend on a text's first letter."""
    from shared_core import OutcomeTable

    rng = np.random.default_rng(1)
    skill = rng.random((26, len(MODELS)))
    score = skill[[ord(text[0]) - 97 for text in texts]] > rng.random((len(texts), len(MODELS)))
    cost = np.geomspace(1e-5, 1e-3, len(MODELS)) * rng.uniform(0.5, 1.5, score.shape)
    return OutcomeTable(MODELS, tuple(texts), {"score": score.astype(float), "cost": cost})


def print_imports() -> None:
    """Import time of each package, and of its main class, beside what it is built on."""
    print("\nimport, median s of", IMPORTS, "processes (Python's own start taken off)")
    idle = _import_seconds("pass")
    for name, code in ({name: f"import {name}" for name in PACKAGES} | USES).items():
        print(f"{name:24} {max(_import_seconds(code) - idle, 0):.3f}", flush=True)


def _import_seconds(code: str) -> float:
    runs = [_seconds(lambda: _run([sys.executable, "-c", code])) for _ in range(IMPORTS)]
    return statistics.median(runs)


def _run(command: list[str]) -> str:
    environment = {**os.environ, **SINGLE_THREADED}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return subprocess.run(
        command, env=environment, check=True, capture_output=True, text=True
    ).stdout


def _seconds(work) -> float:  # type: ignore[no-untyped-def]
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
