"""Predict, and listen only where that pays (cascade routing, arXiv 2410.10347)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final, Self

import numpy as np

from shared_core.artifacts import Artifact
from shared_core.checks import check_counts
from shared_core.decision import Answer, Ask, Flow, RoutingDecision
from shared_core.errors import DataError, NotFitted
from shared_core.learned import Learned, declared
from shared_core.outcomes.table import OutcomeTable
from shared_core.policies.base import Matrix, Weighing
from shared_core.policies.cost_quality import CostQuality
from shared_core.query import Query
from shared_core.routers.guard.retraining import retraining, untrained
from shared_core.routers.non_predictive.base import Heard, ListeningRouter
from shared_core.routers.non_predictive.beliefs import Beliefs
from shared_core.routers.non_predictive.experience import Experience
from shared_core.routers.non_predictive.lookahead import AHEAD
from shared_core.routers.non_predictive.outlook import Outlook
from shared_core.routers.non_predictive.rehearsal import Rows, held_out_gain
from shared_core.routers.predictive.base import PredictiveRouter
from shared_core.routers.predictive.cross_validation import folds
from shared_core.routers.predictive.knn import KNNRouter
from shared_core.routers.predictive.learnable import means
from shared_core.scorers.base import Scorer
from shared_core.scorers.learned import LearnedScorer, answer_of

N_FOLDS = 3
_CAME_LATER: Final = "was added after this router learned: fit it again"


class HybridRouter(ListeningRouter):
    """Cascade routing: before every step, stop or ask any of the remaining models.

    What a model is worth is predicted; every score moves that expectation for all models, and a
    model is asked when what its answer and the next may bring, less their prices, is above
    stopping. Every cascade and every routing is among what it can do. Where an answer would be kept
    whatever its score, nobody listens: that is routing, and can stream. Nor does it listen at cost
    weights where that brought nothing on training rows held out.

    Args:
        inner: predicts quality and cost.
        scorer: how good an answer is.
        cost_weight: quality points one gives up to save a call to the dearest model; as the inner
            router's policy says when not given, 0.1 where that says nothing.
        longest: most models asked for one query.
    """

    learned = declared(
        gap_=Learned("2 models"),
        covariance_=Learned("2*models 2*models"),
        vagueness_=Learned("models", low=0),
        held_out_gain_=Learned("2 weight", is_optional=True),
    )

    def __init__(
        self,
        inner: PredictiveRouter,
        scorer: Scorer,
        cost_weight: float | None = None,
        longest: int = 4,
    ) -> None:
        if cost_weight is not None:
            CostQuality(cost_weight)  # for its check
        check_counts(longest=longest)
        super().__init__(inner.pool, scorer, inner)
        self.inner: PredictiveRouter = inner
        self.cost_weight = cost_weight
        self.longest = longest

    def fit(
        self,
        outcomes: OutcomeTable,
        progress: Callable[[str], None] | None = None,
        scores: Matrix | None = None,
        expected: Matrix | None = None,
    ) -> Self:
        """Fit the inner router, and learn what scores tell.

        Args:
            outcomes: the training table, with the recorded answers or their log-probabilities.
            progress: told what is being done.
            scores: the scorer's scores (n, m) of the answers, where it has to ask models for them,
                or has learned from these very rows: then of copies that did not.
            expected: quality (n, m) that the inner router predicts for rows it did not see; the
                inner router has learned already then, and is left as it is.

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
        if expected is None:
            expected = self.out_of_fold(table)
            self.inner.fit(table, progress)
        learned = Experience.of(table.score[whole], expected[whole], score[whole])
        self.gap_, self.covariance_ = learned.gap, learned.covariance
        self.vagueness_ = learned.vagueness
        cost = np.where(np.isfinite(table.cost), table.cost, means(table.cost))
        cost /= self.inner.cost_unit_
        rows = Rows(*(values[whole] for values in (table.score, expected, score, cost)))
        origins = [table.origins[row] for row in np.flatnonzero(whole)]
        self.held_out_gain_ = held_out_gain(rows, origins, self.longest)
        return self

    def artifact(self) -> Artifact:
        self._check_fitted()
        return super().artifact()

    def check_learned(self, **sizes: int) -> dict[str, int]:
        known = min((len(self.pool), *np.shape(self.gap_)[-1:]))  # more came later
        return super().check_learned(**{"models": known, **sizes})

    def _check_fitted(self) -> None:
        if not hasattr(self, "covariance_"):
            raise NotFitted("this HybridRouter has not learned yet: call fit(outcomes) or load")

    def begin(self, query: Query) -> Generator[Ask, list[Answer], Heard]:
        self._check_fitted()
        late = dict.fromkeys(self.pool.names[self.gap_.shape[1] :], _CAME_LATER)
        asked = replace(query, exclude={**query.exclude, **late}) if late else query
        return Heard(query, *self.pool.eligible(asked))
        yield

    def listen(self, heard: Heard) -> Flow:
        predicted = self.inner.predict([heard.query.text]).of(heard.ranking)
        cheapest_first = np.argsort(predicted.cost[0], kind="stable")  # of those equally worth it
        heard.ranking = tuple(heard.ranking[i] for i in cheapest_first)
        predicted = predicted.of(heard.ranking)
        weight = self._weight(heard.query)
        outlook = Outlook(
            heard.ranking,
            self._beliefs(heard.ranking, predicted.quality[0]),
            weight * predicted.cost[0] / predicted.cost_unit,
            dict(zip(heard.ranking, predicted.cost[0].tolist(), strict=True)),
        )
        for asked in range(self.longest if self._is_worth_listening(weight) else 0):
            step = outlook.best_step(min(AHEAD, self.longest - asked))
            if step is None:
                break
            if outlook.is_settled_by(step, is_last=asked + 1 == self.longest):
                return self._decided(heard, outlook, step)
            (*fresh,) = yield from self.hear(heard, [heard.ranking[step]])
            outlook.learn(step, heard.told(fresh[0].model) if fresh else None)
        return self._decided(heard, outlook, outlook.best_present())

    def weighing(self, query: Query) -> Weighing:
        """How it weighs for this query."""
        return Weighing(CostQuality(self._weight(query)), self.inner.cost_unit_)

    def _weight(self, query: Query) -> float:
        """What cost counts: as the query says, else the router, else the inner one's policy."""
        own = getattr(self.inner.policy, "cost_weight", CostQuality.cost_weight)
        said = (query.cost_weight, self.cost_weight)
        return next((weight for weight in said if weight is not None), float(own))

    def _is_worth_listening(self, weight: float) -> bool:
        """Whether it brought something on held-out rows at such cost weights, on average."""
        gain: Matrix | None = getattr(self, "held_out_gain_", None)
        return gain is None or bool(np.interp(weight, *gain) > 0)

    def _decided(self, heard: Heard, outlook: Outlook, chosen: int) -> RoutingDecision:
        model, quality = outlook.models[chosen], outlook.quality
        heard.ranking = outlook.ranking
        told = f"expected quality {quality[model]:.2f} at ${outlook.cost[model]:.2g}"
        after = ", ".join(f"{name} scored {score:.2f}" for name, score in heard.scores.items())
        return RoutingDecision(
            heard.order(model),
            type(self).__name__,
            "heard" if heard.answers else "policy",
            f"{told}; {after or 'no answer was worth hearing first'}",
            quality=quality,
            cost=outlook.cost,
            rejected=heard.rejected,
            answer=next((one for one in heard.answers if one.model == model), None),
        )

    def _beliefs(self, models: Sequence[str], expected: Matrix) -> Beliefs:
        columns = np.array([self.pool.names.index(name) for name in models])
        learned = Experience(self.gap_, self.covariance_, self.vagueness_)
        return learned.beliefs(columns, expected)

    def _scores(self, table: OutcomeTable) -> Matrix:
        return np.array(
            [
                [self.scorer(text, answer_of(table, row, model)) for model in table.models]
                for row, text in enumerate(table.queries)
            ]
        )

    def out_of_fold(self, outcomes: OutcomeTable) -> Matrix:
        """Quality (n, m) of every row as the inner router predicts it without having seen it."""
        table = outcomes.of(self.pool.names).priced(self.pool)
        fold = folds(table.origins, N_FOLDS, self.inner.seed)
        expected = np.empty_like(table.score)
        for held_out in range(N_FOLDS):
            rows = np.flatnonzero(fold == held_out)
            others = table.rows(fold != held_out)
            inner = self._with_own_encoder(others.queries).fit(others)
            expected[rows] = inner.predict([table.queries[i] for i in rows]).quality
        return expected

    def _with_own_encoder(self, texts: Sequence[str]) -> PredictiveRouter:
        """The inner router; what its encoder has yet to learn, a copy learns from texts."""
        inner = copy.copy(self.inner)
        if inner.encoder is not None and (
            anew := retraining(inner.encoder, untrained(inner.encoder))
        ):
            inner.encoder = anew(texts)
        return inner

    @classmethod
    def test_parameters(cls) -> Sequence[Mapping[str, Any]]:
        inner = partial(KNNRouter, k=8)
        return [{"inner": inner, "scorer": LearnedScorer(**LearnedScorer.test_parameters()[0])}]
