"""Predict, and listen only where that pays (cascade routing, arXiv 2410.10347)."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Self

import numpy as np

from shared_core.decision import Flow, RoutingDecision
from shared_core.errors import ConfigError, DataError, NotFitted
from shared_core.outcomes.table import OutcomeTable
from shared_core.policies.base import Matrix
from shared_core.query import Query
from shared_core.routers.non_predictive.base import Heard, ListeningRouter
from shared_core.routers.non_predictive.beliefs import Beliefs, covariance_of
from shared_core.routers.predictive.base import PredictiveRouter
from shared_core.routers.predictive.cross_validation import folds
from shared_core.routers.predictive.knn import KNNRouter
from shared_core.scorers.base import Scorer
from shared_core.scorers.learned import answer_of
from shared_core.scorers.likelihood import MeanLogprob

N_FOLDS = 3


class HybridRouter(ListeningRouter):
    """Cascade routing: before every step, stop or ask any of the remaining models.

    What a model is worth is predicted; every score moves that expectation for all models, and a
    model is asked when the expected best of the answers, less its price, is above stopping. Where
    an answer would be kept whatever its score, nobody listens: that is routing, and can stream.

    Args:
        inner: predicts quality and cost.
        scorer: how good an answer is.
        cost_weight: quality points one gives up to save a call to the dearest model.
        longest: most models asked for one query.
    """

    def __init__(
        self,
        inner: PredictiveRouter,
        scorer: Scorer,
        cost_weight: float = 0.1,
        longest: int = 4,
    ) -> None:
        if cost_weight < 0 or longest < 1:
            raise ConfigError(
                f"cost_weight is from 0 up, longest from 1 up, not {cost_weight}, {longest}"
            )
        super().__init__(inner.pool, scorer, inner)
        self.inner: PredictiveRouter = inner
        self.cost_weight = cost_weight
        self.longest = longest

    def fit(
        self,
        outcomes: OutcomeTable,
        progress: Callable[[str], None] | None = None,
        scores: Matrix | None = None,
    ) -> Self:
        """Fit the inner router, and learn what scores tell.

        Args:
            outcomes: the training table, with the recorded answers or their log-probabilities.
            progress: told what is being done.
            scores: the scorer's scores (n, m) of the answers, where it has to ask models for them.

        Raises:
            DataError: the scorer can judge none of the recorded answers.
        """
        table = outcomes.of(self.pool.names).priced(self.pool)
        score = self._scores(table) if scores is None else scores
        whole = np.isfinite(table.score).all(axis=1)
        if not (np.isfinite(score[whole]).any() and whole.sum() > len(self.pool)):
            raise DataError(
                f"{type(self.scorer).__name__} can judge none of the recorded answers: give "
                "answer.<model> or logprob.<model> columns, or scores"
            )
        expected = self._out_of_fold(table)
        self.inner.fit(table, progress)
        self.line_, self.covariance_ = covariance_of(
            table.score[whole], expected[whole], score[whole]
        )
        return self

    def flow(self, query: Query) -> Flow:
        if not hasattr(self, "covariance_"):
            raise NotFitted("this HybridRouter has not learned yet: call fit(outcomes) or load")
        eligible, rejected = self.pool.eligible(query)
        predicted = self.inner.predict([query.text]).of(eligible)
        weight = self.cost_weight if query.cost_weight is None else query.cost_weight
        price = weight * predicted.cost[0] / predicted.cost_unit
        cost = dict(zip(eligible, predicted.cost[0].tolist(), strict=True))
        heard = Heard(query, eligible, rejected)
        beliefs = self._beliefs(eligible, predicted.quality[0])
        present: list[int] = []
        price = price.copy()
        for _ in range(self.longest):
            step = _best_step(beliefs, present, price)
            if step is None:
                break
            if beliefs.is_settled_by(step, present, price) or len(present) + 1 == self.longest:
                return self._decided(heard, beliefs, price, cost, eligible[step])
            for answer in (yield from self.hear(heard, [eligible[step]])):
                present.append(step)
                beliefs = beliefs.after(step, heard.scores[answer.model])
            if eligible[step] not in heard.scores:
                price[step] = math.inf
        best = max(present, key=lambda k: beliefs.quality[k], default=None)
        chosen = int(np.argmax(beliefs.quality - price)) if best is None else best
        return self._decided(heard, beliefs, price, cost, eligible[chosen])

    def _decided(
        self,
        heard: Heard,
        beliefs: Beliefs,
        price: Matrix,
        cost: Mapping[str, float],
        model: str,
    ) -> RoutingDecision:
        utility = np.argsort(-(beliefs.quality - price), kind="stable")
        names = heard.ranking
        heard.ranking = tuple(names[i] for i in utility)
        quality = dict(zip(names, np.clip(beliefs.quality, 0, 1).tolist(), strict=True))
        told = f"expected quality {quality[model]:.2f} at ${cost[model]:.2g}"
        after = ", ".join(f"{name} scored {score:.2f}" for name, score in heard.scores.items())
        answer = next((one for one in heard.answers if one.model == model), None)
        return RoutingDecision(
            heard.order(model),
            type(self).__name__,
            "heard" if heard.answers else "policy",
            f"{told}; {after or 'no answer was worth hearing first'}",
            quality=quality,
            cost=dict(cost),
            rejected=heard.rejected,
            answer=answer,
        )

    def _beliefs(self, models: Sequence[str], expected: Matrix) -> Beliefs:
        columns = np.array([self.pool.names.index(name) for name in models])
        both = np.concatenate([columns, columns + len(self.pool)])
        score = self.line_[0, columns] * expected + self.line_[1, columns]
        mean = np.concatenate([expected, score])
        return Beliefs(mean, self.covariance_[np.ix_(both, both)])

    def _scores(self, table: OutcomeTable) -> Matrix:
        return np.array(
            [
                [self.scorer(text, answer_of(table, row, model)) for model in table.models]
                for row, text in enumerate(table.queries)
            ]
        )

    def _out_of_fold(self, table: OutcomeTable) -> Matrix:
        fold = folds(table.queries, N_FOLDS, self.inner.seed)
        expected = np.empty_like(table.score)
        for held_out in range(N_FOLDS):
            rows = np.flatnonzero(fold == held_out)
            inner = copy.copy(self.inner).fit(table.rows(fold != held_out))
            expected[rows] = inner.predict([table.queries[i] for i in rows]).quality
        return expected

    @classmethod
    def test_parameters(cls) -> Sequence[Mapping[str, Any]]:
        inner = partial(KNNRouter, k=8)
        return [{"inner": inner, "scorer": MeanLogprob()}]


def _best_step(beliefs: Beliefs, present: list[int], price: Matrix) -> int | None:
    """The model to ask next; None when the best answer that is there will do."""
    rest = [k for k in range(len(price)) if k not in present and np.isfinite(price[k])]
    if not rest:
        return None
    value = {k: beliefs.value_of_asking(k, present, price) for k in rest}
    best = max(value, key=lambda k: value[k])
    if present and beliefs.quality[present].max() >= value[best]:
        return None
    return best
