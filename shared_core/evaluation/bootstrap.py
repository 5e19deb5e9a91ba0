"""Paired bootstrap over queries, in blocks, so that memory never grows with queries x resamples.

Every statistic that is computed from one ``Resamples`` sees the same resampled queries: differences
between routers are paired. Up to ``EXACT_UP_TO`` queries the weights are multinomial, the classical
bootstrap; above it they are independent Poisson(1) counts, which differ from that by O(1/n)
(Chamandy et al. 2012, "Estimating uncertainty for massive data streams").

Rows of the same text are no independent evidence: they are drawn together (the cluster bootstrap).

Few rows that all went one way resample to nothing but themselves, as if the next could go no other.
So mean qualities and their differences are resampled with two further texts, one at either bound,
which keeps the intervals of small samples and of rare differences honest, and is not felt in large
ones (Agresti and Coull, 1998, The American Statistician 52; Agresti and Min, 2005, Statistics in
Medicine 24).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Final

import numpy as np

from shared_core.evaluation.metrics.cost_metrics import Vector
from shared_core.policies.base import Matrix
from shared_core.routers.predictive.cross_validation import numbered

N_RESAMPLES: Final = 1000
EXACT_UP_TO: Final = 8192
BLOCK: Final = 1024


class Resamples:
    """Weights of n queries in ``n_resamples`` bootstrap resamples.

    Args:
        n: queries.
        seed: of the weights.
        n_resamples: how many.
        texts: the n queries' texts; when not given, all differ.
    """

    def __init__(
        self,
        n: int,
        seed: int = 0,
        n_resamples: int = N_RESAMPLES,
        texts: Sequence[str] | None = None,
    ) -> None:
        self.n = n
        self.seed = seed
        self.n_resamples = n_resamples
        self._text = np.arange(n) if texts is None else numbered(texts)

    def blocks(self) -> Iterator[tuple[slice, Matrix]]:
        """Rows, and their weights (n_resamples, rows), block by block; the same each time.

        The weights are overwritten by the next block's.
        """
        if self.n <= EXACT_UP_TO:
            yield slice(0, self.n), self._exact
            return
        rng = np.random.default_rng(self.seed)
        counts = np.empty((self.n_resamples, BLOCK))
        first = np.unique(self._text, return_index=True)[1]
        is_repeated = np.bincount(self._text) > 1
        place = np.cumsum(is_repeated) - 1
        of_text = np.empty((int(is_repeated.sum()), self.n_resamples), np.uint8)
        for start in range(0, self.n, BLOCK):
            rows = slice(start, min(start + BLOCK, self.n))
            drawn = np.frombuffer(rng.bytes(2 * counts.size), np.uint16).reshape(counts.shape)
            np.take(_POISSON, drawn, out=counts, mode="clip")  # "clip" spares a copy of counts
            text = self._text[rows]
            is_first = first[text] == np.arange(rows.start, rows.stop)
            new, again = np.flatnonzero(is_first & is_repeated[text]), np.flatnonzero(~is_first)
            of_text[place[text[new]]] = counts[:, new].T
            counts[:, again] = of_text[place[text[again]]].T
            yield rows, counts[:, : rows.stop - rows.start]

    def means(self, values: Callable[[slice], Matrix]) -> tuple[Vector, Matrix]:
        """Means (k,) over all rows, and in each resample (n_resamples, k).

        Args:
            values: rows -> (rows, k); asked for one block at a time.
        """
        total: Matrix | float = 0.0
        resampled: Matrix | float = 0.0
        weight: Matrix | float = 0.0
        for rows, weights in self.blocks():
            block = values(rows)
            total = total + block.sum(axis=0)
            resampled = resampled + weights @ block
            weight = weight + weights.sum(axis=1, keepdims=True)
        return np.asarray(total) / self.n, np.asarray(resampled / weight)

    def bounded(self, resampled: Vector | Matrix, low: float, high: float) -> Matrix:
        """Resampled means (n_resamples, ...) with a further text at either bound.

        Args:
            resampled: of values that lie from ``low`` to ``high``.
        """
        n = len(np.unique(self._text))
        lows, highs = (count.reshape(-1, *[1] * (resampled.ndim - 1)) for count in self._further)
        found: Matrix = (n * resampled + low * lows + high * highs) / (n + lows + highs)
        return found

    @cached_property
    def _further(self) -> Matrix:
        """How often each of the two further texts is drawn (2, n_resamples)."""
        drawn = np.random.default_rng([self.seed, 1]).poisson(1.0, (2, self.n_resamples))
        return drawn.astype(float)

    @cached_property
    def _exact(self) -> Matrix:
        rng = np.random.default_rng(self.seed)
        n = len(np.unique(self._text))
        drawn = (rng.integers(0, n, n) for _ in range(self.n_resamples))
        each = np.stack([np.bincount(texts, minlength=n).astype(float) for texts in drawn])
        return each if n == self.n else each[:, self._text]


def difference(
    ours: Vector, theirs: Vector, texts: Sequence[str], seed: int = 0
) -> tuple[float, float]:
    """95 % interval of the mean difference of two qualities (n,), 0 to 1, of the same rows."""
    resamples = Resamples(len(texts), seed, texts=texts)
    _, resampled = resamples.means((ours - theirs)[:, None].__getitem__)
    return interval(resamples.bounded(resampled[:, 0], -1.0, 1.0))


def interval(values: Vector) -> tuple[float, float]:
    """The middle 95 % of resampled values."""
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def _poisson_table() -> Vector:
    """Poisson(1) counts such that a uniform 16-bit number picks one with its probability."""
    edges = np.cumsum([math.exp(-1) / math.factorial(k) for k in range(12)])
    drawn = (np.arange(65536) + 0.5) / 65536
    return np.searchsorted(edges, drawn).astype(float)


_POISSON: Final = _poisson_table()
