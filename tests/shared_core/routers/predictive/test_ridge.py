"""The ridge regression against plain least squares."""

from __future__ import annotations

import numpy as np
import pytest
from small_world import POOL, outcomes

from shared_core import (
    DomainRouter,
    KernelRouter,
    LinearRouter,
    NgramRouter,
    OutcomeTable,
    PredictiveRouter,
)
from shared_core.routers.predictive import ridge
from shared_core.routers.predictive.cross_validation import advantage_error


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


def _with_gaps(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Features (n, 12) and targets (n, 3): one whole, one seldom known, one only on one side."""
    x = rng.normal(size=(n, 12)) * np.geomspace(1, 0.05, 12)
    y = x @ rng.normal(size=(12, 3)) + rng.normal(size=(n, 3)) + 5
    y[rng.random(n) < 0.9, 1] = np.nan
    y[x[:, 0] < 0.3, 2] = np.nan
    return x, y


@pytest.mark.parametrize("alpha", [0.5, 30.0])
def test_each_target_is_learned_from_the_rows_that_know_it(alpha: float) -> None:
    x, y = _with_gaps(np.random.default_rng(2), 200)
    found = ridge.fit(x, y, alpha)
    for column in range(3):
        known = np.isfinite(y[:, column])
        alone = ridge.fit(x[known], y[known][:, [column]], alpha)
        np.testing.assert_allclose(found(x)[:, column], alone(x)[:, 0], atol=2e-3)


def test_the_strength_is_chosen_by_what_is_known() -> None:
    x, y = _with_gaps(np.random.default_rng(3), 80)
    fold, alphas = np.arange(80) % 5, (0.3, 3.0, 30.0, 300.0)
    errors = []
    for alpha in alphas:
        told = np.empty_like(y)
        for held in range(5):
            rest = ridge.fit(x[fold != held], y[fold != held], alpha, akin=3)
            told[fold == held] = rest(x[fold == held])
        errors.append(advantage_error(told, y))
    assert ridge.choose_alpha(x, y, 3, fold, alphas) == alphas[int(np.argmin(errors))]


@pytest.mark.parametrize("kind", [LinearRouter, KernelRouter, DomainRouter, NgramRouter])
def test_a_model_seldom_asked_is_not_taken_for_one_that_is_always_alike(
    kind: type[PredictiveRouter],
) -> None:
    """What is not known of a model says nothing of it, not even that it is as good as usual."""
    whole = outcomes()
    score, asked = whole.score.copy(), np.random.default_rng(4).random(len(whole)) < 0.3
    score[~asked, 0] = np.nan
    assert whole.score[asked, 0].std() > 0
    logs = OutcomeTable(whole.models, whole.queries, {**whole.measures, "score": score})
    told = kind(POOL, alpha=3.0).fit(logs)
    alone = kind(POOL, alpha=3.0, encoder=told.encoder_).fit(whole.rows(asked))
    spread, wanted = (one.predict(whole.queries).quality[:, 0].std() for one in (told, alone))
    assert wanted > 0.05
    assert spread == pytest.approx(wanted, rel=0.25)


def test_what_targets_have_in_common_is_learned_from_all_of_them() -> None:
    """One target is known of each row, and all go the same way."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(240, 8))
    way = x @ rng.normal(size=8)
    y = np.where(np.arange(4) == np.arange(240)[:, None] % 4, way[:, None], np.nan)
    y += rng.normal(size=y.shape) * 3

    def error(akin: int) -> float:
        told = [ridge.fit(x, y, alpha, akin)(x) for alpha in (3.0, 30.0, 300.0)]
        return min(float(np.abs(one - way[:, None]).mean()) for one in told)

    assert error(akin=4) < 0.8 * error(akin=0)
