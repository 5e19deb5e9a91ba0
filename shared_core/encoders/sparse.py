"""Sparse rows in numpy: products with dense matrices, the leading directions, ridge regression."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared_core.encoders.ngrams import Floats, Ngrams

_OVERSAMPLING: Final = 32
_POWER_ITERATIONS: Final = 4
_BLOCK_ROWS: Final = 32


class Block(NamedTuple):
    """A few rows of a sparse matrix, dense in the columns that occur in them."""

    columns: NDArray[np.int64]
    dense: Floats


def blocks(rows: Sequence[Ngrams]) -> list[Block]:
    """The rows as a sparse matrix that multiplies quickly."""
    return [_block(rows[i : i + _BLOCK_ROWS]) for i in range(0, len(rows), _BLOCK_ROWS)]


def _block(rows: Sequence[Ngrams]) -> Block:
    columns = np.unique(np.concatenate([row.places for row in rows]))
    dense = np.zeros((len(rows), len(columns)), np.float32)
    for values, row in zip(dense, rows, strict=True):
        values[np.searchsorted(columns, row.places)] = row.weight
    return Block(columns, dense)


def right_singular_vectors(
    rows: Sequence[Ngrams], width: int, dimension: int, rng: np.random.Generator
) -> Floats:
    """Leading right singular vectors (width, dimension) of a sparse matrix (Halko et al., 2011)."""
    parts = blocks(rows)
    columns = min(dimension + _OVERSAMPLING, len(rows), width)
    basis = rng.standard_normal((width, columns), np.float32)
    for _ in range(_POWER_ITERATIONS + 1):
        basis = transposed_times(parts, np.linalg.qr(times(parts, basis))[0], width)
    squares, rotation = np.linalg.eigh((basis.T @ basis).astype(np.float64))
    leading = np.flatnonzero(squares > squares[-1] * 1e-10)[::-1][:dimension]
    scaled = rotation[:, leading] / np.sqrt(squares[leading])
    vectors: Floats = basis @ scaled.astype(np.float32)
    return vectors


def times(parts: Sequence[Block], matrix: Floats) -> Floats:
    """The product (n, k) of a sparse matrix and a dense one (width, k)."""
    return np.concatenate([block.dense @ matrix[block.columns] for block in parts])


def transposed_times(parts: Sequence[Block], matrix: Floats, width: int) -> Floats:
    """The product (width, k) of the sparse matrix's transpose and a dense one (n, k)."""
    product = np.zeros((width, matrix.shape[1]), np.float32)
    start = 0
    for block in parts:
        stop = start + len(block.dense)
        product[block.columns] += block.dense.T @ matrix[start:stop]
        start = stop
    return product


def ridge_dual(
    rows: Sequence[Block], width: int, targets: Floats, alpha: float, steps: int
) -> Floats:
    """Solves (X X' + alpha) dual = targets for all targets (n, t) at once, X (n, width) sparse.

    By conjugate gradients; the stronger the penalty, the fewer steps suffice. The weights of the
    ridge regression are X' dual. Rows of which a target is unknown, NaN, do not count for it: their
    dual is 0.
    """
    known = np.isfinite(targets)
    solution, rest = np.zeros_like(targets), np.where(known, targets, np.float32(0.0))
    direction, size = rest.copy(), (rest**2).sum(axis=0)
    for _ in range(steps):
        image = times(rows, transposed_times(rows, direction, width))
        image = np.where(known, image + alpha * direction, np.float32(0.0))
        step = size / np.maximum((direction * image).sum(axis=0), 1e-30)
        solution += step * direction
        rest -= step * image
        smaller = (rest**2).sum(axis=0)
        direction = rest + (smaller / np.maximum(size, 1e-30)) * direction
        size = smaller
    return solution
