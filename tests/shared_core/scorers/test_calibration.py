"""Scores as probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from shared_core import Answer, Calibrated, DataError, MeanLogprob, NotFitted
from shared_core.scorers.calibration import isotonic, platt


@pytest.mark.parametrize(
    ("middle", "spread"),
    [(0.9, 0.06), (0.95, 0.02), (0.97, 0.01), (0.0, 1e-4), (0.0, 1e3), (-3000.0, 500.0)],
)
def test_the_sigmoid_is_found_wherever_the_scores_lie(middle: float, spread: float) -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        score = middle + spread * rng.normal(size=400)
        truth = 1 / (1 + np.exp(-1.5 * (score - middle) / spread))
        quality = (rng.random(400) < truth).astype(float)
        slope, intercept = platt(score, quality)
        told = 1 / (1 + np.exp(-(slope * score + intercept)))
        assert np.sqrt(np.mean((told - truth) ** 2)) < 0.1
        assert told.mean() == pytest.approx(quality.mean(), abs=0.01)


@pytest.mark.parametrize(("n", "far"), [(50, (1.0, 30.0)), (200, (500.0, 17600.0))])
def test_few_scores_far_from_all_others_lead_no_step_astray(n: int, far: tuple[float, ...]) -> None:
    score = np.append(np.zeros(n), far)
    quality = (score > 0).astype(float)
    slope, intercept = platt(score, quality)
    told = 1 / (1 + np.exp(-(slope * score + intercept)))
    assert told == pytest.approx(quality, abs=0.2)
    assert told.mean() == pytest.approx(quality.mean(), abs=0.001)


def test_what_a_score_parts_or_does_not_tell_stays_finite() -> None:
    score = np.arange(50.0) - 1000
    slope, intercept = platt(score, (score > -975).astype(float))
    assert np.isfinite([slope, intercept]).all()
    assert slope * -975.5 + intercept == pytest.approx(0.0, abs=5)
    assert platt(np.full(8, 0.7), np.array([0.0, 1.0] * 4)) == pytest.approx((0.0, 0.0), abs=1e-6)


def test_steps_rise_with_the_score_and_are_nearest_to_the_quality() -> None:
    score = np.array([0.1, 0.2, 0.2, 0.3, 0.4])
    corners, heights = isotonic(score, np.array([0.0, 1.0, 0.0, 0.2, 1.0]))
    np.testing.assert_allclose(corners, [0.1, 0.2, 0.3, 0.4])
    np.testing.assert_allclose(heights, [0.0, 0.4, 0.4, 1.0])


@pytest.mark.parametrize("kind", ["isotonic", "platt"])
def test_a_score_becomes_the_share_of_good_answers_and_none_the_share_of_all(kind: Any) -> None:
    good = np.array([0.0, 0.0, 0.0, 1.0, 1.0, 0.5])
    score = np.array([0.1, 0.2, 0.3, 0.8, 0.9, np.nan])
    scorer = Calibrated(MeanLogprob(), kind).fitted(score, good)
    told = [scorer.probability(one) for one in score[:5]]
    assert told == sorted(told)
    assert told[0] < 0.1 < 0.9 < told[-1]
    assert scorer("hi", Answer("m", "x")) == scorer.prior == good.mean()
    assert scorer("hi", Answer("m", "x", logprob=-0.01)) == scorer.probability(np.exp(-0.01))


def test_nothing_is_calibrated_on_nothing() -> None:
    scorer = Calibrated(MeanLogprob())
    with pytest.raises(DataError, match="nothing to calibrate on"):
        scorer.fitted(np.array([np.nan, 0.5]), np.array([1.0, np.nan]))
    with pytest.raises(NotFitted, match="not calibrated yet"):
        scorer("hi", Answer("m", "x", logprob=-0.1))
