"""What a router is trained towards: soft, hard and win labels, made of scores.

Training formats. *Soft and hard labels* need an outcome table (``query``, ``score.<model>``).
*Win labels* need pairs: see ``outcomes/preferences.py``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shared_core.checks import check_above_zero

Matrix = NDArray[np.float64]


def soft(score: Matrix, temperature: float = 10.0) -> Matrix:
    """Distributions (n, m) over models: softmax(temperature x score), TO-Router (arXiv 2408.12320).

    For scores in 0..1 the temperature multiplies; at 10 a tenth of a point is worth a factor e. An
    unknown score gets no weight; a row with none is uniform.
    """
    check_above_zero(temperature=temperature)
    known = np.isfinite(score)
    logit = np.where(known, temperature * np.nan_to_num(score), -np.inf)
    logit = np.where(known.any(axis=1, keepdims=True), logit, 0.0)
    weight = np.exp(logit - logit.max(axis=1, keepdims=True))
    shares: Matrix = weight / weight.sum(axis=1, keepdims=True)
    return shares


def hard(score: Matrix, cost: Matrix | None = None) -> NDArray[np.int64]:
    """The best model's column (n,); of equally good ones the cheapest on average, never the first.

    Args:
        score: (n, m); rows without any known score are labelled with the cheapest.
        cost: (n, m), for the ties; without it the one with the lowest mean score wins a tie, so
            that labels do not depend on the order of columns. A model of which nothing is known
            wins no tie.
    """
    price = _known_means(score if cost is None else cost)
    known = np.where(np.isfinite(score), score, -np.inf)
    tied = known >= known.max(axis=1, keepdims=True)
    chosen: NDArray[np.int64] = np.argmin(np.where(tied, price, np.inf), axis=1)
    return chosen


def wins(score: Matrix, strong: int, weak: int) -> NDArray[np.float64]:
    """1 where ``strong`` scored higher, 0 where ``weak`` did, 0.5 for a tie, NaN unknown (n,)."""
    lead = score[:, strong] - score[:, weak]
    won: NDArray[np.float64] = np.where(np.isfinite(lead), (np.sign(lead) + 1) / 2, np.nan)
    return won


def _known_means(values: Matrix) -> Matrix:
    """Mean (m,) over what is known of each model; the largest number where nothing is."""
    count = np.isfinite(values).sum(axis=0)
    total = np.nansum(values, axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.finfo(float).max)
