"""One data set on which routers that listen meet routers that predict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from shared_core import (
    AutoRouter,
    CascadeRouter,
    CostQuality,
    HybridRouter,
    KNNRouter,
    LexicalEncoder,
    LinearRouter,
    MeanLogprob,
    ModelPool,
    OutcomeTable,
    Predictions,
    PredictiveRouter,
    Scorer,
)
from shared_core.evaluation.metrics import cost_metrics
from shared_core.evaluation.metrics.cascade_metrics import paid_cascade
from shared_core.evaluation.replay import Replay, ibc_lift, replay
from shared_core.policies.base import Matrix

Rows = NDArray[np.int64]
Vector = NDArray[np.float64]

WEIGHTS = (0.0, *np.geomspace(0.01, 2.0, 14).tolist())
N_THRESHOLDS = 15
N_RESAMPLES = 400


class Remembering(PredictiveRouter):
    """A fitted router's predictions, worked out once for all texts that will be asked for."""

    def __init__(self, inner: PredictiveRouter, texts: Sequence[str]) -> None:
        super().__init__(inner.pool)
        self.known = inner.predict(texts)
        self.row = {text: i for i, text in enumerate(texts)}
        self.cost_unit_ = self.known.cost_unit

    def predict(self, texts: Sequence[str]) -> Predictions:
        rows = [self.row[text] for text in texts]
        return replace(self.known, quality=self.known.quality[rows], cost=self.known.cost[rows])

    def _fit(self, *_: object) -> None: ...

    def _predict(self, vectors: Matrix) -> tuple[Matrix, Matrix]:
        raise NotImplementedError


@dataclass(frozen=True)
class Contest:
    """One data set: what to fit on, what to judge on, and who may answer.

    Args:
        inner: the best predictive router, fitted.
        expected: what it predicts for training rows it did not see (n, m).
        samples: rows of test (resamples, n), the first of them as they are.
    """

    name: str
    train: OutcomeTable
    test: OutcomeTable
    pool: ModelPool
    inner: PredictiveRouter
    expected: Matrix
    weights: Sequence[float]
    samples: Rows

    def routing(self) -> list[Replay]:
        """The predictive router at all cost weights."""
        return [self._with_weight(weight) for weight in self.weights]

    def _with_weight(self, weight: float) -> Replay:
        self.inner.policy = CostQuality(weight)
        return replay(self.inner, self.test)

    def singles(self) -> list[Replay]:
        """Each model alone: their hull is the zero line."""
        ones = np.ones(len(self.test))
        columns = zip(self.test.score.T, self.test.cost.T, strict=True)
        return [Replay(score, cost, ones) for score, cost in columns]

    def cascade(self, scorer: Scorer, scores: Matrix) -> list[Replay]:
        """The chains and thresholds on the training rows' hull, on the test rows."""
        tried = [
            (chain, threshold, paid_cascade(*self._chain(chain, threshold, scores)))
            for chain in _chains(self.pool.by_price())
            for threshold in (_thresholds(scores) if len(chain) > 1 else [0.0])
        ]
        points = np.array([[axis.mean() for axis in paid] for *_, paid in tried])
        hull = zip(*(axis.tolist() for axis in cost_metrics.hull(*points.T)), strict=True)
        chosen = dict(zip(map(tuple, points.tolist()), tried, strict=True))
        kept = [chosen[point] for point in hull if point in chosen]
        return [replay(self._router(chain, at, scorer), self.test) for chain, at, _ in kept]

    def hybrid(self, scorer: Scorer, scores: Matrix) -> list[Replay]:
        """Cascade routing at all cost weights."""
        router = HybridRouter(self.inner, scorer, longest=5)
        router.fit(self.train, scores=scores, expected=self.expected)
        found = []
        for weight in self.weights:
            router.cost_weight = weight
            found.append(replay(router, self.test))
        return found

    @property
    def pair(self) -> tuple[str, str]:
        """The best single model on train, and the next cheaper one on its zero line."""
        *_, small, large = hull_models(self.train)
        return small, large

    def lift(self, scorer: Scorer, scores: Matrix) -> float:
        """AutoMix's IBC lift of that pair, per cent, at the threshold that lifts most on train."""
        best, at = -np.inf, 0.0
        for threshold in _thresholds(scores):
            cost, quality = paid_cascade(*self._chain(self.pair, threshold, scores))
            one = Replay(quality, cost, np.ones(len(cost)))
            if (worth := ibc_lift(one, self.train, *self.pair)) > best:
                best, at = worth, threshold
        on_test = replay(self._router(self.pair, at, scorer), self.test)
        return ibc_lift(on_test, self.test, *self.pair)

    def auc(self, curve: list[Replay]) -> Vector:
        """Cascade AUC (resamples,), the first on the test rows as they are."""
        cost = np.array([one.cost[self.samples].mean(axis=1) for one in curve])
        quality = np.array([one.quality[self.samples].mean(axis=1) for one in curve])
        singles = self.test.cost[self.samples].mean(axis=1)
        ends = zip(cost.T, quality.T, singles.min(axis=1), singles.max(axis=1), strict=True)
        return np.array([cost_metrics.aiq_range(*one) for one in ends])

    def _chain(
        self, chain: Sequence[str], threshold: float, scores: Matrix
    ) -> tuple[list[int], NDArray[np.bool_], Matrix, Matrix]:
        order = [self.train.models.index(name) for name in chain]
        return order, scores >= threshold, self.train.score, self.train.cost

    def _router(self, chain: Sequence[str], threshold: float, scorer: Scorer) -> CascadeRouter:
        return CascadeRouter([self.pool[name] for name in chain], scorer, threshold)


