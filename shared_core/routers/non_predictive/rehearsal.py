"""What listening would have brought on rows whose outcomes are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from shared_core.policies.base import Matrix
from shared_core.routers.non_predictive.beliefs import Beliefs, Vector
from shared_core.routers.non_predictive.experience import Experience
from shared_core.routers.non_predictive.lookahead import AHEAD, STOP, Steps, next_steps
from shared_core.routers.predictive.cross_validation import folds

WEIGHTS: Final = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0)
_MOST_ROWS: Final = 2000
_N_FOLDS: Final = 3


class Rows(NamedTuple):
    """Quality, prediction of it by who had not seen it, score and cost in units: each (n, m)."""

    quality: Matrix
    expected: Matrix
    score: Matrix
    cost: Matrix

    def of(self, rows: Sequence[int] | Steps) -> Rows:
        return Rows(*(values[rows] for values in self))


def held_out_gain(rows: Rows, origins: Sequence[str], longest: int) -> Matrix:
    """Cost weights, and the mean utility (2, w) that listening adds to routing on rows held out.

    What listening brings is expected from chance relations, too, and one asks where they promise
    most: so it is measured on rows that taught none of them. It is an estimate: above 0 by chance,
    too, where listening brings nothing.
    """
    some = np.random.default_rng(0).permutation(len(origins))[:_MOST_ROWS]
    rows = rows.of(some)
    same = [origins[i] for i in some]
    fold = folds(same if len(set(same)) >= _N_FOLDS else some.tolist(), _N_FOLDS, 0)
    gain = np.zeros((len(WEIGHTS), len(some)))
    for held_out in range(_N_FOLDS):
        (here,) = np.nonzero(fold == held_out)
        known, new = rows.of(np.flatnonzero(fold != held_out)), rows.of(here)
        learned = Experience.of(known.quality, known.expected, known.score)
        for number, weight in enumerate(WEIGHTS):
            price = weight * known.cost.mean(axis=0)
            with_ears = _utility(new, weight, *listened(learned, new, price, longest))
            gain[number, here] = with_ears - _utility(new, weight, *routed(new, price))
    return np.array([WEIGHTS, gain.mean(axis=1)])


def routed(rows: Rows, price: Vector) -> tuple[Steps, Matrix]:
    """The model (n,) worth most by prediction, and who was asked (n, m)."""
    chosen = (rows.expected - price).argmax(axis=1)
    return chosen, np.eye(len(price))[chosen]


def listened(learned: Experience, rows: Rows, price: Vector, longest: int) -> tuple[Steps, Matrix]:
    """The model (n,) whose answer is kept, and who was asked (n, m)."""
    n, m = rows.quality.shape
    chosen, asked = np.zeros(n, np.int64), np.zeros((n, m))
    todo: list[tuple[Steps, Beliefs, list[int]]] = [
        (np.arange(n), learned.beliefs(np.arange(m), rows.expected), [])
    ]
    while todo:
        here, beliefs, there = todo.pop()
        steps = _steps(beliefs, there, price, longest - len(there))
        done = steps == STOP
        best = beliefs.quality[done][:, there].argmax(axis=1) if there else 0
        chosen[here[done]] = np.array(there, np.int64)[best] if there else 0
        for model in np.unique(steps[~done]).tolist():
            asked[here[steps == model], model] = 1.0
            told = np.isfinite(rows.score[here, model])
            for is_told in (True, False):
                some = (steps == model) & (told == is_told)
                if some.any():
                    then = beliefs.courses(some)
                    if is_told:
                        then = then.after(model, rows.score[here[some], model])
                    todo.append((here[some], then, [*there, model]))
    return chosen, asked


def _steps(beliefs: Beliefs, there: list[int], price: Vector, left: int) -> Steps:
    rest = [model for model in range(len(price)) if model not in there]
    return next_steps(beliefs, there, rest if left else [], price, min(AHEAD, left))


def _utility(rows: Rows, weight: float, chosen: Steps, asked: Matrix) -> Vector:
    quality = rows.quality[np.arange(len(chosen)), chosen]
    utility: Vector = quality - weight * (asked * rows.cost).sum(axis=1)
    return utility
