"""Any way of choosing, as choices on given queries: routers, callables, tables of scores."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shared_core.errors import DataError
from shared_core.evaluation.metrics import cost_metrics, selection_metrics
from shared_core.evaluation.metrics.cost_metrics import Choices, Vector
from shared_core.outcomes.table import OutcomeTable
from shared_core.policies.base import Matrix, Policy, Predictions, most_useful
from shared_core.policies.cost_quality import CostQuality
from shared_core.routers.base import Router
from shared_core.routers.predictive.base import PredictiveRouter

Judgeable = (
    Router | Predictions | NDArray[np.float64] | Sequence[str] | Callable[[Sequence[str]], Any]
)
"""What can be judged:

- a fitted router (one that has to hear answers cannot be judged on a table);
- ``Predictions``, or an array (n, m) of predicted quality, columns as in the table;
- for two models an array (n,): the score of the better one, as RouteLLM's routers give;
- the n names of the models to ask;
- a function from n texts to any of these.
"""

Sweep = Callable[[slice], Choices]

_N_THRESHOLDS: Final = 64


@dataclass(frozen=True)
class Judged:
    """What a way of choosing does on n queries.

    Args:
        chosen: (n,) column of the model at its operating point.
        sweep: rows -> (w, rows) choices along its knob; None where it has none.
        predictions: what it expects of each model, where it says so.
        gain: (n,) for two models, how much it prefers the better one.
        tied: share of queries that two models tied for.
        seconds: to decide all n, where it was timed.
        abstained: share of the decisions that a guard made, where decisions say who did.
    """

    chosen: Choices
    sweep: Sweep | None = None
    predictions: Predictions | None = None
    gain: Vector | None = field(default=None, repr=False)
    tied: float = 0.0
    seconds: float | None = None
    abstained: float | None = None


def judged(
    router: Judgeable,
    table: OutcomeTable,
    mean_cost: Vector,
    strong: int,
    policy: Policy = CostQuality(),
) -> Judged:
    """The choices of ``router`` on the table's queries.

    Args:
        router: see ``Judgeable``.
        table: whose texts, and whose order of models, count.
        mean_cost: (m,) training cost per model, for those that predict none.
        strong: column of the better model in training, for scores (n,).
        policy: operating point of those that bring none.

    Raises:
        DataError: what it gave does not fit the table.
    """
    began = time.perf_counter()
    given: Any = router
    if isinstance(router, PredictiveRouter):
        given, policy = router.predict(table.queries), router.policy
    elif isinstance(router, Router):
        decisions = [router.route(text) for text in table.queries]
        found = _of_names([one.model for one in decisions], table, time.perf_counter() - began)
        causes = [one.cause for one in decisions]
        return replace(found, abstained=selection_metrics.abstained_share(causes))
    elif callable(router):
        given = router(table.queries)
    timed = given is not router
    seconds = time.perf_counter() - began if timed else None
    return _of(given, table, mean_cost, strong, policy, seconds)


def _of(
    given: Any,
    table: OutcomeTable,
    mean_cost: Vector,
    strong: int,
    policy: Policy,
    seconds: float | None,
) -> Judged:
    if isinstance(given, Predictions):
        return _of_predictions(given.of(table.models), len(table), policy, seconds)
    values = np.asarray(given)
    if values.shape == (len(table),) and values.dtype.kind in "UO":
        return _of_names(values.tolist(), table, seconds)
    if values.shape == (len(table),) and len(table.models) == 2 and values.dtype.kind in "fiub":
        return _of_scores(values.astype(float), strong, seconds)
    if values.shape == (len(table), len(table.models)):
        cost = np.broadcast_to(mean_cost, values.shape)
        unit = float(mean_cost.max()) or 1.0
        told = Predictions(table.models, values.astype(float), cost, unit)
        return _of_predictions(told, len(table), policy, seconds)
    raise DataError(
        f"a router gave {values.dtype} values of the shape {values.shape} for {len(table)} queries "
        f"and {len(table.models)} models: it takes ({len(table)}, {len(table.models)}) qualities, "
        f"{len(table)} names, or for two models {len(table)} scores"
    )


def _of_predictions(told: Predictions, n: int, policy: Policy, seconds: float | None) -> Judged:
    shape = (n, len(told.models))
    if told.quality.shape != shape or told.cost.shape != shape:
        raise DataError(f"predictions have the shape {told.quality.shape}, not {shape}")
    if not (np.isfinite(told.quality).all() and np.isfinite(told.cost).all()):
        raise DataError("a predicted quality or cost is not finite")
    utility = policy(told)
    return Judged(
        most_useful(utility, told.cost),
        sweep=lambda rows: cost_metrics.sweep(told.quality[rows], told.cost[rows], told.cost_unit),
        predictions=told,
        gain=_gain(told.quality),
        tied=selection_metrics.tied_share(utility),
        seconds=seconds,
    )


def _gain(quality: Matrix) -> Vector | None:
    """Second model over first, (n,); ``bench`` turns it where the first is the better one."""
    return quality[:, 1] - quality[:, 0] if quality.shape[1] == 2 else None


def _of_scores(score: Vector, strong: int, seconds: float | None) -> Judged:
    if not np.isfinite(score).all():
        raise DataError("a score is not finite")
    edges = np.unique(np.quantile(score, np.linspace(0, 1, _N_THRESHOLDS), method="lower"))
    thresholds = np.append(edges, np.inf)[:, None]
    middle = 0.5 if score.min() >= 0 and score.max() <= 1 else float(np.median(score))

    def sweep(rows: slice) -> Choices:
        return np.where(score[rows] >= thresholds, strong, 1 - strong)

    return Judged(
        np.where(score >= middle, strong, 1 - strong),
        sweep=sweep,
        gain=score if strong == 1 else -score,
        tied=1 - len(np.unique(score)) / len(score),
        seconds=seconds,
    )


def _of_names(names: Sequence[Any], table: OutcomeTable, seconds: float | None) -> Judged:
    column = {name: j for j, name in enumerate(table.models)}
    if unknown := sorted({str(name) for name in names if name not in column}):
        raise DataError(
            f"the router chose {', '.join(unknown[:5])}; the table has {', '.join(table.models)}"
        )
    return Judged(np.array([column[name] for name in names], np.int64), seconds=seconds)
