"""Proofs that a mean lies below a limit, from a finite sample, whatever the distribution.

Shares are counted: the exact binomial test. On other means bets are made (Waudby-Smith and Ramdas,
2023): who bets at fair odds that the mean is below the limit, and never stakes more than he
has, becomes 1 / delta times as rich with a chance of at most delta if it is not (Ville, 1939). Both
take into account how little the values vary, so they prove much more than bounds that do not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


def share_is_below(values: Vector, limit: float, delta: float) -> bool:
    """Whether it is proved that a share is below a limit; wrong with a chance of at most delta.

    Args:
        values: (n,), 1 for what belongs to it and 0 for the rest, drawn independently.
        limit: what the share shall be below.
        delta: chance to be wrong where the share is the limit or more.
    """
    if limit > 1:
        return True
    return limit > 0 and _chance_of_at_most(int(values.sum()), len(values), limit) <= delta


def mean_is_below(values: Vector, limit: float, low: float, high: float, delta: float) -> bool:
    """The same of a mean.

    Args:
        values: (n,), drawn independently from one distribution, in an order that does not go by
            what they are.
        limit, delta: as above.
        low, high: the least and the largest value that is possible.
    """
    if limit > high:
        return True
    if not len(values) or limit <= low:
        return False
    scaled, middle = (values - low) / (high - low), (limit - low) / (high - low)
    return _wealth(scaled, middle, delta) >= 1 / delta


def _chance_of_at_most(k: int, n: int, p: float) -> float:
    """Chance of at most k successes in n."""
    if p >= 1:
        return float(k >= n)
    i = np.arange(1, n + 1)
    ways = np.concatenate([[0.0], np.cumsum(np.log((n - i + 1) / i))])
    each = ways + np.arange(n + 1) * np.log(p) + np.arange(n, -1, -1) * np.log1p(-p)
    return float(min(np.exp(np.logaddexp.reduce(each[: k + 1])), 1.0))


def _wealth(scaled: Vector, middle: float, delta: float) -> float:
    """The most that a stake of 1 became, betting on values in 0..1 to be below ``middle``.

    Each stake goes by how the values before it varied, as is best for a proof with n of them; it is
    at most 1, so that what was staked is all that can be lost.
    """
    count = np.arange(1, len(scaled) + 1)
    mean = (0.5 + np.cumsum(scaled)) / (count + 1)
    spread = (0.25 + np.cumsum((scaled - mean) ** 2)) / (count + 1)
    before = np.concatenate([[0.25], spread[:-1]])
    stake = np.minimum(np.sqrt(2 * np.log(1 / delta) / (len(scaled) * before)), 1.0)
    return float(np.exp(min(np.cumsum(np.log1p(stake * (middle - scaled))).max(), 700.0)))
