"""Spherical k-means, in numpy."""

from __future__ import annotations

from typing import Final

import numpy as np

from shared_core.encoders.base import Vectors, unit

_ROUNDS: Final = 20


def k_means(vectors: Vectors, n_clusters: int, rng: np.random.Generator) -> Vectors:
    """Unit centres (c, d) of a spherical k-means, started as in k-means++."""
    centers = unit(_started(vectors, n_clusters, rng))
    for _ in range(_ROUNDS):
        cluster = np.argmax(vectors @ centers.T, axis=1)
        member = np.eye(len(centers), dtype=np.float32)[cluster]
        sums = member.T @ vectors
        empty = ~member.any(axis=0)
        sums[empty] = centers[empty]
        moved = unit(sums)
        if np.allclose(moved, centers, atol=1e-6):
            break
        centers = moved
    return centers


def _started(vectors: Vectors, n_clusters: int, rng: np.random.Generator) -> Vectors:
    chosen = [int(rng.integers(len(vectors)))]
    distance = 1 - vectors @ vectors[chosen[0]]
    while len(chosen) < n_clusters:
        weight = np.maximum(distance.astype(np.float64), 0) + 1e-12
        chosen.append(int(rng.choice(len(vectors), p=weight / weight.sum())))
        distance = np.minimum(distance, 1 - vectors @ vectors[chosen[-1]])
    return vectors[chosen]
