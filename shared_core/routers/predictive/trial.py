"""Members of a stack on trial: fitted, and what they predict of rows that they did not see."""

from __future__ import annotations

import inspect
import time
from collections.abc import Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from shared_core._lazy import load, public_names
from shared_core.errors import ConfigError, DataError
from shared_core.policies.base import Matrix, Predictions
from shared_core.routers.predictive.base import PredictiveRouter, Progress
from shared_core.routers.predictive.cross_validation import Folds
from shared_core.routers.predictive.gain import chances, gain, levels
from shared_core.routers.predictive.reading import Reading
from shared_core.routers.predictive.stacking import Stack


class Member(NamedTuple):
    """A router that was fitted, and its predictions (n, m) of rows that it did not see.

    Args:
        router: fitted on all rows.
        part: which part of the encoder it reads.
        quality, cost: the predictions.
        note: what the leaderboard tells of it.
    """

    router: PredictiveRouter
    part: int
    quality: Matrix
    cost: Matrix
    note: dict[str, Any]


class Trial:
    """The members that were tried, over each part of the encoder."""

    def __init__(
        self, auto: PredictiveRouter, reading: Reading, outcomes: tuple[Matrix, Matrix],
        fold: Folds, progress: Progress,
    ) -> None:  # fmt: skip
        self._auto, self._reading, self._outcomes = auto, reading, outcomes
        self._fold, self._report = fold, progress
        self._known = np.isfinite(outcomes[0]) & np.isfinite(outcomes[1])
        self.members: list[Member] = []
        self._notes: list[dict[str, Any]] = []

    @property
    def share_known(self) -> float:
        """How many of the outcomes are known, 0..1."""
        return float(self._known.mean())

    def run(self, names: Sequence[str], time_budget: float) -> None:
        """Fit the members in turn, as far as the seconds of processor time go."""
        for reading in self._reading.parts:
            _ = reading.vectors  # an encoder's time is not a member's
        self.chance = chances(self._reading, self._known, self._fold)
        began = time.process_time()
        for part, name in product(range(len(self._reading.parts)), names):
            note = {"router": name, **self._told_part(part)}
            self._notes.append(note)
            if self.members and time.process_time() - began > time_budget:
                note["left_out"] = "no time left"
            else:
                self._try(part, note)
        if not self.members:
            raise DataError(f"none of {', '.join(names)} could be fitted: {self._notes}")

    def _told_part(self, part: int) -> dict[str, str]:
        """The encoder, where there are several."""
        parts = self._reading.parts
        return {"encoder": type(parts[part].encoder).__name__} if len(parts) > 1 else {}

    def _try(self, part: int, note: dict[str, Any]) -> None:
        began = time.process_time()
        self._report(f"trying {' over '.join(note.values())}")
        reading = self._reading.parts[part]
        try:
            new = member_class(note["router"])(self._auto.pool, seed=self._auto.seed)
            new.cost_unit_ = self._auto.cost_unit_
            new._learn(reading, *self._outcomes)
            predicted = self._held_out(new, reading)
        except ConfigError as error:
            note["left_out"] = str(error)
            return
        self.members.append(Member(new, part, *predicted, note))
        found = Predictions(self._auto.pool.names, *predicted, self._auto.cost_unit_)
        note["seconds"] = round(time.process_time() - began, 2)
        origins = self._reading.origins
        note |= gain(found, *self._outcomes, self._fold, self.chance, origins).to_dict()

    def keep(self, places: Sequence[int]) -> None:
        """Go on with these of the members only; a decision waits for every one."""
        self.members = [self.members[i] for i in places]

    def _held_out(self, member: PredictiveRouter, reading: Reading) -> tuple[Matrix, Matrix]:
        quality, cost = (np.zeros_like(values) for values in self._outcomes)
        for held in np.unique(self._fold):
            rows = np.flatnonzero(self._fold == held)
            rest = np.flatnonzero(self._fold != held)
            other = member.again(reading.rows(rest), *(values[rest] for values in self._outcomes))
            quality[rows], cost[rows] = other._predict(other._see(reading.rows(rows)))
        return quality, cost

    def stack(self, rows: Any = slice(None)) -> Stack:
        """The weights that fit best on some rows."""
        outcomes = (values[rows] for values in (*self._outcomes, self.chance))
        return Stack.of(*self._predicted(rows), *outcomes)

    def stacked(self, fold: Folds) -> tuple[Matrix, Matrix]:
        """The stack's predictions (n, m) of rows that its weights did not see either."""
        quality, cost = (np.zeros_like(values) for values in self._outcomes)
        for held in np.unique(fold):
            rest, rows = fold != held, fold == held
            means = [levels(values[rest], self.chance[rest]) for values in self._outcomes]
            quality[rows], cost[rows] = self.stack(rest)(*self._predicted(rows), *means)
        return quality, np.maximum(cost, np.nanmin(self._outcomes[1], axis=0))

    def _predicted(self, rows: Any) -> tuple[list[Matrix], list[Matrix]]:
        members = self.members
        return [one.quality[rows] for one in members], [one.cost[rows] for one in members]

    def told(self, stack: Stack) -> list[dict[str, Any]]:
        """What was tried, with its weight in the stack."""
        for one, weight in zip(self.members, stack.advantage.round(3).tolist(), strict=True):
            one.note["weight"] = weight
        return [{**note, "weight": note.get("weight", 0.0)} for note in self._notes]


def member_class(name: str) -> type[PredictiveRouter]:
    """The learned router of that class name, out of the public names.

    Raises:
        ConfigError: there is none, or a pool is not enough to make it.
    """
    names = public_names("shared_core")
    found = getattr(load(names[name], wanted_by=name), name) if name in names else None
    if not (isinstance(found, type) and issubclass(found, PredictiveRouter)):
        raise ConfigError(f"{name!r} is no learned router; KNNRouter is one, and there are others")
    given = inspect.signature(found).parameters.values()
    if needed := [one.name for one in given if one.default is one.empty and one.name != "pool"]:
        raise ConfigError(
            f"a member is made of the pool alone, and {name} takes {', '.join(needed)} too"
        )
    return found
