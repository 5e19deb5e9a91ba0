"""Made-up outcomes with a pattern that routers can learn."""

from __future__ import annotations

import numpy as np
import pytest

from shared_core import OutcomeTable

TOPICS = {"sums": "what is the sum of {} and {}", "poems": "write a poem about city {} and {}",
          "facts": "who was king number {} of realm {}"}  # fmt: skip
RIGHT = {"sums": (0.9, 0.9, 0.95), "poems": (0.1, 0.8, 0.9), "facts": (0.2, 0.3, 0.9)}


def outcomes(n: int = 240, seed: int = 0, evil: str = "") -> OutcomeTable:
    """Three models on three domains, with costs, latencies, answers, references and a split."""
    rng = np.random.default_rng(seed)
    topics = [list(TOPICS)[i % 3] for i in range(n)]
    queries = [TOPICS[topic].format(i, i + 3) + evil for i, topic in enumerate(topics)]
    chance = np.array([RIGHT[topic] for topic in topics])
    score = (rng.random((n, 3)) < chance).astype(float)
    spread = rng.lognormal(0, 0.2, (n, 3))
    models = ("small", "middle", "large")
    return OutcomeTable(
        models,
        tuple(queries),
        {"score": score, "cost": spread * [1e-4, 1e-3, 1e-2], "latency": spread * [0.2, 0.5, 2.0]},
        {
            "dataset": tuple(topics),
            "split": tuple("train" if i % 5 else "test" for i in range(n)),
            "reference": tuple(f"answer {i}" for i in range(n)),
        },
        {model: tuple(f"answer {i}" if s[j] else "no idea" for i, s in enumerate(score))
         for j, model in enumerate(models)},
    )  # fmt: skip


@pytest.fixture(scope="session")
def table() -> OutcomeTable:
    return outcomes()
