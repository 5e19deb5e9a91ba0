"""Ridge regression on the raw n-grams: a weight for each word, piece of a word, and model.

Solved by conjugate gradients; a few steps suffice, since the penalty is strong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from shared_core.checks import check_above_zero
from shared_core.encoders import sparse
from shared_core.encoders.base import Encoder
from shared_core.encoders.lexical import LexicalEncoder
from shared_core.encoders.ngrams import Ngrams
from shared_core.errors import ConfigError
from shared_core.learned import Learned, declared
from shared_core.policies.base import Matrix, Policy
from shared_core.policies.cost_quality import CostQuality
from shared_core.pool import Candidate, ModelPool
from shared_core.routers.predictive import ridge
from shared_core.routers.predictive.base import PredictiveRouter, Progress
from shared_core.routers.predictive.reading import Reading

_STEPS: Final = 8


class _Seen(NamedTuple):
    rows: Sequence[Ngrams]
    width: int


class NgramRouter(PredictiveRouter):
    """Strongly regularised ridge regression on TF-IDF weighted words and pieces of words.

    Args:
        pool, policy, seed: see PredictiveRouter.
        encoder: a lexical encoder; trained along when not given.
        alpha: strength of the penalty.
    """

    learned = declared(
        PredictiveRouter.learned,
        weights_=Learned("ngram 2*models"),
        offset_=Learned("2*models"),
        least_cost_=Learned("models"),
    )

    def __init__(
        self,
        pool: ModelPool | Iterable[Candidate | str],
        policy: Policy = CostQuality(),
        encoder: Encoder | None = None,
        seed: int = 0,
        alpha: float = 20.0,
    ) -> None:
        check_above_zero(alpha=alpha)
        super().__init__(pool, policy, encoder, seed)
        self.alpha = alpha

    def _see(self, reading: Reading) -> _Seen:
        encoder, rows = reading.encoder, reading.ngrams
        if rows is None or not isinstance(encoder, LexicalEncoder):
            raise ConfigError(f"NgramRouter reads n-grams, which {encoder!r} does not know")
        return _Seen(rows, encoder.n_features)

    def _fit(self, vectors: _Seen, quality: Matrix, cost: Matrix, progress: Progress) -> None:
        progress("weighing n-grams")
        targets = ridge.outcomes(quality, cost, self.cost_unit_)
        self.offset_ = np.nanmean(targets, axis=0)
        blocks = sparse.blocks(vectors.rows)
        share = (targets - self.offset_).astype(np.float32)
        dual = sparse.ridge_dual(blocks, vectors.width, share, self.alpha, _STEPS)
        weights = sparse.transposed_times(blocks, dual, vectors.width)
        self.weights_ = weights.astype(np.float16)
        self.least_cost_ = np.nanmin(cost, axis=0)

    def _predict(self, vectors: _Seen) -> tuple[Matrix, Matrix]:
        sums = [row.weight @ self.weights_[row.places].astype(np.float32) for row in vectors.rows]
        quality, cost = np.split(np.stack(sums).astype(np.float64) + self.offset_, 2, axis=1)
        return quality, np.maximum(cost * self.cost_unit_, self.least_cost_)

    @classmethod
    def test_parameters(cls) -> Sequence[Mapping[str, Any]]:
        return [{"alpha": 3.0}]
