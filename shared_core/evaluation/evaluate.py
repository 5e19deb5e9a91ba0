"""Fit routers on one table, judge them on another, beside the lines that matter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from shared_core.errors import DataError
from shared_core.evaluation import cost_metrics
from shared_core.evaluation.cost_metrics import Choices, Vector
from shared_core.outcomes.table import OutcomeTable
from shared_core.policies.base import Matrix
from shared_core.policies.cost_quality import CostQuality
from shared_core.pool import ModelPool
from shared_core.routers.predictive.base import PredictiveRouter

N_RESAMPLES: Final = 1000

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Line:
    """How one way of choosing did on the test rows.

    Args:
        quality, cost: means over queries; None for a line that is no single point.
        model: the model, for lines that are one.
        aiq_range: mean height of its cost-quality hull.
        cost_at_best_single: smallest cost at the best single model's quality; None if out of reach.
        interval: 95 % paired-bootstrap intervals, by metric.
        curve: corners (cost, quality) of the hull, for pictures.
    """

    quality: float | None = None
    cost: float | None = None
    model: str | None = None
    aiq_range: float | None = None
    cost_at_best_single: float | None = None
    interval: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    curve: tuple[Vector, Vector] | None = field(default=None, repr=False)

    @property
    def beats_zero(self) -> bool:
        """Whether its AIQ is above the zero router's beyond the 95 % interval."""
        return "aiq_over_zero" in self.interval and self.interval["aiq_over_zero"][0] > 0

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, without what is not known."""
        told: dict[str, Any] = {"quality": self.quality, "cost": self.cost, "model": self.model}
        told |= {"aiq_range": self.aiq_range}
        if self.interval:
            told["interval"] = {name: list(ends) for name, ends in self.interval.items()}
        known = {name: value for name, value in told.items() if value is not None}
        if self.aiq_range is not None and self.quality is not None:
            known["cost_at_best_single"] = self.cost_at_best_single
        return known


@dataclass(frozen=True)
class Evaluation:
    """Routers beside the lines, on the same test rows.

    Args:
        data: what was evaluated.
        n_train, n_test: rows fitted on and judged on.
        lines: ``best_single`` (chosen on the training rows), ``cheapest``, ``random``, ``zero``
            (random mixtures of single models), ``oracle``.
        routers: the routers by name.
        singles: every single model.
    """

    data: str
    n_train: int
    n_test: int
    lines: Mapping[str, Line]
    routers: Mapping[str, Line]
    singles: Mapping[str, Line] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The JSON object that ``llmrouter evaluate --json`` prints."""
        return {
            "data": self.data,
            "n_train": self.n_train,
            "n_test": self.n_test,
            "lines": {name: line.to_dict() for name, line in self.lines.items()},
            "routers": {name: line.to_dict() for name, line in self.routers.items()},
            "singles": {name: line.to_dict() for name, line in self.singles.items()},
        }


