"""The reference lines of a pair of tables, and any router measured against them."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from shared_core.errors import DataError
from shared_core.evaluation.bootstrap import N_RESAMPLES, Resamples, interval
from shared_core.evaluation.gained import Gained
from shared_core.evaluation.judged import Judgeable, Judged, Sweep, judged
from shared_core.evaluation.lines import Line
from shared_core.evaluation.metrics import cost_metrics, selection_metrics
from shared_core.evaluation.metrics.cost_metrics import Choices, Vector
from shared_core.outcomes.table import OutcomeTable
from shared_core.policies.base import Matrix, Policy
from shared_core.policies.cost_quality import CostQuality


class Pair(NamedTuple):
    """Two models: score (n,) for the strong one, and each one's quality (n,)."""

    score: Vector
    strong: Vector
    weak: Vector


class Bench:
    """Where routers are judged.

    Args:
        train: says which single model is best, and which cheapest; the test rows do of a model
            whose cost is unknown there.
        test: outcomes of the same models, complete (see ``complete``).
        seed: of the bootstrap.
        policy: operating point of contestants that bring none.
        similarity: BERTSim (n, m) of each model's answers, where asked for.
        n_resamples: of the bootstrap; 1 where nobody looks at the intervals.
    """

    def __init__(
        self,
        train: OutcomeTable,
        test: OutcomeTable,
        seed: int = 0,
        policy: Policy = CostQuality(),
        similarity: Matrix | None = None,
        n_resamples: int = N_RESAMPLES,
    ) -> None:
        self.test = test
        self.policy = policy
        self.similarity = similarity
        self.mean_score, self.mean_cost = _means(test.score), _means(test.cost)
        self.low, self.high = float(self.mean_cost.min()), float(self.mean_cost.max())
        self.best = int(np.argmax(_known_means(train.score, -np.inf)))
        self.train_cost = _known_means(train.cost, self.mean_cost)
        self.cheapest = int(np.argmin(self.train_cost))
        self.resamples = Resamples(len(test), seed, n_resamples, test.origins)

    def judged(self, router: Judgeable) -> Judged:
        """What ``router`` does on the test rows."""
        return judged(router, self.test, self.train_cost, self.best, self.policy)

    def singles(self) -> dict[str, Line]:
        """A line for every model."""
        return {name: self._single(column) for column, name in enumerate(self.test.models)}

    def lines(self) -> dict[str, Line]:
        """The lines that matter, beside which any router is read."""
        return {
            "best_single": self._single(self.best),
            "cheapest": self._single(self.cheapest),
            "random": self._random,
            "zero": Line(
                aiq_range=self._zero_aiq,
                interval={"aiq_range": self._aiq_interval(self._zero_aiq, *self._resampled)},
                curve=cost_metrics.hull(self.mean_cost, self.mean_score),
                points=(self.mean_cost, self.mean_score),
            ),
            "oracle": self.oracle,
        }

    @cached_property
    def oracle(self) -> Line:
        """The best model of every query, the cheapest of them where several are."""
        score, cost, unit = self.test.score, self.test.cost, self.high or 1.0
        return self.line_of(
            Judged(
                _best_of(score, cost),
                sweep=lambda rows: cost_metrics.sweep(score[rows], cost[rows], unit),
            )
        )

    def line_of(self, found: Judged) -> Line:
        """Quality, cost and, where it has a knob, the curve of what a router does."""
        means, resampled = self.resamples.means(_Columns(self.test, found.chosen, found.sweep))
        shares = selection_metrics.traffic(found.chosen, len(self.test.models)).tolist()
        cost, quality = resampled[:, 0], resampled[:, 1]
        line = Line(
            quality=float(means[1]),
            cost=float(means[0]),
            interval={**self._ends(cost, quality), "above_zero": self._above_zero(cost, quality)},
            traffic=dict(zip(self.test.models, shares, strict=True)),
        )
        if found.sweep is None:
            return line
        return self._with_gain(self._with_curve(line, means[2:], resampled[:, 2:]), found.sweep)

    def pair(self, found: Judged) -> Pair | None:
        """For two models of which the one that was better in training is better here too."""
        if found.gain is None or not self.mean_score[self.best] > self.mean_score[1 - self.best]:
            return None
        score = found.gain if self.best == 1 else -found.gain
        return Pair(score, self.test.score[:, self.best], self.test.score[:, 1 - self.best])

    def _single(self, column: int) -> Line:
        point = float(self.mean_score[column]), float(self.mean_cost[column])
        cost, quality = (values[:, column] for values in self._resampled)
        return Line(*point, self.test.models[column], interval=self._ends(cost, quality))

    @property
    def _random(self) -> Line:
        cost, quality = (values.mean(axis=1) for values in self._resampled)
        point = float(self.mean_score.mean()), float(self.mean_cost.mean())
        return Line(*point, interval=self._ends(cost, quality))

    def _ends(self, cost: Vector, quality: Vector) -> dict[str, tuple[float, float]]:
        """Intervals of resampled means."""
        bounded = self.resamples.bounded(quality, 0.0, 1.0)
        return {"quality": interval(bounded), "cost": interval(cost)}

    def _above_zero(self, cost: Vector, quality: Vector) -> tuple[float, float]:
        """Interval of the height over random mixtures of the single models at the same cost."""
        each = zip(cost.tolist(), quality.tolist(), self._resampled_zero, strict=True)
        above = np.array([height - np.interp(at, *zero) for at, height, zero in each])
        return interval(self.resamples.bounded(above, -1.0, 1.0))

    def _aiq_interval(self, aiq: float, cost: Matrix, quality: Matrix) -> tuple[float, float]:
        """Interval of a height whose points have these means in each resample.

        A hull goes through the points that chance favours: it stands as far above the truth as the
        resamples' hulls stand above it (bias correction, Efron and Tibshirani, 1993, chapter 10).
        """
        ends = zip(self._resampled[0].min(axis=1), self._resampled[0].max(axis=1), strict=True)
        each = zip(cost, quality, ends, strict=True)
        found = np.array([cost_metrics.aiq_range(x, y, *map(float, z)) for x, y, z in each])
        found = np.clip(found - 2 * (found.mean() - aiq), 0.0, 1.0)
        return interval(self.resamples.bounded(found, 0.0, 1.0))

    def _with_curve(self, line: Line, means: Vector, resampled: Matrix) -> Line:
        half = len(means) // 2
        cost, score = means[:half], means[half:]
        aiq = self._aiq(cost, score)
        ends = self._aiq_interval(aiq, resampled[:, :half], resampled[:, half:])
        wanted = float(self.mean_score[self.best])
        return replace(
            line,
            aiq_range=aiq,
            cost_at_best_single=cost_metrics.cost_at_quality(cost, score, wanted),
            interval={**line.interval, "aiq_range": ends},
            curve=cost_metrics.hull(cost, score),
            points=(cost, score),
        )

    def _with_gain(self, line: Line, sweep: Sweep) -> Line:
        found = Gained(self.test, sweep, self.best, self.resamples.seed).figures(self.resamples)
        told = found._asdict()
        return replace(
            line,
            metrics={name: mean for name, (mean, _) in told.items()},
            interval={**line.interval, **{name: ends for name, (_, ends) in told.items()}},
        )

    @property
    def _zero_aiq(self) -> float:
        return self._aiq(self.mean_cost, self.mean_score)

    def _aiq(self, cost: Vector, score: Vector) -> float:
        return cost_metrics.aiq_range(cost, score, self.low, self.high)

    @cached_property
    def _resampled(self) -> tuple[Matrix, Matrix]:
        """Each model's mean cost and quality in each resample (n_resamples, m)."""
        test = self.test
        _, found = self.resamples.means(lambda rows: np.hstack([test.cost[rows], test.score[rows]]))
        cost, quality = np.hsplit(found, 2)
        return cost, quality

    @cached_property
    def _resampled_zero(self) -> list[tuple[Vector, Vector]]:
        """The zero router's hull in each resample."""
        return [cost_metrics.hull(x, y) for x, y in zip(*self._resampled, strict=True)]


