"""Three models, each ten times as dear as the one before, and routers that listen to them.

The question tells nothing of who answers it well, the log-probabilities of the answer tell all.
"""

from __future__ import annotations

import numpy as np

from shared_core import (
    HybridRouter,
    KNNRouter,
    LexicalEncoder,
    MeanLogprob,
    ModelPool,
    OutcomeTable,
)

POOL = ModelPool(
    {"name": name, "input_price": price, "output_price": price}
    for name, price in (("a", 1.0), ("b", 10.0), ("c", 100.0))
)
_ABILITIES = {"a": ["tools"], "b": ["tools", "vision"], "c": ["vision", "pdf"]}

ABLE = ModelPool({**POOL[name].model_dump(), "abilities": can} for name, can in _ABILITIES.items())
"""The same models, none of which can do everything."""

SURE, UNSURE = -0.05, -3.0
_SHARE_RIGHT = {"a": 0.5, "b": 0.55, "c": 1.0}


def outcomes(n: int = 60, seed: int = 0) -> OutcomeTable:
    """Questions whose answers are right as often as the model is dear, sure where they are."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(n):
        right = {name: rng.random() < share for name, share in _SHARE_RIGHT.items()}
        rows.append(
            {"query": f"question number {number}"}
            | {f"score.{name}": float(told) for name, told in right.items()}
            | {f"logprob.{name}": SURE if told else UNSURE for name, told in right.items()}
            | {f"in_tokens.{name}": 10 for name in right}
            | {f"out_tokens.{name}": 5 for name in right}
        )
    return OutcomeTable.from_rows(rows).priced(POOL)


def hybrid(pool: ModelPool = POOL) -> HybridRouter:
    """A fitted cascade router: it hears ``a`` first, and goes on where that was not sure."""
    inner = KNNRouter(pool, k=20, encoder=LexicalEncoder())
    return HybridRouter(inner, MeanLogprob(), cost_weight=0.1).fit(outcomes())
