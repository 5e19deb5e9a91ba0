"""The threshold at which a cascade costs, or is worth, what one wants, on recorded outcomes.

What is found holds on average for queries like the recorded ones; it is an estimate, no guarantee.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, pairwise

import numpy as np

from shared_core.decision import Answer
from shared_core.errors import ConfigError
from shared_core.evaluation.bench import complete
from shared_core.evaluation.metrics.cost_metrics import Vector
from shared_core.evaluation.replay import walk
from shared_core.outcomes.table import OutcomeTable
from shared_core.policies.base import Matrix
from shared_core.query import Query
from shared_core.routers.non_predictive.cascade import CascadeRouter
from shared_core.scorers.base import Scorer

Point = tuple[float, float]
"""Cost and quality."""

Step = tuple[float, float, float]
"""The threshold above which it is taken, and what it adds to cost and quality."""

_SCORES = "recorded scores"
_ROUNDING = 1e-9  # the last model's quality, summed up in steps, is still the last model's


def fit_threshold(
    cascade: CascadeRouter,
    outcomes: OutcomeTable,
    *,
    mean_cost: float | None = None,
    quality_share: float | None = None,
    scores: Matrix | None = None,
) -> CascadeRouter:
    """A copy of the cascade whose threshold suits one of two wishes.

    Args:
        cascade: whose scorer asks models only where scores are given.
        outcomes: every score and cost known, with what the scorer looks at; not the rows that the
            scorer learned from.
        mean_cost: the best quality at no more than this many USD per query, all asked models paid.
        quality_share: the lowest cost at this share of the best single model's mean quality.
        scores: the scorer's scores (n, m) of the recorded answers, columns as in ``outcomes``, for
            a scorer that asks models: see ``score_answers``. Its own calls are not in the cost.

    Raises:
        ConfigError: not one wish; no threshold grants it, the message says what can be had; the
            scorer asks models and no scores are given, or scores of another shape.
        DataError: no row has every score and cost.
    """
    curve = threshold_curve(cascade, outcomes, scores)
    if mean_cost is not None and quality_share is None:
        threshold = curve.within_cost(mean_cost)
    elif quality_share is not None and mean_cost is None:
        threshold = curve.keeping(quality_share)
    else:
        raise ConfigError("a threshold is fitted to one wish: give mean_cost or quality_share")
    fitted = copy.copy(cascade)
    fitted.threshold = threshold
    return fitted


@dataclass(frozen=True)
class ThresholdCurve:
    """What a cascade costs and is worth at each threshold that makes a difference.

    Args:
        threshold: rising (k,); at the last one no answer is good enough but the last model's.
        cost: mean USD per query (k,), never falling.
        quality: mean quality (k,).
        best_single: mean quality of the best single model.
    """

    threshold: Vector
    cost: Vector
    quality: Vector
    best_single: float

    def within_cost(self, mean_cost: float) -> float:
        """The threshold of the best quality among those that cost no more."""
        allowed = self.cost <= mean_cost * (1 + _ROUNDING)
        if not allowed.any():
            raise ConfigError(
                f"no threshold keeps the mean cost at ${mean_cost:.3g}: this cascade takes from "
                f"${self.cost[0]:.3g} to ${self.cost[-1]:.3g} per query"
            )
        return float(self.threshold[np.where(allowed, self.quality, -np.inf).argmax()])

    def keeping(self, quality_share: float) -> float:
        """The lowest threshold that keeps this share of the best single model's quality."""
        enough = self.quality >= quality_share * self.best_single - _ROUNDING
        if not enough.any():
            raise ConfigError(
                f"no threshold reaches {quality_share:.3g} of the best single model's quality "
                f"{self.best_single:.3f}: this cascade reaches at most {self.quality.max():.3f}, "
                f"at ${self.cost[self.quality.argmax()]:.3g} per query"
            )
        return float(self.threshold[enough.argmax()])


def threshold_curve(
    cascade: CascadeRouter, outcomes: OutcomeTable, scores: Matrix | None = None
) -> ThresholdCurve:
    """Every point of the cascade's trade-off, from one walk over the outcomes.

    A query goes beyond its first i models where the threshold is above all of their scores: each
    step up sets in at one threshold, and sorted steps give all means at once.
    """
    if scores is None and cascade.scorer.asks:
        raise ConfigError(
            f"{type(cascade.scorer).__name__} asks models, and nobody recorded what they say: give "
            "scores=score_answers(scorer, outcomes, call)"
        )
    told = outcomes if scores is None else _with_scores(outcomes, scores)
    table = complete(told.of(cascade.pool.names).priced(cascade.pool))
    rows = [_steps(_highest(cascade, table, row), table, row) for row in range(len(table))]
    start = np.mean([first for first, _ in rows], axis=0)
    steps = np.array(sorted(step for _, later in rows for step in later)).reshape(-1, 3)
    above, added = steps[:, 0], steps[:, 1:] / len(table)
    threshold = np.unique(above)
    last = np.nextafter(threshold[-1], np.inf) if len(threshold) else cascade.threshold
    n_taken = np.append(np.searchsorted(above, threshold), len(above))
    means = start + np.concatenate([np.zeros((1, 2)), added.cumsum(axis=0)])[n_taken]
    best = float(table.score.mean(axis=0).max())
    return ThresholdCurve(np.append(threshold, last), means[:, 0], means[:, 1], best)


@dataclass(frozen=True)
class _Recorded(Scorer):
    """Looks the scores of one row up, by model."""

    scores: dict[str, float] = field(repr=False)

    def score(self, query: Query, answer: Answer, others: Sequence[Answer] = ()) -> float:
        return self.scores[answer.model]


def _with_scores(outcomes: OutcomeTable, scores: Matrix) -> OutcomeTable:
    """The table with a column of each row's scores by model: equal texts may score differently."""
    if scores.shape != outcomes.score.shape:
        raise ConfigError(
            f"scores are one for each query and model {outcomes.score.shape}, not {scores.shape}"
        )
    told = tuple(dict(zip(outcomes.models, row, strict=True)) for row in scores.tolist())
    return replace(outcomes, columns={**outcomes.columns, _SCORES: told})


def _highest(cascade: CascadeRouter, table: OutcomeTable, row: int) -> CascadeRouter:
    """The cascade on its way through a row: to it no answer but the last is good enough."""
    highest = copy.copy(cascade)
    highest.threshold = math.inf
    if _SCORES in table.columns:
        highest.scorer = _Recorded(table.columns[_SCORES][row])
    return highest


def _steps(highest: CascadeRouter, table: OutcomeTable, row: int) -> tuple[Point, list[Step]]:
    """Cost and quality of a row's first model, and its steps to the models after it."""
    decision, asked = walk(highest, table, row)
    columns = [table.models.index(model) for model in asked]
    cost, quality = table.cost[row, columns].tolist(), table.score[row, columns].tolist()
    scores = [decision.quality[model] for model in asked[:-1]]
    highest_so_far = accumulate(scores, max)
    gained = [later - earlier for earlier, later in pairwise(quality)]
    return (cost[0], quality[0]), list(zip(highest_so_far, cost[1:], gained, strict=True))