class _Columns:
    """Cost and score (rows, 2 + 2 w) of the choice and of the w choices along the knob."""

    def __init__(self, test: OutcomeTable, chosen: Choices, sweep: Sweep | None) -> None:
        self._score, self._cost = test.score, test.cost
        self._chosen = chosen
        self._sweep = sweep

    def __call__(self, rows: slice) -> Matrix:
        score, cost = self._score[rows], self._cost[rows]
        parts = list(cost_metrics.outcomes_of(self._chosen[None, rows], score, cost))
        if self._sweep is not None:
            parts += cost_metrics.outcomes_of(self._sweep(rows), score, cost)
        return np.concatenate(parts).T


def complete(table: OutcomeTable) -> OutcomeTable:
    """The rows whose every score and cost is known; costs count as 0 where the table has none.

    Raises:
        DataError: there is no such row.
    """
    cost = table.cost if table.has_costs else np.zeros_like(table.score)
    whole = np.isfinite(table.score).all(axis=1) & np.isfinite(cost).all(axis=1)
    if not whole.any():
        raise DataError(
            "no test row has a score and a cost for every model: have all models answer some "
            "queries, or go by the verdict of AutoRouter, which takes rows that some answered"
        )
    filled = replace(table, measures={**table.measures, "cost": cost})
    return filled.rows(whole)


def _means(values: Matrix) -> Vector:
    """Mean (m,) of columns, each summed pairwise, so that it depends on no memory layout."""
    means: Vector = np.ascontiguousarray(values.T).mean(axis=1)
    return means


def _known_means(values: Matrix, unknown: Vector | float) -> Vector:
    """Mean (m,) over what is known of each model; ``unknown`` where nothing is."""
    known = np.isfinite(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), unknown)


def _best_of(score: Matrix, cost: Matrix) -> Choices:
    """Per query the cheapest of the models that scored highest."""
    tied = score >= score.max(axis=1, keepdims=True)
    chosen: Choices = np.argmin(np.where(tied, cost, np.inf), axis=1)
    return chosen
