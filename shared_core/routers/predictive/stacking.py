"""Combining routers: non-negative least squares of held-out predictions on the advantage.

The advantage is quality less the query's mean over models, less the model's own mean advantage:
what choosing takes. Fitted on quality itself, a stack learns which queries are hard, which says
nothing about whom to ask.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared_core.policies.base import Matrix
from shared_core.routers.predictive.learnable import means

_ROUNDS: Final = 500
_PENALTY: Final = 1e-3
_SLIGHT: Final = 0.05

Weights = NDArray[np.float64]


def common(values: Matrix) -> Matrix:
    """Mean (…, n, 1) of each query over the models, for values (…, n, m)."""
    shared: Matrix = values.mean(axis=-1, keepdims=True)
    return shared


def _level(values: Matrix) -> Matrix:
    """The mean (1,) of all that is known."""
    return np.array([np.nanmean(values)])


def advantage(values: Matrix) -> Matrix:
    """Values (n, m) less each query's mean."""
    less: Matrix = values - common(values)
    return less


def weights(predicted: Sequence[Matrix], wanted: Matrix, levels: Matrix, chance: Matrix) -> Weights:
    """Non-negative weights (k,) of k predictions whose sum comes nearest to what is wanted.

    Args:
        predicted: k predictions (n, m), none of them having seen its row.
        wanted: (n, m); NaN is unknown.
        levels: what both are measured from, (m,) or (n, 1).
        chance: (n, m) how likely each was to be known; the less, the more it stands for.
    """
    known = np.isfinite(wanted)
    columns = np.stack([(one - levels)[known] for one in predicted], axis=1)
    stands_for = columns / np.broadcast_to(chance, wanted.shape)[known][:, None]
    gram, products = stands_for.T @ columns, stands_for.T @ (wanted - levels)[known]
    return _non_negative(gram + _PENALTY * np.trace(gram) / len(gram) * np.eye(len(gram)), products)


def _non_negative(gram: Matrix, products: Weights) -> Weights:
    """Least squares with weights from 0 up, by coordinate descent."""
    found = np.zeros(len(products))
    for _ in range(_ROUNDS):
        before = found.copy()
        for i in range(len(found)):
            slack = products[i] - gram[i] @ found + gram[i, i] * found[i]
            found[i] = max(slack / max(gram[i, i], 1e-30), 0.0)
        if np.abs(found - before).max() < 1e-7:
            break
    return found


def _weighed(shares: Weights, values: Matrix) -> Matrix:
    """The sum (n, m) of k times (n, m)."""
    total: Matrix = (shares @ values.reshape(len(shares), -1)).reshape(values.shape[1:])
    return total


class Stack(NamedTuple):
    """Weights (k,) of k routers, for the advantage, for what all models share, and for cost."""

    advantage: Weights
    shared: Weights
    cost: Weights

    @classmethod
    def of(
        cls, qualities: Sequence[Matrix], costs: Sequence[Matrix], quality: Matrix, cost: Matrix,
        chance: Matrix,
    ) -> Stack:  # fmt: skip
        """The best weights for k held-out predictions (n, m) of known outcomes (n, m).

        What a query's models have in common is taken over all of them, those whose outcome is
        unknown counting as predicted: of a query with one answer, nothing else would be left of it.
        """
        shared = common(np.where(np.isfinite(quality), quality, np.mean(qualities, axis=0)))
        told = quality - shared
        return cls(
            weights([advantage(one) for one in qualities], told, means(told), chance),
            weights([common(one) for one in qualities], shared, _level(quality), np.ones(1)),
            weights(costs, cost, means(cost), chance),
        )

    def __call__(
        self, qualities: Sequence[Matrix], costs: Sequence[Matrix], quality: Matrix, cost: Matrix
    ) -> tuple[Matrix, Matrix]:
        """Quality and cost (n, m) of k predictions; ``quality`` and ``cost`` are means (m,)."""
        told, paid = np.stack(qualities), np.stack(costs)
        level, shared = quality.mean(), common(told)
        apart = quality - level
        lead = _weighed(self.advantage, told - shared - apart)
        together = _weighed(self.shared, shared - level)
        return quality + lead + together, cost + _weighed(self.cost, paid - cost)

    @property
    def used(self) -> list[int]:
        """Whose advantage has a say; the first when nobody's has."""
        return [i for i, weight in enumerate(self.advantage) if weight > _SLIGHT] or [0]

    def to_array(self) -> Matrix:
        """The weights (3, k)."""
        return np.stack(self)

    @classmethod
    def from_array(cls, array: Matrix) -> Stack:
        """The stack of weights (3, k)."""
        return cls(*array)
