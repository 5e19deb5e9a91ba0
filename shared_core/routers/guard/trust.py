"""How much a choice must be worth to be trusted: as little as does no harm on strange ground.

A choice is worth its expected gain times the odds of known ground: of all rules that lose no more
on strange ground, the one that asks this much keeps most of the gain (Neyman and Pearson, 1933).
Each domain that was left out tells how many of its queries would be trusted; what a trusted one
loses is taken over all of them, since in a single domain it is mostly chance. How much it differs
from one domain to the next beyond chance (components of variance, Fisher, 1925) is added to that
chance, and for both ``caution`` makes room. The bound holds in the worst of D domains, so that one
more, like them, breaks it with a chance of at most 1 / (D + 1) (Vovk et al., 2005). And no more is
risked than half of what known ground gains by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared_core.policies.base import Policy, Predictions
from shared_core.routers.guard.ground import Vector
from shared_core.routers.predictive.ridge import Features

NEVER: Final = 1e9
"""More than any choice is worth."""
_WORTH_IT: Final = 2.0
"""How many times over known ground must gain what may be lost on strange ground."""

Rows = NDArray[np.int64]


class Tried(NamedTuple):
    """What choosing came to on rows that were left out, against the safe model; each (n,).

    Args:
        odds: log odds of known ground.
        expected: utility that was expected above the safe model's.
        gained: the same as it came.
        kept: what must not be lost, as it came: quality, or utility.
    """

    odds: Vector
    expected: Vector
    gained: Vector
    kept: Vector

    @property
    def worth(self) -> Vector:
        """What each choice is worth."""
        return worth(self.odds, self.expected)


def worth(log_odds: Vector, gain: Vector) -> Vector:
    """Expected gain times the odds of known ground (n,)."""
    found: Vector = gain * np.exp(log_odds)
    return found


def tried(told: Features, odds: Vector, policy: Policy, safe: int, by_quality: bool) -> Tried:
    """What choosing by predictions comes to.

    Args:
        told: (4, n, m) quality and cost in units as predicted without the row, and as they were.
        odds: (n,) log odds of known ground.
        policy: what is worth it.
        safe: the safe model's column.
        by_quality: whether quality must not be lost; otherwise utility.
    """
    quality, units, scored, paid = told.astype(np.float64)
    models = tuple(map(str, range(quality.shape[1])))
    expected = policy(Predictions(models, quality, units, 1.0))
    true = policy(Predictions(models, scored, paid, 1.0))
    rows, chosen = np.arange(len(expected)), expected.argmax(axis=1)

    def above(values: Features) -> Vector:
        found: Vector = values[rows, chosen] - values[:, safe]
        return found

    gained = above(true)
    return Tried(odds, above(expected), gained, above(scored) if by_quality else gained)


def threshold(
    unseen: Sequence[Tried], seen: Sequence[Tried], tolerance: float, caution: float
) -> float:
    """Choices worth more than this are trusted: those that gain most of what may be risked.

    Args:
        unseen: a whole domain left out in each.
        seen: rows of every domain left out in each.
        tolerance: what a domain may lose per row.
        caution: standard errors for which there must be room below that.
    """
    risked = [one.kept[one.expected > 0] for one in unseen if (one.expected > 0).any()]
    if not risked:
        return NEVER
    harm, each = _Harm.of(risked), np.concatenate([one.worth for one in seen])
    asked = np.unique(np.concatenate([[0.0], *(one.worth for one in (*seen, *unseen))]).clip(0.0))
    gain = _gained(each, np.concatenate([one.gained for one in seen]))[_n_above(each, asked)]
    bounds = [harm.bound(_n_above(one.worth, asked), len(one.worth), caution) for one in unseen]
    allowed = np.max(bounds, axis=0) <= np.minimum(tolerance, gain / _WORTH_IT)
    if not allowed.any() or gain[allowed].max() <= 0:
        return NEVER
    return float(asked[allowed][gain[allowed].argmax()])


def usual_gain(seen: Sequence[Tried]) -> float:
    """What a choice is expected to gain on known ground, where it is not the safe model."""
    gains = np.concatenate([one.expected[one.expected > 0] for one in seen])
    return float(gains.mean()) if len(gains) else 0.0


class _Harm(NamedTuple):
    """What a trusted choice loses on strange ground.

    Args:
        mean: over all of them, if it is a loss.
        spread: mean square of single losses.
        between: variance of the domains' own means beyond chance.
    """

    mean: float
    spread: float
    between: float

    @classmethod
    def of(cls, risked: Sequence[Vector]) -> _Harm:
        every = np.concatenate(risked)
        return cls(
            max(-float(every.mean()), 0.0),
            float((np.minimum(every, 0.0) ** 2).mean()),
            _variance_between(risked),
        )

    def bound(self, trusted: Rows, n: int, caution: float) -> Vector:
        """What a domain of n queries may lose per query where so many of it are trusted."""
        share = trusted / n
        variance = self.spread * share / n + self.between * share**2
        found: Vector = self.mean * share + caution * np.sqrt(variance)
        return found


def _variance_between(groups: Sequence[Vector]) -> float:
    """Variance of the groups' means beyond that of chance, by one-way analysis of variance."""
    sizes = np.array([len(one) for one in groups], float)
    n, k = sizes.sum(), len(groups)
    if k < 2 or n <= k:
        return 0.0
    middle = np.concatenate(groups).mean()
    within = sum(float(((one - one.mean()) ** 2).sum()) for one in groups) / (n - k)
    between = sum(len(one) * float(one.mean() - middle) ** 2 for one in groups) / (k - 1)
    per_group = float(n - (sizes**2).sum() / n) / (k - 1)
    return float(max((between - within) / per_group, 0.0))


def _n_above(values: Vector, asked: Vector) -> Rows:
    """How many of the values are above each of what is asked (k,)."""
    found: Rows = len(values) - np.searchsorted(np.sort(values), asked, side="right")
    return found


def _gained(worth: Vector, gained: Vector) -> Vector:
    """What the 0, 1, … n choices that are worth most gained together, per choice of all n."""
    order = np.argsort(-worth, kind="stable")
    total: Vector = np.append(0.0, np.cumsum(gained[order])) / len(order)
    return total
