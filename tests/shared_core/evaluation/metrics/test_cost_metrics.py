"""Hulls and areas against values worked out by hand, and what must hold for any points."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from shared_core.evaluation.metrics import cost_metrics

points = st.lists(st.tuples(st.floats(0.01, 10), st.floats(0, 1)), min_size=1, max_size=12).map(
    lambda pairs: (np.array([x for x, _ in pairs]), np.array([y for _, y in pairs]))
)
Points = tuple[np.ndarray, np.ndarray]


def test_a_hull_worked_out() -> None:
    # (2, .3) lies under the chord from (1, .2) to (3, .8); (4, .7) is dearer and worse
    cost, quality = np.array([4.0, 1, 3, 2, 1]), np.array([0.7, 0.2, 0.8, 0.3, 0.1])
    x, y = cost_metrics.hull(cost, quality)
    np.testing.assert_array_equal(x, [1, 3])
    np.testing.assert_array_equal(y, [0.2, 0.8])


def test_an_area_worked_out() -> None:
    cost, quality = np.array([1.0, 3]), np.array([0.2, 0.8])
    assert cost_metrics.aiq_range(cost, quality, 1, 3) == pytest.approx(0.5)
    # held flat beyond its ends: half at .8, half at the mean .5
    assert cost_metrics.aiq_range(cost, quality, 1, 5) == pytest.approx(0.65)
    assert cost_metrics.aiq_range(cost, quality, 2, 2) == pytest.approx(0.5)


def test_costs_at_a_quality_worked_out() -> None:
    cost, quality = np.array([1.0, 3]), np.array([0.2, 0.8])
    assert cost_metrics.cost_at_quality(cost, quality, 0.5) == pytest.approx(2)
    assert cost_metrics.cost_at_quality(cost, quality, 0.1) == 1
    assert cost_metrics.cost_at_quality(cost, quality, 0.8) == pytest.approx(3)
    assert cost_metrics.cost_at_quality(cost, quality, 0.81) is None


@given(points)
def test_a_hull_is_rising_concave_and_above_every_point(given: Points) -> None:
    x, y = cost_metrics.hull(*given)
    assert (np.diff(x) > 0).all()
    assert (np.diff(y) > 0).all()
    slopes = np.diff(y) / np.diff(x)
    assert (np.diff(slopes) <= 1e-9 * np.abs(slopes[:-1]) + 1e-12).all()
    assert (np.interp(given[0], x, y) >= given[1] - 1e-9).all()
    assert set(zip(x, y, strict=True)) <= set(zip(*given, strict=True))


@given(points, st.floats(0.01, 100), st.data())
def test_areas_do_not_depend_on_order_or_currency(
    given: Points, rate: float, data: st.DataObject
) -> None:
    cost, quality = given
    order = data.draw(st.permutations(range(len(cost))))
    low, high = cost.min(), cost.max()
    area = cost_metrics.aiq_range(cost, quality, low, high)
    turned = cost_metrics.aiq_range(cost[order], quality[order], low, high)
    priced = cost_metrics.aiq_range(cost * rate, quality, low * rate, high * rate)
    assert area == pytest.approx(turned, abs=1e-9)
    assert area == pytest.approx(priced, abs=1e-6)
    assert -1e-9 <= area <= quality.max() + 1e-9


@given(points, st.floats(0.01, 10), st.floats(0, 1))
def test_another_point_never_lowers_the_area(given: Points, x: float, y: float) -> None:
    cost, quality = given
    low, high = cost.min(), cost.max()
    more = np.append(cost, np.clip(x, low, high)), np.append(quality, y)
    before = cost_metrics.aiq_range(cost, quality, low, high)
    assert cost_metrics.aiq_range(*more, low, high) >= before - 1e-9


@given(
    arrays(float, (6, 3), elements=st.floats(0, 1)), arrays(float, (6, 3), elements=st.floats(0, 9))
)
def test_a_sweep_goes_from_the_best_to_the_cheapest(quality: np.ndarray, cost: np.ndarray) -> None:
    swept = cost_metrics.sweep(quality, cost, 1.0)
    rows = np.arange(6)
    np.testing.assert_array_equal(quality[rows, swept[0]], quality.max(axis=1))
    np.testing.assert_array_equal(cost[rows, swept[-1]], cost.min(axis=1))
    paid, got = cost_metrics.outcomes_of(swept, quality, cost)
    assert (np.diff(paid.mean(axis=1)) <= 1e-9).all()
    assert (np.diff(got[:-1].mean(axis=1)) <= 1e-9).all()
