"""A world where routing pays: four models, three kinds of query, and who is good at what.

Each of three cheap models is right about its own kind and wrong about the others; the dear one is
good at all of them. Whoever looks at queries beats whoever does not.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

from shared_core import Answer, Candidate, ModelPool, OutcomeTable

POOL = ModelPool(
    [
        Candidate(name="sums", input_price=0.1, output_price=0.2, context_window=4000,
                  abilities={"tools"}, tags={"personal"}, latency=0.2),
        Candidate(name="poems", input_price=0.2, output_price=0.3, abilities={"audio", "vision"},
                  latency=0.3),
        Candidate(name="code", input_price=0.3, output_price=0.6, context_window=8000,
                  description="writes and repairs programs"),
        Candidate(name="large", input_price=3, output_price=9, context_window=100_000,
                  abilities={"tools", "vision", "pdf", "structured_output"},
                  tags={"personal", "secret"}, latency=2, description="good at everything"),
    ]
)  # fmt: skip

KINDS = {
    "sums": "what is the sum of {} and {}, as a number",
    "poems": "write a poem about the city of number {} in spring, with {} lines",
    "code": "repair this python function, it fails in line {} of {}",
}


def texts(numbers: Sequence[int]) -> list[str]:
    """A query of each kind for each number."""
    return [form.format(n, 3 * n + 1) for n in numbers for form in KINDS.values()]


TRAIN = texts(range(40))
HELD_OUT = texts(range(100, 106))


def score(model: str, text: str) -> float:
    """How good the model's answer is: 0.9 of the large one, 1 or 0.1 of the others."""
    if model == "large":
        return 0.9
    return 1.0 if KINDS[model].partition(" {}")[0] in text else 0.1


def outcomes(queries: Sequence[str] = TRAIN, models: Sequence[str] = POOL.names) -> OutcomeTable:
    """The true outcomes of the queries."""
    rows = [
        {"query": text}
        | {f"score.{model}": score(model, text) for model in models}
        | {f"in_tokens.{model}": 10 + len(text) for model in models}
        | {f"out_tokens.{model}": 20 for model in models}
        for text in queries
    ]
    return OutcomeTable.from_rows(rows).priced(POOL)


def with_gaps(table: OutcomeTable, share: float = 0.3, seed: int = 0) -> OutcomeTable:
    """The table with a share of its outcomes unknown."""
    hidden = np.random.default_rng(seed).random(table.score.shape) < share
    measures = {name: np.where(hidden, np.nan, values) for name, values in table.measures.items()}
    return OutcomeTable(table.models, table.queries, measures, table.columns, table.answers)


def answer(model: str, text: str) -> Answer:
    """What the model says, always the same; surer where it is right."""
    sure = score(model, text) > 0.5
    told = "right" if sure else f"{zlib.crc32(f'{model} {text}'.encode('utf-8', 'replace')):x}"
    return Answer(model, told, in_tokens=10, out_tokens=2, logprob=-0.05 if sure else -3.0)
