"""Likeness in meaning of a query to what candidates say and show, by an encoder's vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from shared_core.encoders.base import Encoder, Vectors

UNRELATED: Final = (
    "How rivers are made", "The price of a bicycle", "Rules of chess", "Painting a wooden fence",
    "Why do cats purr?", "Uma carta para a avó", "Os planetas do sistema solar", "O preço do pão",
)  # fmt: skip
"""Texts with nothing in common: what an encoder finds in them all the same is no likeness."""


@dataclass(frozen=True)
class Meanings:
    """Vectors of what candidates say and show.

    Args:
        told: of the descriptions (m, d).
        shown: per candidate those of its examples (k, d).
        floor: cosine of unrelated texts, on average: where an encoder's scale begins.
    """

    told: Vectors
    shown: Sequence[Vectors]
    floor: float

    @classmethod
    def of(cls, encoder: Encoder, told: Sequence[str], shown: Sequence[Sequence[str]]) -> Meanings:
        vectors = encoder([*told, *(text for texts in shown for text in texts), *UNRELATED])
        ends = np.cumsum([len(told), *map(len, shown)])
        return cls(
            vectors[: len(told)],
            [vectors[start:end] for start, end in pairwise(ends)],
            _mean_cosine(vectors[ends[-1] :]),
        )

    def likeness(self, vector: Vectors) -> list[float]:
        """Cosine to each candidate's description, or to the mean of that and its best example."""
        best = [float((vectors @ vector).max()) if len(vectors) else None for vectors in self.shown]
        told = (self.told @ vector).tolist()
        found = [t if b is None else (t + b) / 2 for t, b in zip(told, best, strict=True)]
        return [(cosine - self.floor) / (1 - self.floor) for cosine in found]


def _mean_cosine(vectors: Vectors) -> float:
    """Of two different ones."""
    n = len(vectors)
    cosines = vectors @ vectors.T
    return float(np.clip((cosines.sum() - np.trace(cosines)) / (n * (n - 1)), 0.0, 0.9))
