"""Targets that hold: a knob set on held-out rows so that a promise is kept with a stated chance.

Learn-then-Test (Angelopoulos et al., arXiv 2110.01052) by fixed-sequence testing: settings are
tried from the safest on, each must be proved by a finite-sample test at level delta, and the first
that cannot be proved ends the search. The chance that the setting returned breaks its promise in
the long run is then well below delta, whatever the distribution, so that it is about delta at most
for the mean of as many fresh queries, which varies by chance as well. Of costs it is assumed that
none is more than half again the largest one seen. Rows of a text are no independent evidence:
their losses count as one, and it is assumed that no text comes more often than the most frequent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared_core.checks import check_one_of, is_number
from shared_core.errors import ConfigError, DataError
from shared_core.evaluation.knobs.calibrate import check_predicts
from shared_core.evaluation.knobs.proofs import mean_is_below, share_is_below
from shared_core.evaluation.metrics import cost_metrics
from shared_core.outcomes.table import OutcomeTable
from shared_core.policies.base import Matrix, Predictions, most_useful
from shared_core.policies.cost_quality import CostQuality
from shared_core.routers.predictive.base import PredictiveRouter
from shared_core.routers.predictive.cross_validation import numbered
from shared_core.routers.predictive.learnable import in_its_own_order

Kind = Literal["strong_share", "cost_per_1k", "quality_floor"]

_ALLOWED: Final = {
    "strong_share": (0.0, 1.0),
    "cost_per_1k": (0.0, math.inf),
    "quality_floor": (-1.0, 1.0),
}
_LEAST_DELTA: Final = 1e-100
"""Smaller chances are too small to compute with."""
_N_WEIGHTS: Final = 192
_DEARER: Final = 1.5
"""No call is dearer than the dearest one seen, times this."""

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Target:
    """What is promised.

    Args:
        kind: ``strong_share``, at most this share of calls goes to the dearest model;
            ``cost_per_1k``, at most so many USD per thousand queries, if no call is more than half
            again as dear as the dearest of the calibration rows; ``quality_floor``, at least the
            best single model's quality plus this (-0.01: one point less is allowed).
        value: the number promised.
        delta: chance, at most, that the promise is broken on as many fresh queries of the same kind
            as it was made by.
    """

    kind: Kind
    value: float
    delta: float = 0.1

    def __post_init__(self) -> None:
        check_one_of(_ALLOWED, kind=self.kind)
        low, high = _ALLOWED[self.kind]
        if not (is_number(self.value) and low <= self.value <= high):
            told = f"{self.kind}'s value is a number from {low:g} to {high:g}"
            raise ConfigError(f"{told}, not {self.value!r}")
        if not (is_number(self.delta) and _LEAST_DELTA <= self.delta < 1):
            raise ConfigError(
                f"delta is a chance from {_LEAST_DELTA:g} to less than 1, not {self.delta!r}"
            )


class Against(NamedTuple):
    """The models that a promise speaks of.

    Args:
        best: the best single model on the router's training rows.
        dearest: the dearest one on the calibration rows.
    """

    best: str
    dearest: str

    @classmethod
    def of(cls, router: PredictiveRouter, calibration: OutcomeTable) -> Against:
        """The models for a fitted router and calibration rows of its pool, priced."""
        dearest = int(np.argmax(calibration.cost.mean(axis=0)))
        return cls(_best_single(router), calibration.models[dearest])


@dataclass(frozen=True)
class Kept:
    """The setting that keeps a target.

    Args:
        target: what is promised.
        policy: the setting; hand it to the router, or its ``cost_weight`` to a single query.
        achieved: the value on the calibration rows.
        n: calibration rows.
        is_proved: whether the bound holds; if not, no setting could be proved and ``policy`` is the
            safest there is.
        against: the models that the promise is about.
    """

    target: Target
    policy: CostQuality
    achieved: float
    n: int
    is_proved: bool
    against: Against

    def measured(self, router: PredictiveRouter, fresh: OutcomeTable) -> float:
        """The promised quantity on fresh rows, to be reported beside the promise."""
        table = fresh.of(router.pool.names).priced(router.pool)
        predicted = router.predict(table.queries)
        loss = losses(self.target, predicted, table.score, table.cost, self.against)
        return _told(self.target, loss(self.policy.cost_weight))


def keep(router: PredictiveRouter, calibration: OutcomeTable, target: Target) -> Kept:
    """The least restricting setting of a fitted router that keeps the target.

    Args:
        router: fitted on other rows.
        calibration: rows of the kind that is to come, each with every outcome known.
        target: what is promised.

    Raises:
        ConfigError: it is no router that predicts, or no model is the dearest, whose share a
            ``strong_share`` is.
        DataError: an outcome is unknown.
    """
    check_predicts(router)
    table = in_its_own_order(calibration.of(router.pool.names).priced(router.pool))
    if not len(table):
        raise DataError("there are no rows to calibrate on")
    if not (np.isfinite(table.score).all() and np.isfinite(table.cost).all()):
        raise DataError("calibration takes rows whose every score and cost is known")
    *_, second, most = [0.0, *np.sort(table.cost.mean(axis=0))]
    if target.kind == "strong_share" and not most > second:
        raise ConfigError("strong_share: no model is dearer than the others; give costs or prices")
    predicted = router.predict(table.queries)
    against = Against.of(router, table)
    return kept(predicted, table.score, table.cost, target, against, table.origins)


def kept(
    predicted: Predictions,
    score: Matrix,
    cost: Matrix,
    target: Target,
    against: Against,
    texts: Sequence[str] | None = None,
) -> Kept:
    """The same from predictions of rows in an order that does not go by their outcomes.

    Args:
        texts: of the rows; when not given, all differ.
    """
    loss, limit = losses(target, predicted, score, cost, against), _limit(target)
    tried, is_proved = _safest_first(target), _proof(target, limit, cost, texts)
    found: float | None = None
    for weight in tried:
        if not is_proved(loss(weight)):
            break
        found = weight
    chosen = tried[0] if found is None else found
    told = _told(target, loss(chosen))
    return Kept(target, CostQuality(chosen), told, len(score), found is not None, against)


def _best_single(router: PredictiveRouter) -> str:
    """The model that was best on the router's training rows."""
    means = getattr(router, "train_means_", None)
    if means is None:
        raise ConfigError(f"{type(router).__name__} does not know its models' means: fit it again")
    return router.pool.names[int(np.argmax(means))]


