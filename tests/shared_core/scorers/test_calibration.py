"""Scores as probabilities."""

from __future__ import annotations

import numpy as np
import pytest

from shared_core.scorers.calibration import platt


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
