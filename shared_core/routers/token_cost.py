"""Cost from tokens and prices: how long will each model's answer be, and what does that cost today?

Output tokens are predicted per model and query (ridge regression of their logarithm); the input is
the query's own count where it has one, cached-input price included. Against regressed cost this
lowers the mean absolute error where input counts are known, and hardly the squared error, so it is
an option and no default. It follows new prices and a conversation's size; regressed cost cannot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Self

import numpy as np

from shared_core.artifacts import Artifact
from shared_core.checks import check_above_zero
from shared_core.decision import Flow
from shared_core.encoders.base import Vectors
from shared_core.errors import NotFitted
from shared_core.learned import Learned, declared
from shared_core.outcomes.table import OutcomeTable
from shared_core.policies.base import Matrix, Predictions
from shared_core.pool import ModelPool
from shared_core.query import Query, estimate_tokens
from shared_core.routers.base import Router
from shared_core.routers.predictive import reading, ridge
from shared_core.routers.predictive.base import PredictiveRouter, Progress
from shared_core.routers.predictive.linear import LinearRouter
from shared_core.routers.predictive.reading import Reading
from shared_core.routers.predictive.regression import FORM_WEIGHT

_FEWEST: Final = 20
"""Token counts of a model below which its cost is left to the router inside."""


class TokenCostRouter(Router):
    """Takes the quality a router predicts, and costs from predicted tokens and the pool's prices.

    Models without prices, or with fewer than 20 known token counts, keep the router's own cost, and
    so do those that the router gained later.

    Args:
        router: who predicts quality; fitted along.
        alpha: strength of the penalty on the regression of log output tokens.
    """

    learned = declared(
        reading.SCALE,
        known_=Learned("models", kind="b"),
        weights_=Learned("vector+form models"),
        limits_=Learned("3 models"),
        read_=Learned("2 models"),
        usual_=Learned("2 models", is_optional=True),
    )

    usual_: Matrix | None = None
    """Mean tokens (2, m) read and written, where training told no cost: they make its unit."""

    def __init__(self, router: PredictiveRouter, alpha: float = 10.0) -> None:
        check_above_zero(alpha=alpha)
        self.router = router
        self.alpha = alpha

    @property
    def pool(self) -> ModelPool:  # type: ignore[override]
        """The router's: with the models that it has gained since it was wrapped."""
        return self.router.pool

    @property
    def inner(self) -> PredictiveRouter:
        """The router, by the name that wrappers share."""
        return self.router

    def fit(self, outcomes: OutcomeTable, progress: Progress | None = None) -> Self:
        """Fit the router, and learn how many tokens each model reads and writes.

        Raises:
            DataError: as the router's own ``fit``.
        """
        self.router.fit(outcomes, progress)
        table = outcomes.of(self.pool.names)
        unknown = np.full_like(table.score, np.nan)
        read, written = (table.measures.get(f"{side}_tokens", unknown) for side in ("in", "out"))
        both = np.isfinite(read) & np.isfinite(written)
        self.known_ = both.sum(axis=0) >= _FEWEST
        is_priced = (table.priced(self.pool).cost > 0).any()
        self.usual_ = None if is_priced else _usual(np.stack([read, written]), both)
        seen = Reading(table.queries, self.router.encoder_)
        self.middle_, self.spread_ = reading.scale(seen.shape)
        features = self._features(seen)
        columns = range(len(self.pool))
        learned = [self._written(features, written[:, j]) for j in columns]
        self.weights_ = np.stack([weights for weights, _ in learned], axis=1)
        self.limits_ = np.stack([limits for _, limits in learned], axis=1)
        sizes = np.array([estimate_tokens(text) for text in table.queries], float)
        self.read_ = np.stack([_line(sizes, read[:, j]) for j in columns], axis=1)
        return self

    def output_tokens(self, texts: Sequence[str]) -> Matrix:
        """Expected tokens (n, m) of each model's answer; NaN where nothing is known of it."""
        self._check_fitted()
        offset, spread, longest = self.limits_
        logarithm = self._features(Reading(texts, self.router.encoder_)) @ self.weights_ + offset
        # Of a logarithm's mean, half the variance makes the mean (log-normal lengths).
        written = np.minimum(np.expm1(np.minimum(logarithm + spread**2 / 2, 20.0)), longest)
        found: Matrix = np.full((len(texts), len(self.pool)), np.nan)
        found[:, : len(self.known_)] = np.where(self.known_, np.maximum(written, 0.0), np.nan)
        return found

    def predict(self, texts: Sequence[str]) -> Predictions:
        """Quality by the router inside, cost by tokens and prices; nothing cached."""
        self._check_fitted()
        told = self.router.predict(texts)
        queries = [Query(text) for text in texts]
        return self._repriced(told, queries) if queries else told

    def flow(self, query: Query) -> Flow:
        self._check_fitted()
        eligible, rejected = self.pool.eligible(query)
        told = self._repriced(self.router.predict([query.text]), [query]).of(eligible)
        decision = self.router.weighed(query, told, rejected)
        reason = f"{decision.reason}; costs are from tokens and prices"
        return replace(decision, router=type(self).__name__, reason=reason)
        yield

    def artifact(self) -> Artifact:
        self._check_fitted()
        return super().artifact()

    def check_learned(self, **sizes: int) -> dict[str, int]:
        known = {"models": len(self.router.train_means_), **self.router.encoder_.sizes}
        return super().check_learned(**{**known, **sizes})

    def _repriced(self, told: Predictions, queries: Sequence[Query]) -> Predictions:
        written = self.output_tokens([query.text for query in queries])
        cost = told.cost.copy()
        for row, query in enumerate(queries):
            for column, name in enumerate(self.pool.names):
                paid = self._price(query, name, column, written[row, column])
                cost[row, column] = told.cost[row, column] if paid is None else paid
        return Predictions(told.models, told.quality, cost, self._unit() or told.cost_unit)

    def _unit(self) -> float | None:
        """Mean cost of the dearest model by today's prices, where training told none."""
        if self.usual_ is None:
            return None
        sizes = zip(self.pool.values(), self.usual_.T, self.known_, strict=False)
        costs = [one.cost(*tokens) for one, tokens, is_known in sizes if is_known]
        return max((cost for cost in costs if cost is not None), default=None)

    def _price(self, query: Query, name: str, column: int, written: float) -> float | None:
        """USD of this model's answer; only who answered last has the prefix in its cache."""
        if np.isnan(written):
            return None
        start, slope = self.read_[:, column]
        estimate = max(start + slope * estimate_tokens(query.text), 1.0)
        read = float(estimate if query.tokens is None else query.tokens)
        cached = min(query.prefix_tokens, read) if query.previous == name else 0
        limit = self.pool[name].max_output
        return self.pool[name].cost(read, min(written, limit or written), cached)

    def _features(self, seen: Reading) -> Vectors:
        form = reading.scaled(seen.shape, self.middle_, self.spread_)
        return np.hstack([seen.vectors, np.float32(FORM_WEIGHT) * form])

    def _written(self, features: Vectors, tokens: Any) -> tuple[Any, Any]:
        """A model's weights (d,), and its offset, residual spread and longest answer (3,)."""
        known = np.isfinite(tokens)
        if known.sum() < _FEWEST:
            return np.zeros(features.shape[1]), np.zeros(3)
        target = np.log1p(tokens[known])[:, None]
        fitted = ridge.fit(features[known], target, self.alpha)
        spread = (target - fitted(features[known])).std()
        return fitted.weights[:, 0], np.array([fitted.offset[0], spread, tokens[known].max()])

    def _check_fitted(self) -> None:
        if not hasattr(self, "read_"):
            raise NotFitted("this TokenCostRouter has not learned yet: call fit(outcomes) or load")

    @classmethod
    def test_parameters(cls) -> Sequence[Mapping[str, Any]]:
        return [{"router": LinearRouter}]


def _usual(tokens: Any, known: Any) -> Matrix:
    """Mean tokens (2, m) of the calls whose counts (2, n, m) are known (n, m); 0 where none is."""
    count = np.maximum(known.sum(axis=0), 1)
    means: Matrix = np.where(known, tokens, 0.0).sum(axis=1) / count
    return means


def _line(sizes: Any, tokens: Any) -> Any:
    """Start and slope (2,) of a model's input tokens over the estimated ones."""
    known = np.isfinite(tokens)
    if known.sum() < _FEWEST:
        return np.array([0.0, 1.0])
    middle, level = sizes[known].mean(), tokens[known].mean()
    spread = ((sizes[known] - middle) ** 2).sum()
    slope = ((sizes[known] - middle) * (tokens[known] - level)).sum() / max(spread, 1e-9)
    return np.array([level - slope * middle, slope])
