"""The stack's weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared_core.routers.predictive import stacking


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000))
def test_stack_weights_are_never_negative_and_find_the_truth(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth, noise = rng.normal(size=(200, 3)), rng.normal(size=(200, 3))
    found = stacking.weights([truth, noise, -truth], truth, np.zeros(3), np.ones(1))
    assert (found >= 0).all()
    assert found[0] == pytest.approx(1, abs=0.05)
    assert found[2] == pytest.approx(0, abs=0.05)


def test_a_query_that_is_hard_for_all_has_no_advantage() -> None:
    hard = np.array([[0.1, 0.3], [0.7, 0.9]])
    np.testing.assert_allclose(stacking.advantage(hard), [[-0.1, 0.1], [-0.1, 0.1]])


def test_a_stack_is_the_weighed_sum_of_what_each_adds_to_the_means() -> None:
    rng = np.random.default_rng(0)
    qualities, costs = rng.random((2, 3, 5, 4))
    quality, cost = rng.random((2, 4))
    stack = stacking.Stack(*rng.random((3, 3)))
    found, price = stack(list(qualities), list(costs), quality, cost)
    for n in range(5):
        for m in range(4):
            told, paid = quality[m], cost[m]
            for one, its_cost, a, s, c in zip(qualities, costs, *stack, strict=True):
                shared = one[n].mean()
                told += a * ((one[n, m] - shared) - (quality[m] - quality.mean()))
                told += s * (shared - quality.mean())
                paid += c * (its_cost[n, m] - cost[m])
            assert found[n, m] == pytest.approx(told)
            assert price[n, m] == pytest.approx(paid)


def test_what_was_seldom_known_stands_for_more() -> None:
    rng = np.random.default_rng(0)
    often, seldom = rng.normal(size=(2, 400, 2))
    wanted = np.stack([often[:, 0], seldom[:, 0]], axis=1)
    one = np.stack([often[:, 0], often[:, 1]], axis=1)
    other = np.stack([seldom[:, 1], seldom[:, 0]], axis=1)
    even = stacking.weights([one, other], wanted, np.zeros(2), np.ones(1))
    tilted = stacking.weights([one, other], wanted, np.zeros(2), np.array([[1.0, 0.1]]))
    assert even[0] == pytest.approx(even[1], abs=0.1)
    assert tilted[1] > tilted[0] + 0.3


def test_twins_share_their_weight_and_slight_ones_have_no_say() -> None:
    truth = np.random.default_rng(0).normal(size=(200, 3))
    found = stacking.weights([truth, truth], truth, np.zeros(3), np.ones(1))
    assert found.sum() == pytest.approx(1.0, abs=0.01)
    assert found.min() > 0.2
    stack = stacking.Stack(*np.tile([0.9, 0.04, 0.06], (3, 1)))
    assert stack.used == [0, 2]
