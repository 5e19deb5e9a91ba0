"""The ridge regression against plain least squares."""

from __future__ import annotations

import numpy as np
import pytest

from shared_core import LinearRouter, OutcomeTable
from shared_core.routers.predictive import ridge


def test_the_ridge_is_least_squares_without_a_penalty() -> None:
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(50, 3)), rng.normal(size=(3, 2))
    np.testing.assert_allclose(ridge.fit(x, x @ w + 1, 1e-9).weights, w, atol=1e-6)


def test_leaving_a_fold_out_is_fitting_the_others() -> None:
    rng = np.random.default_rng(1)
    x, y, fold = rng.normal(size=(40, 3)), rng.normal(size=(40, 2)), np.arange(40) % 4
    found = ridge.left_out(x, y, 2.0, fold)
    for held in range(4):
        rest = ridge.fit(x[fold != held], y[fold != held], 2.0)
        np.testing.assert_allclose(found[fold == held], rest(x[fold == held]), atol=1e-9)


def test_no_call_is_cheaper_than_the_cheapest_seen() -> None:
    sizes = np.arange(1, 61)
    rows = [{"query": "word " * n, "score.a": 1.0, "cost.a": 0.001 * n} for n in sizes + 40]
    router = LinearRouter(["a"], alpha=0.1).fit(OutcomeTable.from_rows(rows))
    assert router.predict(["word", "word " * 300]).cost.min() == pytest.approx(0.041)
