"""A low rank beside the models' means."""

from __future__ import annotations

import numpy as np
import pytest
from small_world import HELD_OUT, POOL, TRAIN, outcomes

from shared_core import MatrixFactorizationRouter


@pytest.mark.parametrize("rank", [1, 2])
def test_models_differ_from_their_means_in_so_many_ways(rank: int) -> None:
    router = MatrixFactorizationRouter(POOL, alpha=3.0, rank=rank).fit(outcomes())
    means = outcomes().score.mean(axis=0)
    np.testing.assert_allclose(router.predict(TRAIN).quality.mean(axis=0), means, atol=1e-5)
    apart = router.predict(HELD_OUT).quality - means
    assert np.linalg.matrix_rank(apart, tol=1e-4) == rank
