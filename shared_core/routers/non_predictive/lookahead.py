"""What it is worth to ask: all orders of the next answers, worked out side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared_core.policies.base import Matrix
from shared_core.routers.non_predictive.beliefs import NOISE, Beliefs, Vector, reach

Cube = NDArray[np.float64]
Steps = NDArray[np.int64]

AHEAD: Final = 3
"""Answers it looks ahead: fewer miss that two cheap ones in turn may save a dear one."""
STOP: Final = -1
WORTH_A_CALL: Final = 1e-4
_CONSIDERED: Final = 6
_AT_ONCE: Final = 64


def next_steps(
    beliefs: Beliefs, there: Sequence[int], rest: Sequence[int], price: Vector, ahead: int = AHEAD
) -> Steps:
    """The model to ask next in each course (s,); -1 where the best answer that is there will do."""
    steps = np.full(len(beliefs.mean), STOP)
    considered = promising(beliefs, rest, price)
    for models in np.unique(considered, axis=0) if rest else ():
        (rows,) = np.nonzero((considered == models).all(axis=1))
        for some in np.split(rows, range(_AT_ONCE, len(rows), _AT_ONCE)):
            here = beliefs.courses(some)
            worth = worth_of_asking(here, there, models, price, ahead)
            least = here.quality[:, there].max(axis=1, initial=-np.inf) + WORTH_A_CALL
            steps[some] = np.where(worth.max(axis=1) > least, worth.argmax(axis=1), STOP)
    return steps


def promising(beliefs: Beliefs, rest: Sequence[int], price: Vector) -> Steps:
    """Of the models that can be asked, those (s, k) that may turn out worth most."""
    can = np.array(rest, np.int64)
    if len(can) <= _CONSIDERED:
        return np.tile(can, (len(beliefs.mean), 1))
    hope = (beliefs.quality + beliefs.spread - price)[:, can]
    return np.sort(can[np.argsort(-hope, axis=1, kind="stable")[:, :_CONSIDERED]], axis=1)


def worth_of_asking(
    beliefs: Beliefs, there: Sequence[int], rest: Sequence[int] | Steps, price: Matrix, ahead: int
) -> Matrix:
    """Quality less price to come (s, m) when a model is asked next, and the best is done then.

    Before each of the next ``ahead`` answers one stops, with the best that is there, or asks on.

    Args:
        there: models whose answers are there, the same in all s courses.
        rest: models that can be asked; the others' worth is minus infinity.
        price: of each model (m,) or (s, m), in quality points.
        ahead: answers to look ahead, at least 1.
    """
    known = [*there, *rest]
    beliefs = beliefs.of(known)
    can = np.arange(len(known)) >= len(there)
    at = _Histories(beliefs.mean[None], beliefs.covariance[None], ~can[None])
    paid = np.broadcast_to(price, (len(beliefs.mean), np.shape(price)[-1]))[:, known]
    rounds: list[_Round] = []
    for _ in range(min(ahead, len(rest))):
        rounds.append(at.asked(can, beliefs.vagueness))
        at = rounds[-1].then
    then = at.kept()
    for one in reversed(rounds):
        asking = one.worth(then, paid)
        best = asking.reshape(-1, one.choices, asking.shape[1]).max(axis=1)
        then = np.maximum(one.kept_before, best)
    worth = np.full((len(beliefs.mean), np.shape(price)[-1]), -np.inf)
    worth[:, rest] = asking.T
    return worth


@dataclass(frozen=True)
class _Histories:
    """h histories of answers, each in c courses: of how the answers scored.

    Args:
        mean: (h, c, 2m), covariance: (h, 2m, 2m), there: (h, m) whose answers are there.
    """

    mean: Cube
    covariance: Cube
    there: NDArray[np.bool_]

    def kept(self) -> Matrix:
        """Expected quality (h, c) of the best answer there."""
        m = self.there.shape[1]
        quality = self.mean[:, :, :m].clip(0.0, 1.0)
        best: Matrix = np.where(self.there[:, None], quality, -np.inf).max(axis=2)
        return best

    def asked(self, can: NDArray[np.bool_], vagueness: Vector) -> _Round:
        """All histories with one answer more."""
        m = len(vagueness)
        history, model = np.nonzero(can & ~self.there)
        case, at = np.arange(len(model)), m + model
        mean, covariance = self.mean[history], self.covariance[history]
        tie = covariance[case, :, at]
        variance = tie[case, at]
        gain = tie / variance[:, None]
        chance = mean[case, :, at].clip(0.0, 1.0)
        step = gain * reach(variance, vagueness[model])[:, None]
        low = mean - chance[:, :, None] * step[:, None]
        left = covariance - gain[:, :, None] * tie[:, None]
        left[case, at, at] = np.maximum(left[case, at, at], NOISE)
        there = self.there[history]
        there[case, model] = True
        then = _Histories(np.concatenate([low, low + step[:, None]], axis=1), left, there)
        return _Round(model, chance, self.kept(), then)


@dataclass(frozen=True)
class _Round:
    """One answer more after each history.

    Args:
        model: whose (p,), for the first history's choices, then the second's, and so on.
        chance: that it scores high (p, c).
        kept_before: quality (h, c) without it.
        then: the p histories with it, in 2c courses: it scored low, it scored high.
    """

    model: Steps
    chance: Matrix
    kept_before: Matrix
    then: _Histories

    @property
    def choices(self) -> int:
        """Models to choose from after each history."""
        return len(self.model) // len(self.kept_before)

    def worth(self, then: Matrix, price: Matrix) -> Matrix:
        """Quality less price to come (p, c), where it is worth so much then (p, 2c)."""
        low, high = np.split(then, 2, axis=1)
        times = self.chance.shape[1] // len(price)
        paid = np.tile(price.T[self.model], times)
        priced: Matrix = (1 - self.chance) * low + self.chance * high - paid
        return priced
