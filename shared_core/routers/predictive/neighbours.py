"""Nearest rows by cosine similarity, in numpy: exact for small tables, in two steps for large ones.

A decision over a large table is bound by reading the vectors from memory. They are kept in their
principal axes (a rotation, so similarities stay what they are), where the first few dimensions tell
most of the similarity: those alone make a shortlist, which is then judged on all dimensions.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared_core.encoders.base import Vectors

EXACT_UP_TO: Final = 8192
"""Rows up to which every row is judged on all dimensions."""

_WORTHWHILE: Final = 5
"""Rows per row of a shortlist from which on it pays: scattered rows are slower to read than all."""

_LEADING: Final = 64
_SHORTLIST: Final = 512
_SHORTLIST_PER_NEIGHBOUR: Final = 8
_GROUPS_PER_NEIGHBOUR: Final = 2
_AT_ONCE: Final = 1 << 22

Indices = NDArray[np.int64]


def principal_axes(vectors: Vectors) -> Vectors:
    """The rotation (d, d) into the vectors' principal axes, the widest first."""
    squares = (vectors.T @ vectors).astype(np.float64)
    axes: Vectors = np.linalg.eigh(squares)[1][:, ::-1].astype(np.float32)
    return axes


def leading(rows: Vectors) -> Vectors:
    """The dimensions that make the shortlist, next to each other in memory."""
    return np.ascontiguousarray(rows[:, :_LEADING])


def nearest(queries: Vectors, rows: Vectors, leads: Vectors, k: int) -> tuple[Indices, Vectors]:
    """For each query the k nearest rows, the nearest first: indices (n, k), similarities (n, k).

    Above ``EXACT_UP_TO`` rows, and 40 for each neighbour, one that its leading dimensions hide may
    be missed; of the nearest 80 of real queries, 3 in 100 are.

    Args:
        queries: (n, d), in the rows' axes.
        rows: (r, d).
        leads: ``leading(rows)``.
        k: how many, at most r.
    """
    wanted = max(_SHORTLIST, _SHORTLIST_PER_NEIGHBOUR * k)
    if len(rows) <= max(EXACT_UP_TO, _WORTHWHILE * wanted):
        return top(queries @ rows.T, k)
    rough = queries[:, : leads.shape[1]] @ leads.T
    short = np.stack([_largest(row, wanted) for row in rough])
    exact = np.stack([rows[i] @ query for i, query in zip(short, queries, strict=True)])
    place, similarity = top(exact, k)
    return np.take_along_axis(short, place, axis=1), similarity


def top(similarity: Vectors, k: int) -> tuple[Indices, Vectors]:
    """The k largest of each row (n, k), the largest first: indices and values."""
    shape = len(similarity), k
    index, values = np.empty(shape, np.int64), np.empty(shape, similarity.dtype)
    for i, row in enumerate(similarity):
        found = _candidates(row, k)
        some = row[found]
        order = np.argsort(-some, kind="stable")[:k]
        index[i], values[i] = found[order], some[order]
    return index, values


def _largest(values: Vectors, k: int) -> Indices:
    """Where the k largest are, in no order."""
    found = _candidates(values, k)
    return found[np.argpartition(values[found], len(found) - k)[len(found) - k :]]


def _candidates(values: Vectors, k: int) -> Indices:
    """Where the k largest are, and few others: a group's largest is enough to pass by the rest.

    At least k values reach the k-th largest of the groups' largest ones.
    """
    size = max(len(values) // (_GROUPS_PER_NEIGHBOUR * k), 1)
    n_groups = len(values) // size
    largest = values[: size * n_groups].reshape(size, n_groups).max(axis=0)
    return np.flatnonzero(values >= np.partition(largest, n_groups - k)[n_groups - k])


def chunks(n: int, width: int) -> Iterator[slice]:
    """Slices of n rows, small enough that rows x width floats are no burden."""
    step = max(1, _AT_ONCE // max(width, 1))
    return (slice(start, start + step) for start in range(0, n, step))
