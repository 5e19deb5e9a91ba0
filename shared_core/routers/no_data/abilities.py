"""What models can do, as far as prices, names and descriptions tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared_core.pool import Candidate
from shared_core.routers.no_data.negation import told
from shared_core.routers.no_data.strength import UNMARKED, strength
from shared_core.routers.no_data.topics import fields, topics

_WEAKEST: Final = 0.3
_OUT_TOKENS: Final = 400
_OUTPUT_PREMIUM: Final = 4.0
"""What an output token costs in input tokens, where only one of the prices is known."""
_FREE: Final = 4.0
"""A free model is taken for one at a quarter of the cheapest price."""
_WIDEST: Final = 300.0
"""A model further below the dearest price is as good as free."""
_NOMINAL: Final = 100.0
"""What the strongest model is taken to cost in calls of the weakest, where no prices tell."""

Vector = NDArray[np.float64]


def typical_costs(models: Sequence[Candidate], in_tokens: int) -> Vector:
    """USD (m,) of a typical answer to so long an input; NaN where neither price is known."""
    return np.array([_typical_cost(one, in_tokens) for one in models], float)


def costs_that_tell(models: Sequence[Candidate], cost: Vector) -> Vector:
    """The costs (m,); where no two differ, nominal ones: a model said to be stronger costs more."""
    return cost if differ(cost) else _NOMINAL ** _strengths(models)


def abilities(models: Sequence[Candidate], cost: Vector) -> Vector:
    """Abilities (m,), the best model's 1: read off the cost (m,) of the same call.

    Of a model whose cost is unknown, what its name and description say of its strength.
    """
    height = _heights(cost)
    unknown = ~np.isfinite(height)
    if unknown.any():
        height = np.where(unknown, _strengths(models), height)
    able: Vector = _WEAKEST + (1 - _WEAKEST) * height
    return able


def differ(cost: Vector) -> bool:
    """Whether any two of the costs (m,) differ."""
    return bool(np.isfinite(_heights(cost)).any())


def fitting(models: Sequence[Candidate], text: str) -> Vector:
    """1 for the models (m,) whose description fits the text's topics, -1 where it rules them out,
    else 0."""
    asked = topics(text)
    return np.sign([shared_topics(asked, one.description) for one in models]).astype(float)


def shared_topics(asked: Mapping[str, int], description: str) -> int:
    """How many of the topics asked about a description claims, less those it rules out."""
    claimed, ruled_out = map(fields, told(description))
    shared = [(topic in claimed) - (topic in ruled_out) for topic in asked if asked[topic]]
    return sum(shared)


def _strengths(models: Sequence[Candidate]) -> Vector:
    said = [strength(one) for one in models]
    return np.array([UNMARKED if one is None else one for one in said])


def _typical_cost(model: Candidate, in_tokens: int) -> float:
    read, write = model.input_price, model.output_price
    if read is None and write is None:
        return np.nan
    read = (write or 0.0) / _OUTPUT_PREMIUM if read is None else read
    write = read * _OUTPUT_PREMIUM if write is None else write
    return (in_tokens * read + _OUT_TOKENS * write) / 1e6


def _heights(cost: Vector) -> Vector:
    """Where each cost stands between the least and the greatest, 0..1, by its logarithm.

    NaN where it is unknown, or where no two differ.
    """
    known = cost[np.isfinite(cost)]
    if not len(known) or known.max() == known.min():
        return np.full(len(cost), np.nan)
    least = known[known > known.max() / _WIDEST].min()
    floor = least / _FREE if known.min() < least else least
    priced = np.log(np.maximum(cost, floor) / floor)
    heights: Vector = priced / np.nanmax(priced)
    return heights
