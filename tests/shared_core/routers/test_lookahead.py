"""Looking ahead, side by side, against one course of answers after another."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared_core.policies.base import Matrix
from shared_core.routers.non_predictive.beliefs import Beliefs, Vector
from shared_core.routers.non_predictive.lookahead import worth_of_asking


def one_by_one(
    beliefs: Beliefs, there: list[int], rest: list[int], price: Vector, ahead: int
) -> Matrix:
    """The same by its definition: imagine an answer, then the next, then the next."""
    worth = np.full((len(beliefs.mean), len(price)), -np.inf)
    for k in rest:
        chance, courses = beliefs.imagine(k)
        others = [other for other in rest if other != k]
        then = courses.quality[:, [*there, k]].max(axis=1)
        if ahead > 1 and others:
            asking = one_by_one(courses, [*there, k], others, price, ahead - 1)
            then = np.maximum(then, asking.max(axis=1))
        low, high = np.split(then, 2)
        worth[:, k] = (1 - chance) * low + chance * high - price[k]
    return worth


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 6), st.integers(0, 10_000), st.integers(1, 4), st.data())
def test_it_is_worth_what_one_course_after_another_says(
    m: int, seed: int, ahead: int, data: st.DataObject
) -> None:
    rng = np.random.default_rng(seed)
    ties = rng.normal(size=(2 * m, 2 * m)) * rng.uniform(0.02, 0.4)
    mean, vagueness = rng.uniform(-0.1, 1.1, (3, 2 * m)), rng.uniform(0, 0.25, m)
    beliefs = Beliefs(mean, ties @ ties.T + 1e-6 * np.eye(2 * m), vagueness)
    order = data.draw(st.permutations(range(m)))
    heard = data.draw(st.integers(0, m - 1))
    failed = data.draw(st.integers(0, m - 1 - heard))
    there, rest = order[:heard], sorted(order[heard : m - failed])
    price = rng.uniform(0, 0.2, m)
    found = worth_of_asking(beliefs, there, rest, price, ahead)
    wanted = one_by_one(beliefs, there, rest, price, ahead)
    np.testing.assert_allclose(found, wanted, atol=1e-9)


@pytest.mark.parametrize("ahead", [1, 2, 3])
def test_every_query_has_its_own_prices(ahead: int) -> None:
    rng = np.random.default_rng(0)
    ties = rng.normal(size=(6, 6)) * 0.2
    beliefs = Beliefs(rng.random((4, 6)), ties @ ties.T, np.full(3, 0.1))
    price = rng.uniform(0, 0.2, (4, 3))
    found = worth_of_asking(beliefs, [], [0, 1, 2], price, ahead)
    for row in range(4):
        alone = Beliefs(beliefs.mean[row : row + 1], beliefs.covariance, beliefs.vagueness)
        wanted = worth_of_asking(alone, [], [0, 1, 2], price[row], ahead)
        np.testing.assert_allclose(found[row : row + 1], wanted)
