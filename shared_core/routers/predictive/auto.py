"""Tries the routers that the data may support, stacks what helps, and says whether to route at all.

Every member predicts rows it was not fitted on; the stack weighs those predictions (stacked
regression, Wolpert 1992, Breiman 1996) on the advantage of each model over the others.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from shared_core._lazy import load, public_names
from shared_core.encoders.base import Encoder
from shared_core.errors import ConfigError, DataError
from shared_core.policies.base import Matrix, Policy, Predictions
from shared_core.policies.cost_quality import CostQuality
from shared_core.pool import Candidate, ModelPool
from shared_core.routers.predictive.base import PredictiveRouter, Progress
from shared_core.routers.predictive.cross_validation import Folds, folds
from shared_core.routers.predictive.gain import Gain, gain
from shared_core.routers.predictive.reading import Reading
from shared_core.routers.predictive.stacking import Stack

N_FOLDS: Final = 5
CHEAP: Final = (
    "KNNRouter", "MatrixFactorizationRouter", "KernelRouter", "ClusterRouter",
)  # fmt: skip
"""Members tried when none are named, those that bring most for their time first."""


class HeldOut(NamedTuple):
    """Predictions of rows that were not fitted on, and how those rows went (n, m)."""

    predicted: Predictions
    score: Matrix
    cost: Matrix


class AutoRouter(PredictiveRouter):
    """A stack of base routers chosen on the training data alone.

    After ``fit``, ``leaderboard_`` tells what was tried and what it brought on held-out rows, and
    ``verdict_`` says whether to route or which single model to use instead.

    Args:
        pool, policy, encoder, seed: see PredictiveRouter; all members share the encoder.
        members: class names of learned routers, in the order of trying.
        time_budget: seconds of processor time after which no further member is tried; the first
            always is. Time that passes because a machine is busy does not count, or the same data
            would teach it something else there.
    """

    def __init__(
        self,
        pool: ModelPool | Iterable[Candidate | str],
        policy: Policy = CostQuality(),
        encoder: Encoder | None = None,
        seed: int = 0,
        members: Sequence[str] = CHEAP,
        time_budget: float = 150.0,
    ) -> None:
        if not members or isinstance(members, str):
            raise ConfigError("members is a list of class names, at least one")
        super().__init__(pool, policy, encoder, seed)
        self.members = tuple(members)
        self.time_budget = time_budget
        self._held_out: HeldOut | None = None

    @property
    def held_out(self) -> HeldOut | None:
        """The training rows as fits without them predict them; known after ``fit`` only."""
        return self._held_out

    def _see(self, reading: Reading) -> Reading:
        fitted = getattr(self, "fitted_", None)
        if fitted is None or any(type(member).__name__ == "NgramRouter" for member in fitted):
            _ = reading.ngrams  # counted once, vectors are made of them
        return reading

    def _fit(self, vectors: Reading, quality: Matrix, cost: Matrix, progress: Progress) -> None:
        fold = folds(vectors.texts, N_FOLDS, self.seed)
        tried = _Trial(self, vectors, quality, cost, fold, progress)
        tried.run(self.members)
        unit = self.cost_unit_
        tried.keep(Stack.of(tried.quality, tried.cost, quality, cost).used)
        stack = Stack.of(tried.quality, tried.cost, quality, cost)
        predicted = Predictions(self.pool.names, *tried.stacked(fold), unit)
        self._held_out = HeldOut(predicted, quality, cost)
        self.fitted_ = list(tried.fitted)
        self.stack_ = stack.to_array()
        self.means_ = np.stack([np.nanmean(quality, axis=0), np.nanmean(cost, axis=0)])
        self.least_cost_ = np.nanmin(cost, axis=0)
        found = gain(*self._held_out)
        self.leaderboard_ = [*tried.told(stack), {"router": "stack", **found.to_dict()}]
        self.best_single_ = _best_single(self.policy, self.pool.names, self.means_, unit)
        self.routes_ = bool(found.is_sure)
        self.verdict_ = _verdict(found, self.best_single_)
        progress(self.verdict_)

    def _predict(self, vectors: Reading) -> tuple[Matrix, Matrix]:
        found = [member._predict(member._see(vectors)) for member in self.fitted_]
        stack = Stack.from_array(self.stack_)
        quality, cost = stack([q for q, _ in found], [c for _, c in found], *self.means_)
        return quality, np.maximum(cost, self.least_cost_)

    @classmethod
    def test_parameters(cls) -> Sequence[Mapping[str, Any]]:
        return [{"members": ("LinearRouter", "NgramRouter", "ClusterRouter")}]


class _Trial:
    """The members that were tried, and their predictions of rows they did not see."""

    def __init__(
        self, auto: AutoRouter, reading: Reading, quality: Matrix, cost: Matrix, fold: Folds,
        progress: Progress,
    ) -> None:  # fmt: skip
        self._auto, self._reading, self._fold, self._report = auto, reading, fold, progress
        self._outcomes = quality, cost
        self.fitted: list[PredictiveRouter] = []
        self.quality: list[Matrix] = []
        self.cost: list[Matrix] = []
        self._notes: list[dict[str, Any]] = []

    def run(self, members: Sequence[str]) -> None:
        """Fit the members in turn, as far as the time goes."""
        began = time.process_time()
        for name in members:
            if self.fitted and time.process_time() - began > self._auto.time_budget:
                self._notes.append({"router": name, "left_out": "no time left"})
                continue
            self._try(name)
        if not self.fitted:
            raise DataError(f"none of {', '.join(members)} could be fitted: {self._notes}")

    def _try(self, name: str) -> None:
        began = time.process_time()
        self._report(f"trying {name}")
        try:
            member = self._fit(self._new(name), np.arange(len(self._reading)))
            predicted = self._held_out(member)
        except ConfigError as error:
            self._notes.append({"router": name, "left_out": str(error)})
            return
        self.fitted.append(member)
        self.quality.append(predicted[0])
        self.cost.append(predicted[1])
        found = Predictions(self._auto.pool.names, *predicted, self._auto.cost_unit_)
        seconds = round(time.process_time() - began, 2)
        told = gain(found, *self._outcomes).to_dict()
        self._notes.append({"router": name, "seconds": seconds, **told})

    def keep(self, members: Sequence[int]) -> None:
        """Go on with these of the fitted members only; a decision waits for every one."""
        self.fitted = [self.fitted[i] for i in members]
        self.quality = [self.quality[i] for i in members]
        self.cost = [self.cost[i] for i in members]

    def _new(self, name: str) -> PredictiveRouter:
        return member_class(name)(self._auto.pool, seed=self._auto.seed)

    def _fit(self, member: PredictiveRouter, rows: Folds) -> PredictiveRouter:
        member.cost_unit_ = self._auto.cost_unit_
        part = self._reading.rows(rows)
        quality, cost = (values[rows] for values in self._outcomes)
        member._fit(member._see(part), quality, cost, lambda _: None)
        return member

    def _held_out(self, member: PredictiveRouter) -> tuple[Matrix, Matrix]:
        quality, cost = (np.zeros_like(values) for values in self._outcomes)
        for held in np.unique(self._fold):
            rows = np.flatnonzero(self._fold == held)
            other = self._fit(member.settled(), np.flatnonzero(self._fold != held))
            quality[rows], cost[rows] = other._predict(other._see(self._reading.rows(rows)))
        return quality, cost

    def stacked(self, fold: Folds) -> tuple[Matrix, Matrix]:
        """The stack's predictions (n, m) of rows that its weights did not see either."""
        quality, cost = (np.zeros_like(values) for values in self._outcomes)
        for held in np.unique(fold):
            rest, rows = fold != held, fold == held
            known = [values[rest] for values in self._outcomes]
            stack = Stack.of([q[rest] for q in self.quality], [c[rest] for c in self.cost], *known)
            means = [np.nanmean(values, axis=0) for values in known]
            quality[rows], cost[rows] = stack(
                [q[rows] for q in self.quality], [c[rows] for c in self.cost], *means
            )
        return quality, np.maximum(cost, np.nanmin(self._outcomes[1], axis=0))

    def told(self, stack: Stack) -> list[dict[str, Any]]:
        """What was tried, with its weight in the stack."""
        names = [type(member).__name__ for member in self.fitted]
        weight = dict(zip(names, stack.advantage.round(3).tolist(), strict=True))
        return [{**note, "weight": weight.get(note["router"], 0.0)} for note in self._notes]


def member_class(name: str) -> type[PredictiveRouter]:
    """The learned router of that class name, out of the public names.

    Raises:
        ConfigError: there is none.
    """
    names = public_names("shared_core")
    found = getattr(load(names[name], wanted_by=name), name) if name in names else None
    if not (isinstance(found, type) and issubclass(found, PredictiveRouter)):
        raise ConfigError(f"{name!r} is no learned router; there are {', '.join(CHEAP)} and others")
    return found


def _best_single(policy: Policy, models: tuple[str, ...], means: Matrix, unit: float) -> str:
    worth = policy(Predictions(models, means[:1], means[1:], unit))[0]
    return models[int(np.argmax(worth))]


def _verdict(found: Gain, best_single: str) -> str:
    told = (
        f"{found.mean:+.4f} utility per query (95 % {found.low:+.4f} to {found.high:+.4f}) "
        "over the best single model, on held-out rows"
    )
    return f"route: {told}" if found.is_sure else f"do not route, use {best_single}: {told}"
