"""Clusters with few rows are taken for like all others."""

from __future__ import annotations

import numpy as np
from small_world import HELD_OUT, POOL, outcomes

from shared_core import ClusterRouter


def test_the_more_it_shrinks_the_less_clusters_tell() -> None:
    told = [
        ClusterRouter(POOL, n_clusters=6, shrinkage=shrinkage).fit(outcomes()).predict(HELD_OUT)
        for shrinkage in (1e9, 0.0)
    ]
    means = outcomes().score.mean(axis=0)
    np.testing.assert_allclose(told[0].quality, np.tile(means, (len(HELD_OUT), 1)), atol=1e-4)
    assert np.abs(told[1].quality - means).max() > 0.5
