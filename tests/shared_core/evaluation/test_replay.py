"""What recorded cascades come to."""

from __future__ import annotations

import math

import numpy as np
import pytest

from shared_core import DataError, OutcomeTable
from shared_core.evaluation.replay import Replay, ibc_lift


def lift(
    quality: float, cost: float, small: tuple[float, float], large: tuple[float, float]
) -> float:
    """Of a replay and two models of such a mean quality and cost."""
    means = np.tile([small, large], (4, 1, 1))
    measures = {"score": means[:, :, 0], "cost": means[:, :, 1]}
    table = OutcomeTable(("small", "large"), tuple("abcd"), measures)
    replayed = Replay(np.full(4, quality), np.full(4, cost), np.ones(4))
    return ibc_lift(replayed, table, "small", "large")


@pytest.mark.parametrize(
    ("quality", "cost", "found"),
    [(0.8, 2.0, 100.0), (0.8, 1.0, math.inf), (0.8, 0.5, math.inf), (0.6, 1.0, 0.0)],
)
def test_the_lift_of_what_a_cascade_spends(quality: float, cost: float, found: float) -> None:
    assert lift(quality, cost, (0.6, 1.0), (0.8, 3.0)) == pytest.approx(found)


@pytest.mark.parametrize(
    ("large", "told"),
    [
        ((0.6, 3.0), "no better than the small"),
        ((0.4, 3.0), "no better than the small"),
        ((0.8, 1.0), "no extra cost"),
    ],
)
def test_there_is_no_lift_over_nothing(large: tuple[float, float], told: str) -> None:
    with pytest.raises(DataError, match=told):
        lift(0.7, 2.0, (0.6, 1.0), large)
