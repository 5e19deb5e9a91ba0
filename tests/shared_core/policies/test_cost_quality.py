from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from shared_core import ColdStartRouter, ConfigError, CostQuality, KNNRouter, Predictions, Query
from shared_core.policies.base import most_useful

shares = arrays(float, (4, 3), elements=st.floats(0, 1))


def predictions(quality: object, cost: object, unit: float = 1.0) -> Predictions:
    """Predictions for models a, b and c."""
    return Predictions(("a", "b", "c"), np.array(quality, float), np.array(cost, float), unit)


def test_utility_is_quality_less_the_weighted_cost() -> None:
    given = predictions([[0.5, 0.7, 0.9]], [[1, 2, 4]], unit=4)
    np.testing.assert_allclose(CostQuality(0.4)(given), [[0.4, 0.5, 0.5]])


@given(shares, shares)
def test_weight_zero_looks_at_quality_and_a_large_one_at_cost(
    quality: object, cost: object
) -> None:
    given = predictions(quality, cost)
    np.testing.assert_array_equal(CostQuality(0)(given), given.quality)
    cheapest = CostQuality(1e12)(given).argmax(axis=1)
    chosen = given.cost[np.arange(4), cheapest]
    np.testing.assert_allclose(chosen, given.cost.min(axis=1), atol=1e-9)


@given(shares, shares, st.floats(0, 100), st.floats(1e-6, 1e6))
def test_the_currency_does_not_matter(
    quality: object, cost: np.ndarray, weight: float, rate: float
) -> None:
    policy = CostQuality(weight)
    np.testing.assert_allclose(
        policy(predictions(quality, cost)),
        policy(predictions(quality, cost * rate, rate)),
        rtol=1e-9,
        atol=1e-12,
    )


@pytest.mark.parametrize("weight", [-0.1, float("nan"), float("inf"), "high", "0.1", True])
def test_weights_that_make_no_sense_are_refused(weight: Any) -> None:
    with pytest.raises(ConfigError, match="cost_weight is a number from 0 up"):
        CostQuality(weight)
    with pytest.raises(ConfigError, match="cost_weight is a number from 0 up"):
        Query("hi", cost_weight=weight)


@pytest.mark.parametrize("policy", [0.3, "cheap", None])
def test_a_weight_alone_is_no_policy(policy: Any) -> None:
    for router in (ColdStartRouter, KNNRouter):
        with pytest.raises(ConfigError, match=r"like CostQuality\(cost_weight=0.1\)"):
            router(["a", "b"], policy=policy)


def test_a_policy_is_frozen_and_explains_itself() -> None:
    policy = CostQuality(0.25)
    assert policy.explain() == "quality - 0.25 x cost"
    assert policy == CostQuality(0.25)
    with pytest.raises(dataclasses.FrozenInstanceError):
        policy.cost_weight = 1.0  # type: ignore[misc]


def test_predictions_of_some_models_keep_the_order_given() -> None:
    part = predictions([[0.5, 0.7, 0.9]], [[1, 2, 4]], unit=4).of(["c", "a"])
    assert (part.models, part.cost_unit) == (("c", "a"), 4)
    np.testing.assert_array_equal(part.quality, [[0.9, 0.5]])
    np.testing.assert_array_equal(part.cost, [[4, 1]])


coarse = arrays(float, (4, 3), elements=st.sampled_from([0.0, 0.5, 1.0]))


@given(coarse, coarse)
def test_the_most_useful_is_who_comes_first_in_a_ranking(
    utility: np.ndarray, cost: np.ndarray
) -> None:
    first = [int(np.lexsort((c, -u))[0]) for u, c in zip(utility, cost, strict=True)]
    assert most_useful(utility, cost).tolist() == first
