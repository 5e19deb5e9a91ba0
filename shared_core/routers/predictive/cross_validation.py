"""Choosing settings on training data alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared_core.policies.base import Matrix

Folds = NDArray[np.int64]

N_FOLDS: Final = 5


def folds(groups: Sequence[object], n_folds: int, seed: int) -> Folds:
    """A fold (n,) for each row; rows of the same group, such as equal texts, share theirs."""
    group = numbered(groups)
    fold_of_group = np.random.default_rng(seed).permutation(group.max(initial=-1) + 1) % n_folds
    return fold_of_group[group]


def numbered(groups: Sequence[object]) -> Folds:
    """The group (n,) of each row, counted from 0 in order of appearance."""
    number = {group: i for i, group in enumerate(dict.fromkeys(groups))}
    return np.array([number[group] for group in groups], np.int64)


def advantage_error(predicted: Matrix, quality: Matrix) -> float:
    """Mean squared error of the predicted *advantage*: quality minus the query's mean over models.

    Which model to take depends on differences between models only, so an error that all models of a
    query share must not count. Unknown quality (NaN) counts as predicted right.
    """
    known = np.isfinite(quality)
    error = np.where(known, predicted - np.nan_to_num(quality), 0.0)
    shared = error.sum(axis=1, keepdims=True) / error.shape[1]
    return float((np.where(known, error - shared, 0.0) ** 2).sum() / known.sum())
