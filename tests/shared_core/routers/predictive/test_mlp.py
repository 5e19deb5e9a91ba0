"""The networks: what they are trained to, and what they say of rows they did not learn from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from small_world import HELD_OUT, POOL, outcomes

from shared_core import ConfigError

pytest.importorskip("torch", reason="needs the extra `torch`")


def mlp(**options: Any) -> Any:
    from shared_core import MLPRouter

    return MLPRouter(POOL, hidden=16, **options)


def test_the_seed_decides_everything() -> None:
    first, again, other = (mlp(networks=1, seed=s).fit(outcomes()) for s in (0, 0, 1))
    np.testing.assert_array_equal(first.first_, again.first_)
    assert first.first_.shape != other.first_.shape or not np.array_equal(
        first.first_, other.first_
    )


def test_several_networks_are_one_wider_network() -> None:
    router = mlp(networks=3, max_epochs=2).fit(outcomes())
    assert router.first_.shape[1] == router.second_.shape[0] == 3 * 16
    assert router.predict(HELD_OUT).quality.shape == (len(HELD_OUT), len(POOL))


def test_every_row_is_predicted_by_a_network_that_did_not_learn_from_it() -> None:
    router = mlp(max_epochs=10).fit(outcomes())
    predicted, score, cost = router.held_out
    assert predicted.quality.shape == score.shape == cost.shape == (len(outcomes()), len(POOL))
    assert np.isfinite(predicted.quality).all()
    right = np.take_along_axis(score, predicted.quality.argmax(axis=1)[:, None], axis=1)
    assert right.mean() > 0.9
    assert mlp(networks=2, max_epochs=1).fit(outcomes()).held_out is None


def objective(quality: Any, cost: Any, temperature: float | None = None) -> Any:
    from shared_core.routers.predictive.objective import Objective

    return Objective.of(np.array(quality), np.array(cost), 1.0, temperature)


def test_unknown_outcomes_cost_nothing() -> None:
    import torch

    quality = [[1.0, 0.0], [np.nan, 1.0]]
    one = objective(quality, np.zeros((2, 2)))
    told = torch.zeros(2, 4)
    other = told.clone()
    other[1, 0] = 5.0
    rows = torch.tensor([1])
    assert one.loss(told[rows], rows) == one.loss(other[rows], rows)
    other[1, 1] = 5.0
    assert one.loss(told[rows], rows) != one.loss(other[rows], rows)


def test_an_error_that_all_models_share_counts_a_tenth() -> None:
    import torch

    one = objective([[0.5, 0.5], [0.5, 0.5]], np.zeros((2, 2)))
    rows = torch.tensor([0])
    shared = one.loss(torch.tensor([[0.2, 0.2, 0.0, 0.0]]), rows)
    apart = one.loss(torch.tensor([[0.2, -0.2, 0.0, 0.0]]), rows)
    assert float(shared) == pytest.approx(0.1 * float(apart))


def test_soft_labels_pull_towards_the_better_model() -> None:
    import torch

    quality = [[1.0, 0.0], [0.0, 1.0]]
    with_them, without = (objective(quality, np.zeros((2, 2)), t) for t in (10.0, None))
    rows, told = torch.tensor([0]), torch.tensor([[0.5, -0.5, 0.0, 0.0]])
    wrong = -told
    assert with_them.loss(told, rows) - without.loss(told, rows) < with_them.loss(
        wrong, rows
    ) - without.loss(wrong, rows)


def test_settings_that_make_no_sense_are_told() -> None:
    for wrong in ({"networks": 0}, {"max_epochs": 0}):
        with pytest.raises(ConfigError, match="count from 1 up"):
            mlp(**wrong)
    with pytest.raises(ConfigError, match="temperature is a number above 0"):
        mlp(temperature=-1.0)


def test_a_single_text_can_be_learned() -> None:
    router = mlp(networks=2, max_epochs=3).fit(outcomes(["what is the sum of 1 and 2"] * 2))
    assert np.isfinite(router.predict(["what is the sum of 3 and 4"]).quality).all()