def contest_of(
    name: str,
    table: OutcomeTable,
    routers: Sequence[PredictiveRouter],
    weights: Sequence[float] = WEIGHTS,
) -> Contest:
    """The set, with the one of the routers that does best on train, cross-validated."""
    train, test = table.split("train"), table.split("test")
    predicted = []
    for router in routers:
        expected = HybridRouter(router, MeanLogprob()).out_of_fold(train)
        predicted.append((_routing_auc(expected, train), router, expected))
    _, inner, expected = max(predicted, key=lambda one: one[0])
    samples = np.random.default_rng(0).integers(0, len(test), (N_RESAMPLES, len(test)))
    inner = Remembering(inner.fit(train), test.queries)
    as_it_is = np.arange(len(test))
    return Contest(
        name, train, test, inner.pool, inner, expected, weights, np.vstack([as_it_is, samples])
    )


def readers(pool: ModelPool, table: OutcomeTable) -> list[PredictiveRouter]:
    """Routers that predict from the question's text."""
    encoder = LexicalEncoder().fit(table.split("train").queries)
    kinds = (KNNRouter, LinearRouter, AutoRouter)
    return [router(pool, encoder=encoder) for router in kinds]


def _routing_auc(expected: Matrix, train: OutcomeTable) -> float:
    mean_cost = train.cost.mean(axis=0)
    rows, points = np.arange(len(train)), []
    for weight in WEIGHTS:
        chosen = (expected - weight * mean_cost / mean_cost.max()).argmax(axis=1)
        points.append((train.cost[rows, chosen].mean(), train.score[rows, chosen].mean()))
    return cost_metrics.aiq_range(*np.array(points).T, mean_cost.min(), mean_cost.max())


def _chains(names: Sequence[str]) -> list[tuple[str, ...]]:
    """All chains of two models and of neighbours in price, and each model alone."""
    n = len(names)
    neighbours = {tuple(names[i:j]) for i in range(n) for j in range(i + 1, n + 1)}
    pairs = {(names[i], names[j]) for i in range(n) for j in range(i + 1, n)}
    return sorted(neighbours | pairs)


def _thresholds(scores: Matrix) -> list[float]:
    """Evenly between low and high scores: at a score itself, a hair decides what passes."""
    low, high = np.nanquantile(scores, [0.01, 0.99])
    found: list[float] = np.linspace(low, high, N_THRESHOLDS + 2)[1:-1].tolist()
    return found


def priced(table: OutcomeTable) -> ModelPool:
    mean_cost = table.split("train").cost.mean(axis=0).tolist()
    return ModelPool(
        {"name": name, "input_price": cost, "output_price": cost}
        for name, cost in zip(table.models, mean_cost, strict=True)
    )


def hull_models(train: OutcomeTable) -> list[str]:
    cost, score = train.cost.mean(axis=0), train.score.mean(axis=0)
    corners = set(cost_metrics.hull(cost, score)[0].tolist())
    kept = [(one, name) for name, one in zip(train.models, cost.tolist(), strict=True)]
    return [name for one, name in sorted(kept) if one in corners]