def losses(
    target: Target, predicted: Predictions, score: Matrix, cost: Matrix, against: Against
) -> Callable[[float], Vector]:
    """Cost weight -> what each query (n,) adds to the quantity that must stay low."""
    rows = np.arange(len(score))
    best, dearest = map(predicted.models.index, against)

    def loss(weight: float) -> Vector:
        utility = CostQuality(weight)(predicted)
        chosen = most_useful(utility, predicted.cost)
        if target.kind == "strong_share":
            return np.asarray(chosen == dearest, float)
        if target.kind == "cost_per_1k":
            return np.asarray(1000 * cost[rows, chosen])
        lost: Vector = score[:, best] - score[rows, chosen]
        return lost

    return loss


def _limit(target: Target) -> float:
    return -target.value if target.kind == "quality_floor" else target.value


def _told(target: Target, loss: Vector) -> float:
    mean = float(loss.mean())
    return -mean if target.kind == "quality_floor" else mean


def _proof(
    target: Target, limit: float, cost: Matrix, texts: Sequence[str] | None
) -> Callable[[Vector], bool]:
    """Losses (n,) -> whether they prove that the target is kept."""
    delta = _in_the_long_run(target)
    dearest = 1000 * float(cost.max()) * _DEARER
    low, high = (0.0, dearest) if target.kind == "cost_per_1k" else (-1.0, 1.0)
    if limit >= high:  # whatever is chosen
        return lambda loss: True
    if texts is not None and len(set(texts)) < len(texts):
        over = _over_by_text(texts, limit)
        return lambda loss: mean_is_below(over(loss), 0.0, low - limit, high - limit, delta)
    if target.kind == "strong_share":
        return lambda loss: share_is_below(loss, limit, delta)
    return lambda loss: mean_is_below(loss, limit, low, high, delta)


def _over_by_text(texts: Sequence[str], limit: float) -> Callable[[Vector], Vector]:
    """Losses (n,) -> by how much each text's rows are over the limit, in one of the most frequent.

    The mean of that is below 0 where the mean loss is below the limit. Texts come in an order of
    chance: by their first rows, the frequent ones would come first.
    """
    number = numbered(texts)
    place = np.random.default_rng(0).permutation(int(number.max()) + 1)[number]
    most = np.bincount(place).max()
    return lambda loss: np.bincount(place, loss - limit) / most


def _in_the_long_run(target: Target) -> float:
    """The chance for the long run that leaves ``delta`` for a fresh sample of equal size.

    The difference of two samples' means varies by the root of two as much as one of them does.
    """
    chance = math.erfc(-NormalDist().inv_cdf(target.delta)) / 2
    return min(chance, target.delta)


def _safest_first(target: Target) -> list[float]:
    """Cost weights, the ones that keep the target most surely first."""
    weights = [float(w) for w in cost_metrics.cost_weights(_N_WEIGHTS)]
    return weights if target.kind == "quality_floor" else weights[::-1]
