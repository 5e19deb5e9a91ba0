"""Cheapest first; stop when good enough (FrugalGPT, arXiv 2305.05176; AutoMix, 2310.12963)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import Any

from shared_core.checks import is_count
from shared_core.decision import Flow
from shared_core.errors import ConfigError
from shared_core.pool import Candidate, ModelPool
from shared_core.routers.base import Router
from shared_core.routers.non_predictive.base import Heard, ListeningRouter
from shared_core.scorers.base import Scorer
from shared_core.scorers.likelihood import MeanLogprob


class CascadeRouter(ListeningRouter):
    """Asks the cheapest model, and goes up as long as the answer is not good enough.

    The last model is not heard but chosen, so its answer can be streamed; should it fail, the best
    answer heard before is there.

    Args:
        pool: the candidates, with prices.
        scorer: how good an answer is; calibrated, so that the threshold is a probability.
        threshold: a score from here on is good enough.
        longest: most models in the chain; all that can serve when not given.
        inner: a router whose best ``longest`` models make the chain.
    """

    def __init__(
        self,
        pool: ModelPool | Iterable[Candidate | str],
        scorer: Scorer,
        threshold: float = 0.7,
        longest: int | None = None,
        inner: Router | None = None,
    ) -> None:
        if not (longest is None or is_count(longest)):
            raise ConfigError(f"a chain has at least one model, not {longest}")
        if not isinstance(threshold, Real) or math.isnan(threshold):
            raise ConfigError(f"threshold is a score, not {threshold!r}")
        super().__init__(pool, scorer, inner)
        self.threshold: float = threshold
        self.longest: int | None = longest

    def listen(self, heard: Heard) -> Flow:
        price = self.pool.by_price().index
        *steps, last = sorted(heard.ranking[: self.longest], key=price)
        for model in steps:
            for answer in (yield from self.hear(heard, [model])):
                if (score := heard.scores[model]) >= self.threshold:
                    reason = f"its answer scored {score:.2f}, from {self.threshold:.2f} on is good"
                    return self.decision(heard, model, reason, answer)
        told = ", ".join(f"{name} {score:.2f}" for name, score in heard.scores.items())
        return self.decision(heard, last, f"no answer before was good enough: {told or 'none'}")

    @classmethod
    def test_parameters(cls) -> Sequence[Mapping[str, Any]]:
        return [{"scorer": MeanLogprob()}, {"scorer": MeanLogprob(), "threshold": 0.0}]
