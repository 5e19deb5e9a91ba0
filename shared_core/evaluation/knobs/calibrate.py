"""Choosing a policy's knob on training data alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from shared_core.errors import ConfigError, DataError
from shared_core.evaluation.evaluate import complete
from shared_core.evaluation.metrics import cost_metrics
from shared_core.outcomes.table import OutcomeTable
from shared_core.policies.base import Matrix, Predictions
from shared_core.policies.cost_quality import CostQuality
from shared_core.pool import ModelPool
from shared_core.routers.predictive.base import PredictiveRouter
from shared_core.routers.predictive.cross_validation import folds

N_FOLDS: Final = 5


def match_best_single(
    make_router: Callable[[ModelPool], PredictiveRouter],
    outcomes: OutcomeTable,
    pool: ModelPool,
    *,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> CostQuality:
    """The policy that keeps the best single model's quality at the lowest cost.

    Every row is predicted by a router that was fitted on other rows, so the trade-off found is one
    that new queries can be expected to meet; it is an estimate and no guarantee.

    Args:
        make_router: pool -> a fresh router.
        outcomes: the training table.
        pool: its models.
        seed: of the folds.
        progress: told what is being done.

    Raises:
        ConfigError, DataError: as for ``out_of_fold``.
    """
    table = complete(outcomes.of(pool.names).priced(pool))
    predicted = out_of_fold(make_router, table, pool, seed=seed, progress=progress)
    return matching_best_single(predicted, table.score, table.cost)


def matching_best_single(predicted: Predictions, score: Matrix, cost: Matrix) -> CostQuality:
    """The same from predictions that were made already, each without its row.

    Args:
        predicted: of n rows, in the order of the outcomes.
        score, cost: the outcomes (n, m); rows with an unknown one are left out.
    """
    rows = np.isfinite(score).all(axis=1) & np.isfinite(cost).all(axis=1)
    if not rows.any():
        return CostQuality(0.0)
    unit = predicted.cost_unit
    swept = cost_metrics.sweep(predicted.quality[rows], predicted.cost[rows], unit)[:-1]
    _, reached = cost_metrics.outcomes_of(swept, score[rows], cost[rows])
    kept = np.flatnonzero(reached.mean(axis=1) >= score[rows].mean(axis=0).max())
    weight = cost_metrics.cost_weights()[kept[-1]] if len(kept) else 0.0
    return CostQuality(float(weight))


def out_of_fold(
    make_router: Callable[[ModelPool], PredictiveRouter],
    outcomes: OutcomeTable,
    pool: ModelPool,
    *,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> Predictions:
    """Predictions for each row by a router that saw neither it nor another row of its text.

    Raises:
        ConfigError: ``make_router`` makes no router that predicts.
        DataError: too few different queries with every outcome known.
    """
    report = progress or (lambda _: None)
    if (n_texts := len(set(outcomes.queries))) < N_FOLDS:
        raise DataError(
            f"cross-validation takes {N_FOLDS} different queries with every outcome known; there "
            f"are {n_texts}: give more rows, or a cost weight of your own"
        )
    fold = folds(outcomes.queries, N_FOLDS, seed)
    quality, cost = np.empty_like(outcomes.score), np.empty_like(outcomes.score)
    unit = 1.0
    for held_out in range(N_FOLDS):
        report(f"cross-validation, part {held_out + 1} of {N_FOLDS}")
        router = make_router(pool)
        check_predicts(router)
        router.fit(outcomes.rows(fold != held_out))
        rows = np.flatnonzero(fold == held_out)
        predicted = router.predict([outcomes.queries[i] for i in rows])
        quality[rows], cost[rows], unit = predicted.quality, predicted.cost, predicted.cost_unit
    return Predictions(pool.names, quality, cost, unit)


def check_predicts(router: object) -> None:
    """A knob is set from predictions: the router has to be one that predicts.

    Raises:
        ConfigError: it is not.
    """
    if not isinstance(router, PredictiveRouter):
        raise ConfigError(
            f"a {type(router).__name__} has no predictions to set a cost weight by: take a router "
            "that learns to predict, such as AutoRouter or KNNRouter; of a wrapper, the inner one"
        )
