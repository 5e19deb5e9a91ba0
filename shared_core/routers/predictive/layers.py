"""Small neural networks that have been trained: their arrays, and what they tell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np

from shared_core.encoders.base import Vectors
from shared_core.policies.base import Matrix


class Layers(NamedTuple):
    """A network with one hidden layer of rectified units.

    Args:
        first: weights (d, h) from what it sees to the hidden layer.
        first_bias: (h,) of the hidden layer.
        second: weights (h, t) from there to what it tells.
        second_bias: (t,) of what it tells.
    """

    first: Vectors
    first_bias: Vectors
    second: Vectors
    second_bias: Vectors

    def __call__(self, design: Vectors) -> Vectors:
        """What it tells (n, t) of rows (n, d)."""
        hidden = np.maximum(design @ self.first + self.first_bias, 0)
        told: Vectors = hidden @ self.second + self.second_bias
        return told

    def then(self, shift: Matrix, mixture: Matrix) -> Layers:
        """The network that tells what this one does, shifted (t,), then mixed (t, t)."""
        second, bias = self.second @ mixture, (self.second_bias + shift) @ mixture
        return self._replace(second=second.astype(np.float32), second_bias=bias.astype(np.float32))

    @classmethod
    def mean(cls, networks: Sequence[Layers]) -> Self:
        """The mean of several: one network with their hidden layers side by side."""
        firsts, first_biases, seconds, second_biases = zip(*networks, strict=True)
        bias: Vectors = np.mean(second_biases, axis=0, dtype=np.float32)
        second: Vectors = np.vstack([one / len(networks) for one in seconds])
        return cls(np.hstack(firsts), np.hstack(first_biases), second, bias)
