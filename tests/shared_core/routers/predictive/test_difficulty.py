"""Item response theory: queries demand, models can."""

from __future__ import annotations

import numpy as np
import pytest
from small_world import HELD_OUT, POOL, outcomes

from shared_core import ConfigError, CostQuality, DifficultyRouter
from shared_core.routers.predictive.difficulty import _estimated, _logistic


def test_models_that_are_good_at_different_things_take_more_than_one_dimension() -> None:
    names = ["sums", "poems"]
    table = outcomes(models=names)

    def share_right(dimensions: int) -> float:
        router = DifficultyRouter(
            [POOL[name] for name in names], CostQuality(0.0), dimensions=dimensions
        ).fit(table)
        score = outcomes(HELD_OUT, models=names).score
        chosen = router.predict(HELD_OUT).quality.argmax(axis=1)
        return float((score[np.arange(len(score)), chosen] == score.max(axis=1)).mean())

    assert share_right(4) > 0.9 > share_right(1)


def test_what_is_estimated_explains_what_was_seen() -> None:
    rng = np.random.default_rng(0)
    demands, abilities = rng.normal(size=(800, 2)), rng.normal(size=(20, 2)) + np.eye(1, 2)
    chance = _logistic(demands @ abilities.T + rng.normal(size=20))
    quality = (rng.random(chance.shape) < chance).astype(float)
    quality[rng.random(chance.shape) < 0.1] = np.nan

    def likeness(dimensions: int) -> float:
        found, models = _estimated(quality, dimensions)
        told = _logistic(models.logits(found))
        np.testing.assert_allclose(told.mean(axis=0), np.nanmean(quality, axis=0), atol=0.03)
        return float(np.corrcoef(told.ravel(), chance.ravel())[0, 1])

    both = likeness(2)
    assert both > 0.9
    assert both > likeness(1) + 0.03


def test_dimensions_count_from_one_up() -> None:
    with pytest.raises(ConfigError, match="from 1 up"):
        DifficultyRouter(POOL, dimensions=0)
