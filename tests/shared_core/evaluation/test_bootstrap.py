"""The blocked bootstrap says what the textbook one says."""

from __future__ import annotations

import numpy as np
import pytest

from shared_core.evaluation import bootstrap
from shared_core.evaluation.bootstrap import Resamples, interval


@pytest.mark.parametrize("n", [500, bootstrap.EXACT_UP_TO + 2000])
def test_spread_is_the_standard_error(n: int) -> None:
    values = np.random.default_rng(1).random((n, 2))
    means, resampled = Resamples(n, seed=3).means(lambda rows: values[rows])
    assert means == pytest.approx(values.mean(axis=0))
    assert resampled.shape == (bootstrap.N_RESAMPLES, 2)
    assert resampled.mean(axis=0) == pytest.approx(means, abs=3 * values.std() / n**0.5)
    assert resampled.std(axis=0) == pytest.approx(values.std(axis=0) / n**0.5, rel=0.15)


@pytest.mark.parametrize("n", [300, bootstrap.EXACT_UP_TO + 10])
def test_resamples_are_paired(n: int) -> None:
    resamples = Resamples(n, seed=0, n_resamples=50)
    values = np.random.default_rng(2).random((n, 1))
    one = resamples.means(lambda rows: values[rows])[1]
    other = resamples.means(lambda rows: values[rows] + 0.25)[1]
    assert other - one == pytest.approx(0.25)  # the same queries in both: no noise in between


@pytest.mark.parametrize("n", [400, bootstrap.EXACT_UP_TO + 2000])
def test_rows_of_a_text_are_no_further_evidence(n: int) -> None:
    n_texts = n // 4
    values = np.random.default_rng(1).random((n_texts, 1))
    texts = [str(i % n_texts) for i in range(n)]
    resamples = Resamples(n, n_resamples=300, texts=texts)
    means, resampled = resamples.means(lambda rows: np.tile(values, (5, 1))[:n][rows])
    assert means == pytest.approx(values.mean(axis=0))
    assert resampled.std() == pytest.approx(values.std() / n_texts**0.5, rel=0.15)
    weights = np.concatenate([block for _, block in _copies(resamples)], axis=1)
    np.testing.assert_array_equal(weights[:, :n_texts], weights[:, n_texts : 2 * n_texts])


@pytest.mark.parametrize("n", [300, bootstrap.EXACT_UP_TO + 10])
def test_texts_that_all_differ_change_nothing(n: int) -> None:
    values = np.random.default_rng(2).random((n, 1))
    told = Resamples(n, n_resamples=20, texts=[str(i) for i in range(n)])
    plain = Resamples(n, n_resamples=20).means(lambda rows: values[rows])[1]
    np.testing.assert_array_equal(told.means(lambda rows: values[rows])[1], plain)


def test_weights_are_poisson_counts_above_the_exact_size() -> None:
    n = bootstrap.EXACT_UP_TO + 1
    weights = np.concatenate([block for _, block in _copies(Resamples(n, n_resamples=40))], axis=1)
    assert weights.shape == (40, n)
    assert weights.mean() == pytest.approx(1, abs=0.01)
    assert weights.var() == pytest.approx(1, abs=0.02)
    assert (weights == 0).mean() == pytest.approx(np.exp(-1), abs=0.005)


def test_one_outcome_seen_a_few_times_may_not_be_the_only_one() -> None:
    low, high = bootstrap.interval(Resamples(10).bounded(np.ones(1000), 0.0, 1.0))
    assert 0.6 < low < 0.9
    assert high == 1.0
    texts = ["the same"] * 10  # ten rows of a text are one
    assert bootstrap.interval(Resamples(10, texts=texts).bounded(np.ones(1000), 0.0, 1.0))[0] < 0.5


@pytest.mark.parametrize(("n", "chance"), [(5, 0.9), (20, 0.95), (60, 0.98), (60, 0.6)])
def test_intervals_of_few_rows_hold_the_truth(n: int, chance: float) -> None:
    rng = np.random.default_rng(0)
    held = 0
    for seed in range(100):
        seen = (rng.random(n) < chance).astype(float)
        resamples = Resamples(n, seed, 200)
        _, means = resamples.means(seen[:, None].__getitem__)
        low, high = bootstrap.interval(resamples.bounded(means[:, 0], 0.0, 1.0))
        held += low <= chance <= high
    assert held >= 90


def test_the_further_texts_are_not_felt_among_many_rows() -> None:
    resamples = Resamples(2000)
    _, means = resamples.means(np.random.default_rng(0).random((2000, 1)).__getitem__)
    bounded = resamples.bounded(means[:, 0], 0.0, 1.0)
    np.testing.assert_allclose(bounded, means[:, 0], atol=0.002)


def test_interval_is_the_middle_95_percent() -> None:
    assert interval(np.arange(1001) / 1000) == pytest.approx((0.025, 0.975))


def _copies(resamples: Resamples) -> list[tuple[slice, np.ndarray]]:
    return [(rows, weights.copy()) for rows, weights in resamples.blocks()]