def evaluate(
    routers: Mapping[str, type[PredictiveRouter]],
    train: OutcomeTable,
    test: OutcomeTable,
    *,
    data: str = "",
    pool: ModelPool | None = None,
    policy: CostQuality | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Evaluation:
    """Fit each router on ``train`` and judge it on ``test``.

    Args:
        routers: name -> class.
        train, test: tables of the same models; test rows with an unknown outcome are left out.
        data: a name for the report.
        pool: candidates with prices, where the tables lack costs; bare names when not given.
        policy: the operating point reported as ``quality`` and ``cost``.
        seed: of the routers and the bootstrap.
        progress: told what is being done.

    Raises:
        DataError: the tables' models differ, or no test row is complete.
    """
    report = progress or (lambda _: None)
    pool = pool or ModelPool(train.models)
    complete(test.of(train.models).priced(pool))  # fails before anything long does
    fitted = {}
    for name, router_class in routers.items():
        report(f"{name}: fitting on {len(train):,} rows")
        router = router_class(pool, policy=policy or CostQuality(), seed=seed)
        fitted[name] = router.fit(train, _prefixed(report, name))
    report(f"judging on {len(test):,} rows")
    return judge(fitted, train, test, data=data, pool=pool, seed=seed)


def judge(
    routers: Mapping[str, PredictiveRouter],
    train: OutcomeTable,
    test: OutcomeTable,
    *,
    data: str = "",
    pool: ModelPool | None = None,
    seed: int = 0,
) -> Evaluation:
    """Judge fitted routers on ``test``; ``train`` only says which single model is best.

    Arguments and errors as for ``evaluate``.
    """
    pool = pool or ModelPool(train.models)
    bench = _Bench(train.priced(pool), complete(test.of(train.models).priced(pool)), seed)
    lines = {name: bench.line_of(router) for name, router in routers.items()}
    n_test = len(bench.test)
    return Evaluation(data, len(train), n_test, bench.lines(), lines, bench.singles())


def _prefixed(report: Progress, name: str) -> Progress:
    return lambda step: report(f"{name}: {step}")


class _Bench:
    """The reference lines of a pair of tables, and any router measured against them."""

    def __init__(self, train: OutcomeTable, test: OutcomeTable, seed: int) -> None:
        self.test = test
        self._mean_cost = test.cost.mean(axis=0)
        self._mean_score = test.score.mean(axis=0)
        self._low, self._high = float(self._mean_cost.min()), float(self._mean_cost.max())
        self._best = int(np.nanargmax(np.nanmean(train.score, axis=0)))
        cost = train.cost if train.has_costs else np.zeros_like(train.score)
        self._cheapest = int(np.nanargmin(np.nanmean(cost, axis=0)))
        weights = np.random.default_rng(seed).multinomial(
            len(test), np.full(len(test), 1 / len(test)), size=N_RESAMPLES
        )
        self._resamples = weights / len(test)

    def singles(self) -> dict[str, Line]:
        return {name: self._single(column) for column, name in enumerate(self.test.models)}

    def lines(self) -> dict[str, Line]:
        score, cost = self.test.score, self.test.cost
        return {
            "best_single": self._single(self._best),
            "cheapest": self._single(self._cheapest),
            "random": Line(float(self._mean_score.mean()), float(self._mean_cost.mean())),
            "zero": Line(
                aiq_range=self._aiq(self._mean_cost, self._mean_score),
                curve=cost_metrics.hull(self._mean_cost, self._mean_score),
            ),
            "oracle": self._line(
                cost_metrics.sweep(score, cost, self._high or 1.0), _best_of(score, cost)
            ),
        }

    def line_of(self, router: PredictiveRouter) -> Line:
        predicted = router.predict(self.test.queries).of(self.test.models)
        utility = router.policy(predicted)
        swept = cost_metrics.sweep(predicted.quality, predicted.cost, predicted.cost_unit)
        return self._line(swept, np.argmax(utility, axis=1))

    def _single(self, column: int) -> Line:
        point = float(self._mean_score[column]), float(self._mean_cost[column])
        return Line(*point, model=self.test.models[column])

    def _line(self, swept: Choices, chosen: Choices) -> Line:
        cost, score = cost_metrics.outcomes_of(swept, self.test.score, self.test.cost)
        curve = cost.mean(axis=1), score.mean(axis=1)
        point = cost_metrics.outcomes_of(chosen[None], self.test.score, self.test.cost)
        return Line(
            quality=float(point[1].mean()),
            cost=float(point[0].mean()),
            aiq_range=self._aiq(*curve),
            cost_at_best_single=cost_metrics.cost_at_quality(*curve, self._mean_score[self._best]),
            interval={
                "quality": _ends(self._resamples @ point[1][0]),
                "cost": _ends(self._resamples @ point[0][0]),
                "aiq_range": _ends(self._resampled_aiq(cost, score)),
                "aiq_over_zero": _ends(self._resampled_aiq(cost, score) - self._resampled_zero),
            },
            curve=cost_metrics.hull(*curve),
        )

    def _aiq(self, cost: Vector, score: Vector) -> float:
        return cost_metrics.aiq_range(cost, score, self._low, self._high)

    def _resampled_aiq(self, cost: Matrix, score: Matrix) -> Vector:
        """AIQ (resamples,) of curves (w, n), the cost range resampled along."""
        means = self._resamples @ self.test.cost
        curves = zip(self._resamples @ cost.T, self._resamples @ score.T, means, strict=True)
        return np.array([cost_metrics.aiq_range(x, y, m.min(), m.max()) for x, y, m in curves])

    @property
    def _resampled_zero(self) -> Vector:
        return self._resampled_aiq(self.test.cost.T, self.test.score.T)


def complete(table: OutcomeTable) -> OutcomeTable:
    """The rows whose every score and cost is known; costs count as 0 where the table has none.

    Raises:
        DataError: there is no such row.
    """
    cost = table.cost if table.has_costs else np.zeros_like(table.score)
    complete = np.isfinite(table.score).all(axis=1) & np.isfinite(cost).all(axis=1)
    if not complete.any():
        raise DataError("no test row has a score and a cost for every model")
    whole = OutcomeTable(
        table.models, table.queries, {**table.measures, "cost": cost}, table.columns, table.answers
    )
    return whole.rows(complete)


def _best_of(score: Matrix, cost: Matrix) -> Choices:
    """Per query the cheapest of the models that scored highest."""
    tied = score >= score.max(axis=1, keepdims=True)
    chosen: Choices = np.argmin(np.where(tied, cost, np.inf), axis=1)
    return chosen


def _ends(values: Vector) -> tuple[float, float]:
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)
