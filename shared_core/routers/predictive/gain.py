"""What routing by some predictions gained over never choosing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shared_core.policies.base import Matrix, Predictions, most_useful
from shared_core.routers.predictive import ridge
from shared_core.routers.predictive.cross_validation import Folds, numbered
from shared_core.routers.predictive.learnable import with_all_models
from shared_core.routers.predictive.reading import Reading

_COST_WEIGHTS: Final = (0.0, *np.geomspace(0.003, 3.0, 13).tolist())
_SURE: Final = 1.96
_ALPHA: Final = 10.0
_LEAST_CHANCE: Final = 0.05
_FEWEST_OF_DOMAIN: Final = 20


@dataclass(frozen=True)
class Gain:
    """Utility per query above that of the best single model, averaged over cost weights.

    At each weight the best single model is also what the best mixture of single models reaches, so
    a gain here is a gain over the zero router. It is chosen, as the router is fitted, on other rows
    than those that are counted: the best of them in hindsight nobody could have known, and of few
    rows and many models it looks better than it is by more than routing can bring.
    """

    mean: float
    error: float

    @property
    def low(self) -> float:
        """Lower end of the 95 % interval."""
        return self.mean - _SURE * self.error

    @property
    def high(self) -> float:
        """Upper end of the 95 % interval."""
        return self.mean + _SURE * self.error

    @property
    def is_sure(self) -> bool:
        """Whether the whole interval is above zero."""
        return self.low > 0

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"gain": round(self.mean, 5), "gain_error": round(self.error, 5)}


def gain(
    predicted: Predictions, score: Matrix, cost: Matrix, fold: Folds, chance: Matrix | None = None,
    origins: Sequence[str] | None = None,
) -> Gain:  # fmt: skip
    """The gain of choosing by predictions (n, m) of rows with these outcomes (n, m).

    An unknown outcome is estimated: as predicted, and corrected by what the predictions of that
    model miss where its outcome is known (the doubly robust estimator of Dudík, Langford and Li,
    arXiv 1103.4601). Where all are known, nothing is estimated.

    The error allows for what the rows do not show: any two folds' routers were fitted on mostly the
    same rows, and other rows would have made others (Nadeau and Bengio, 2003, Machine Learning 52).
    Rows of the same text say the same thing again, and count as one. It is zero where fewer than
    two texts have a known outcome.

    Args:
        predicted: of rows that they were not fitted on.
        score, cost: NaN is unknown.
        fold: (n,) the fold of each row; the single model that a row is compared with is the best of
            the other folds.
        chance: (n, m) how likely each outcome was to become known, see ``chances``; when not given,
            every outcome of a model was as likely as the others.
        origins: what the n rows ask, see ``OutcomeTable.origins``; when not given, all differ.
    """
    known = np.isfinite(score) & np.isfinite(cost)
    text = np.arange(len(known)) if origins is None else numbered(origins)
    if len(np.unique(text[known.any(axis=1)])) < 2:
        return Gain(0.0, 0.0)
    outcomes = estimated(predicted, score, cost, chance)
    each = np.mean([_gained(predicted, *outcomes, fold, w) for w in _COST_WEIGHTS], axis=0)
    n_folds = len(np.unique(fold))
    of_text = _by_text(each, text)
    variance = of_text.var(ddof=1) / len(of_text) * (1 + n_folds / (n_folds - 1))
    return Gain(float(each.mean()), float(np.sqrt(variance)))


def _by_text(values: Matrix, text: Folds) -> Matrix:
    """A value for each text, whose mean is that of the rows and varies as theirs does."""
    n_rows = np.bincount(text)
    if (n_rows == 1).all():
        return values
    mean = values.mean()
    off = np.bincount(text, values - mean)
    found: Matrix = mean + off * len(off) / len(values)
    return found


def estimated(
    predicted: Predictions, score: Matrix, cost: Matrix, chance: Matrix | None = None
) -> tuple[Matrix, Matrix]:
    """Score and cost (n, m) without gaps, as ``gain`` estimates them; the known ones corrected."""
    known = np.isfinite(score) & np.isfinite(cost)
    if chance is None:
        chance = np.maximum(known.mean(axis=0), 1 / len(known))
    trust = known / chance
    whole_score = predicted.quality * (1 - trust) + np.where(known, score, 0.0) * trust
    whole_cost = predicted.cost * (1 - trust) + np.where(known, cost, 0.0) * trust
    return whole_score, whole_cost


def chances(reading: Reading, known: NDArray[np.bool], fold: Folds) -> Matrix:
    """How likely (n, m) each outcome was to become known, given its query's text and domain.

    Logs seldom ask by chance: what looks hard went to the strong model, support to another. Then a
    model's known outcomes are not like those it would have had elsewhere.

    Args:
        reading: the n texts.
        known: (n, m) whether each outcome is.
        fold: (n,) the fold of each row; a row's own outcomes tell nothing of its chances.
    """
    if known.all():
        return np.ones(known.shape)
    design = np.hstack([reading.vectors, _domains(reading.labels, len(known))])
    found = ridge.left_out(design, known.astype(float), _ALPHA, fold)
    return np.where(known.all(axis=0), 1.0, np.clip(found, _LEAST_CHANCE, 1.0))


def levels(values: Matrix, chance: Matrix) -> Matrix:
    """Each model's mean (m,) over all rows, of values (n, m) known by ``chance``."""
    known = np.isfinite(values)
    if known.all():
        return np.asarray(values.mean(axis=0))
    seen = with_all_models(values)
    weight = np.isfinite(seen) / chance
    return np.asarray((np.nan_to_num(seen) * weight).sum(axis=0) / weight.sum(axis=0))


def _domains(labels: Sequence[str] | None, n: int) -> Matrix:
    """Which of the larger domains each row is of (n, d)."""
    names, counts = np.unique(labels or [""] * n, return_counts=True)
    told: Matrix = np.asarray(labels or [""] * n)[:, None] == names[counts >= _FEWEST_OF_DOMAIN]
    return told.astype(float)


def _gained(
    predicted: Predictions, score: Matrix, cost: Matrix, fold: Folds, weight: float
) -> Matrix:
    price = weight / predicted.cost_unit
    expected = predicted.quality - price * predicted.cost
    utility = score - price * cost
    single, place = _best_elsewhere(utility, fold), np.arange(len(fold))
    chosen = most_useful(expected, predicted.cost)
    gained: Matrix = utility[place, chosen] - utility[place, single]
    return gained


def _best_elsewhere(utility: Matrix, fold: Folds) -> Folds:
    """For each row (n,) the model that is best on average in the other folds."""
    numbers, own = np.unique(fold, return_inverse=True)
    inside = np.stack([utility[own == i].sum(axis=0) for i in range(len(numbers))])
    best: Folds = (inside.sum(axis=0) - inside).argmax(axis=1)[own]
    return best
