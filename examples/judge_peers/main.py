"""Any router beside ours, on the same queries, with the same figures.

    python examples/judge_peers/main.py

`judge` takes fitted routers, functions, tables of scores. `peers.py` has adapters for RouteLLM,
LLMRouter and semantic-router; whichever of them is installed here is told of at the end. So that
this script runs off-line, two routers of a few lines stand in: one that only counts characters (the
baseline that learned routers should beat first), and one that looks for key words.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

import numpy as np

from shared_core import KNNRouter, judge, small_models, verdict

PEERS = {
    "routellm": "routellm(router)",
    "llmrouter": "llmrouter(router, otherwise='…')",
    "semantic_router": "semantic_router(router, models, otherwise='…')",
}


def by_length(texts: Sequence[str]) -> list[float]:
    """How much a text asks for the strong model of two: the longer, the more."""
    return [float(len(text)) for text in texts]


def by_words(texts: Sequence[str]) -> list[str]:
    """A router as many people begin: sums are easy, everything else is not."""
    easy = ("+", "-", "sum", "add", "capital")
    is_easy = [any(word in text.lower() for word in easy) for text in texts]
    return np.where(is_easy, "qwen-coder-0.5b", "qwen-coder-1.5b").tolist()


def main() -> None:
    """Judge a pair of models' routers, and say what each is worth."""
    table, pool = small_models()
    pair = table.of(("qwen-coder-0.5b", "qwen-coder-1.5b"))
    train, test = pair.split("train"), pair.split("test")
    candidates = [pool[name] for name in pair.models]
    ours = KNNRouter(candidates).fit(train)

    found = judge({"knn": ours, "length": by_length, "words": by_words}, train, test)
    for name, line in found.routers.items():
        apgr = line.metrics.get("apgr")
        told = "" if apgr is None else f", APGR {apgr:.3f} (random 0.5)"
        print(f"{name}: quality {line.quality:.3f} at ${line.cost:.2e}{told}")
        print(f"  {verdict(found, line)}")

    for package, call in PEERS.items():
        here = importlib.util.find_spec(package) is not None
        print(f"{package}: {'installed' if here else 'not installed'}; judge it with peers.{call}")


if __name__ == "__main__":
    main()
