"""Choosing a policy's knob on training data alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared_core.encoders.lexical import LexicalEncoder
from shared_core.errors import ConfigError, DataError
from shared_core.evaluation.metrics import cost_metrics
from shared_core.evaluation.metrics.cost_metrics import Choices
from shared_core.outcomes.table import OutcomeTable
from shared_core.policies.base import Matrix, Predictions
from shared_core.policies.cost_quality import CostQuality
from shared_core.pool import ModelPool
from shared_core.routers.predictive.base import PredictiveRouter
from shared_core.routers.predictive.cross_validation import folds
from shared_core.routers.predictive.gain import chances, estimated
from shared_core.routers.predictive.learnable import with_costs
from shared_core.routers.predictive.reading import Reading

N_FOLDS: Final = 5
_NOISE: Final = 1e-9
"""Differences below this are rounding."""


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
    that new queries can be expected to meet; it is an estimate and no guarantee. Outcomes that are
    unknown, as in logs, are estimated (see ``routers.predictive.gain``). Where no setting keeps it,
    and where cost changes no choice, quality alone counts (0).

    Args:
        make_router: pool -> a fresh router.
        outcomes: the training table.
        pool: its models.
        seed: of the folds.
        progress: told what is being done.

    Raises:
        ConfigError: it makes no predictive routers.
        DataError: too few queries, or a model none of whose outcomes are known.
    """
    table = with_costs(outcomes.of(pool.names).priced(pool))
    known = np.isfinite(table.score) & np.isfinite(table.cost)
    table, known = table.rows(known.any(axis=1)), known[known.any(axis=1)]
    _check_known(known, table.models)
    predicted = out_of_fold(make_router, table, pool, seed=seed, progress=progress)
    chance = None if known.all() else _chances(table, known, seed)
    return matching_best_single(predicted, table.score, table.cost, chance)


def matching_best_single(
    predicted: Predictions, score: Matrix, cost: Matrix, chance: Matrix | None = None
) -> CostQuality:
    """The same from predictions that were made already, each without its row.

    Args:
        predicted: of n rows, in the order of the outcomes.
        score, cost: the outcomes (n, m); NaN is unknown.
        chance: (n, m) how likely each outcome was to become known; when not given, every outcome of
            a model was as likely as the others.

    Raises:
        DataError: a model none of whose outcomes are known.
    """
    known = np.isfinite(score) & np.isfinite(cost)
    _check_known(known, predicted.models)
    rows = known.any(axis=1)
    told = Predictions(
        predicted.models, predicted.quality[rows], predicted.cost[rows], predicted.cost_unit
    )
    outcomes = estimated(told, score[rows], cost[rows], None if chance is None else chance[rows])
    swept = cost_metrics.sweep(told.quality, told.cost, told.cost_unit)[:-1]
    _, reached = cost_metrics.outcomes_of(swept, *outcomes)
    kept = np.flatnonzero(reached.mean(axis=1) >= outcomes[0].mean(axis=0).max() - _NOISE)
    return CostQuality(_amid(swept, kept[-1]) if len(kept) else 0.0)


def _amid(swept: Choices, place: int) -> float:
    """Of the weights that choose alike on all rows the middle one: new queries differ a bit.

    0 where all of them do: a model that comes later may have a price.
    """
    alike = np.flatnonzero((swept == swept[place]).all(axis=1))
    middle = 0 if len(alike) == len(swept) else alike[(len(alike) - 1) // 2]
    return float(cost_metrics.cost_weights()[middle])


def _check_known(known: NDArray[np.bool], models: Sequence[str]) -> None:
    if silent := [name for j, name in enumerate(models) if not known[:, j].any()]:
        raise DataError(
            f"no row has both a score and a cost of {', '.join(silent)}, so that no cost weight "
            "can be found: give one (--cost-weight)"
        )


def _chances(table: OutcomeTable, known: NDArray[np.bool], seed: int) -> Matrix:
    encoder = LexicalEncoder(seed=seed).fit(table.queries)
    fold = folds(table.origins, N_FOLDS, seed)
    return chances(Reading(table.queries, encoder, table.domains), known, fold)


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
    if (n_texts := len(set(outcomes.origins))) < N_FOLDS:
        raise DataError(
            f"cross-validation takes {N_FOLDS} different queries with a known outcome; there "
            f"are {n_texts}: give more rows, or a cost weight (--cost-weight)"
        )
    fold = folds(outcomes.origins, N_FOLDS, seed)
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
