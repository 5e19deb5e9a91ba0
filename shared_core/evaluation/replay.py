"""What a router would have cost and scored on recorded outcomes, every answer it hears paid for."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from shared_core.decision import Answer, Ask, RoutingDecision
from shared_core.errors import ConfigError
from shared_core.evaluation.metrics import cascade_metrics, cost_metrics
from shared_core.evaluation.metrics.cost_metrics import Vector
from shared_core.outcomes.table import OutcomeTable
from shared_core.policies.base import Matrix
from shared_core.query import Query
from shared_core.routers.base import Router
from shared_core.scorers.base import Scorer
from shared_core.scorers.learned import answer_of


@dataclass(frozen=True)
class Replay:
    """How n recorded queries would have gone.

    Args:
        quality: of the answers given (n,).
        cost: of all models asked (n,), USD.
        asked: how many models were asked (n,).
    """

    quality: Vector
    cost: Vector
    asked: Vector

    @property
    def point(self) -> tuple[float, float]:
        """Mean cost and mean quality."""
        return float(self.cost.mean()), float(self.quality.mean())


def replay(router: Router, outcomes: OutcomeTable) -> Replay:
    """Walk the router's flow over every row; models answer as recorded.

    Raises:
        ConfigError: the router asks models something else than the query, which nobody recorded.
    """
    rows = np.array([_outcome(router, outcomes, row) for row in range(len(outcomes))])
    return Replay(*rows.T)


def score_answers(
    scorer: Scorer, outcomes: OutcomeTable, call: Callable[[str, str], Answer]
) -> Matrix:
    """Scores (n, m) of the recorded answers; NaN where the scorer cannot tell.

    Args:
        scorer: may ask models, such as a judge; each prompt of its is asked once, and paid for.
        outcomes: with the recorded answers or their measures.
        call: (model, prompt) -> answer, for a scorer that asks.
    """

    def score(row: int, model: str) -> float:
        heard = [answer_of(outcomes, row, name) for name in outcomes.models]
        flow = scorer.flow(Query(outcomes.queries[row]), heard[outcomes.models.index(model)], heard)
        try:
            step = next(flow)
            while True:
                step = flow.send([call(name, step.prompt or "") for name in step.models])
        except StopIteration as done:
            return float(done.value)

    rows = range(len(outcomes))
    return np.array([[score(row, model) for model in outcomes.models] for row in rows])


def ibc_lift(replayed: Replay, outcomes: OutcomeTable, small: str, large: str) -> float:
    """Incremental benefit per cost over the small model, against always the large: per cent.

    See ``cascade_metrics.ibc_lift``. Where nothing is spent beyond the small model, it is
    infinite if that is better than the small model, and else 0.

    Raises:
        DataError: the large model costs what the small one costs, or is no better.
    """
    table = outcomes.of([small, large])
    low, high = zip(
        table.score.mean(axis=0).tolist(), table.cost.mean(axis=0).tolist(), strict=True
    )
    cost, quality = replayed.point
    if cost <= low[1]:
        return math.inf if quality > low[0] else 0.0
    return cascade_metrics.ibc_lift(quality, cost, low, high)


def cascade_auc(points: list[tuple[float, float]], outcomes: OutcomeTable) -> float:
    """Mean quality of the points' hull from the cheapest to the dearest single model's cost.

    Args:
        points: (mean cost, mean quality) at several operating points.
        outcomes: says what single models cost.
    """
    cost, quality = np.array(points).T
    singles = outcomes.cost.mean(axis=0)
    return cost_metrics.aiq_range(cost, quality, float(singles.min()), float(singles.max()))


def walk(
    router: Router, outcomes: OutcomeTable, row: int
) -> tuple[RoutingDecision, tuple[str, ...]]:
    """The decision on a row, and every model asked for it in that order, the chosen one too."""
    asked: list[str] = []
    flow = router.flow(Query(outcomes.queries[row]))
    step: Ask | RoutingDecision
    try:
        step = next(flow)
        while True:
            if step.prompt is not None:
                raise ConfigError(f"{router!r} asks what nobody recorded: its scorer asks models")
            asked += step.models
            step = flow.send([answer_of(outcomes, row, model) for model in step.models])
    except StopIteration as done:
        decision: RoutingDecision = done.value
    if decision.model not in asked:
        asked.append(decision.model)
    return decision, tuple(asked)


def _outcome(router: Router, outcomes: OutcomeTable, row: int) -> tuple[float, float, int]:
    decision, asked = walk(router, outcomes, row)
    column = {name: i for i, name in enumerate(outcomes.models)}
    cost = sum(outcomes.cost[row, column[name]] for name in asked)
    return float(outcomes.score[row, column[decision.model]]), float(cost), len(asked)
