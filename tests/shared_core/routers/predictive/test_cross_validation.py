from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from shared_core.routers.predictive.cross_validation import advantage_error, folds

matrices = arrays(float, (5, 3), elements=st.floats(-1, 1))


@given(st.lists(st.text(max_size=2), min_size=1, max_size=60), st.integers(2, 5))
def test_equal_rows_share_a_fold_and_folds_are_even(groups: list[str], n_folds: int) -> None:
    fold = folds(groups, n_folds, seed=0)
    of_group = dict(zip(groups, fold.tolist(), strict=True))
    assert [of_group[group] for group in groups] == fold.tolist()
    sizes = np.bincount(list(of_group.values()), minlength=n_folds)
    assert sizes.sum() == len(set(groups))
    assert sizes.max() - sizes.min() <= 1
    np.testing.assert_array_equal(fold, folds(groups, n_folds, seed=0))


@given(matrices, matrices, arrays(float, (5, 1), elements=st.floats(-1, 1)))
def test_an_error_that_all_models_share_does_not_count(
    predicted: np.ndarray, quality: np.ndarray, shared: np.ndarray
) -> None:
    error = advantage_error(predicted, quality)
    assert error == pytest.approx(advantage_error(predicted + shared, quality), abs=1e-9)
    assert advantage_error(quality + shared, quality) == pytest.approx(0, abs=1e-9)


def test_worked_out() -> None:
    # errors (0.5, -0.5), whose mean is 0; then (0.5, unknown), whose mean is 0.25
    predicted = np.array([[1.0, 0.0], [0.7, 0.7]])
    quality = np.array([[0.5, 0.5], [0.2, np.nan]])
    assert advantage_error(predicted, quality) == pytest.approx((0.25 + 0.25 + 0.25**2) / 3)
