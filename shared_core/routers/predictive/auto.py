"""Tries the routers that the data may support, stacks what helps, and says whether to route at all.

Every member predicts rows it was not fitted on; the stack weighs those predictions (stacked
regression, Wolpert 1992, Breiman 1996) on the advantage of each model over the others.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from shared_core.checks import check_from_zero
from shared_core.encoders.base import Encoder, Vectors
from shared_core.encoders.joined import parts_of
from shared_core.errors import ArtifactError, ConfigError, DataError
from shared_core.learned import Learned, declared
from shared_core.policies.base import Matrix, Policy, Predictions
from shared_core.policies.cost_quality import CostQuality
from shared_core.pool import Candidate, ModelPool
from shared_core.routers.predictive.base import PredictiveRouter, Progress
from shared_core.routers.predictive.cross_validation import N_FOLDS, folds
from shared_core.routers.predictive.gain import Gain, gain, levels
from shared_core.routers.predictive.learnable import with_all_models
from shared_core.routers.predictive.reading import Reading
from shared_core.routers.predictive.stacking import Stack
from shared_core.routers.predictive.trial import Trial

CHEAP: Final = (
    "KNNRouter", "DomainRouter", "MatrixFactorizationRouter", "KernelRouter", "ClusterRouter",
)  # fmt: skip
"""Members tried when none are named, those that bring most for their time first."""


class HeldOut(NamedTuple):
    """Predictions of rows that were not fitted on, and how those rows went (n, m).

    ``chance`` (n, m) is how likely each outcome was to become known.
    """

    predicted: Predictions
    score: Matrix
    cost: Matrix
    chance: Matrix


class AutoRouter(PredictiveRouter):
    """A stack of base routers chosen on the training data alone.

    After ``fit``, ``leaderboard_`` tells what was tried and what it brought on held-out rows, and
    ``verdict_`` says whether to route or which single model to use instead. It chooses in either
    case; where the verdict is not to, its decisions say that in their reason.

    Args:
        pool, policy, encoder, seed: see PredictiveRouter; all members share the encoder. Of a
            JoinedEncoder each member is tried over every part.
        members: class names of learned routers, in the order of trying.
        time_budget: seconds of processor time after which no further member is tried; the first
            always is. Encoding the texts does not count, nor time that passes because a machine is
            busy: the same data would teach it something else there.
    """

    learned = declared(
        PredictiveRouter.learned,
        parts_=Learned("member", kind="i", low=0, high="part"),
        stack_=Learned("3 member"),
        means_=Learned("2 models"),
        least_cost_=Learned("models"),
    )

    def __init__(
        self,
        pool: ModelPool | Iterable[Candidate | str],
        policy: Policy = CostQuality(),
        encoder: Encoder | None = None,
        seed: int = 0,
        members: Sequence[str] = CHEAP,
        time_budget: float = 150.0,
    ) -> None:
        if not members or not isinstance(members, Sequence) or isinstance(members, str):
            raise ConfigError(f"members is a list of class names, at least one, not {members!r}")
        if time_budget != math.inf:
            check_from_zero(time_budget=time_budget)
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
        if len(set(vectors.origins)) == 1:
            raise DataError("every row has the same text: no query is left to judge routers by")
        fold = folds(vectors.origins, N_FOLDS, self.seed)
        tried = Trial(self, vectors, (quality, cost), fold, progress)
        tried.run(self.members, self.time_budget)
        unit = self.cost_unit_
        tried.keep(tried.stack().used)
        stack = tried.stack()
        predicted = Predictions(self.pool.names, *tried.stacked(fold), unit)
        self._held_out = HeldOut(predicted, quality, cost, tried.chance)
        self.fitted_ = [one.router for one in tried.members]
        self.parts_ = [one.part for one in tried.members]
        self.stack_ = stack.to_array()
        self._settle_levels(quality, cost, tried.chance)
        found = gain(predicted, quality, cost, fold, tried.chance, vectors.origins)
        self.leaderboard_ = [*tried.told(stack), {"router": "stack", **found.to_dict()}]
        self.best_single_ = _best_single(self.policy, self.pool.names, self.means_, unit)
        self.routes_ = bool(found.is_sure)
        self.verdict_ = _verdict(found, self.best_single_, tried.share_known)
        progress(self.verdict_)

    def again(self, seen: Reading, quality: Matrix, cost: Matrix) -> AutoRouter:
        """Its members again, by the weights that they have."""
        twin, pairs = self.settled(), zip(self.fitted_, self.parts_, strict=True)
        twin.cost_unit_ = self.cost_unit_
        twin.fitted_ = [one.again(seen.parts[part], quality, cost) for one, part in pairs]
        twin.parts_, twin.stack_ = self.parts_, self.stack_
        twin._settle_levels(quality, cost, np.ones_like(quality))
        return twin

    def _settle_levels(self, quality: Matrix, cost: Matrix, chance: Matrix) -> None:
        self.means_ = np.stack([levels(quality, chance), levels(cost, chance)])
        self.least_cost_ = np.nanmin(with_all_models(cost), axis=0)

    def _predict(self, vectors: Reading) -> tuple[Matrix, Matrix]:
        pairs = zip(self.fitted_, self.parts_, strict=True)
        found = [member._predict(member._see(vectors.parts[part])) for member, part in pairs]
        stack = Stack.from_array(self.stack_)
        quality, cost = stack([q for q, _ in found], [c for _, c in found], *self.means_)
        return quality, np.maximum(cost, self.least_cost_)

    def check_learned(self, **sizes: int) -> dict[str, int]:
        parts = parts_of(self.encoder_) if hasattr(self, "encoder_") else ()
        known = {"member": len(self.fitted_), **({"part": len(parts)} if parts else {})}
        found = super().check_learned(**{**known, **sizes})
        for member, part in zip(self.fitted_, self.parts_, strict=True):
            if member.pool.names != self.pool.names[: found["models"]]:
                raise ArtifactError(f"the saved {type(member).__name__} in it has another pool")
            member.check_learned(**(parts[part].sizes if parts else {}))
        return found

    def _places_width(self, sizes: Mapping[str, int]) -> int:
        heaviest = self._heaviest
        part = parts_of(self.encoder_)[self.parts_[heaviest]]
        member = self.fitted_[heaviest]
        return member._places_width(member.check_learned(**part.sizes))

    @property
    def _heaviest(self) -> int:
        """Which member has most say."""
        return int(np.argmax(Stack.from_array(self.stack_).advantage))

    def _caveat(self, model: str) -> str:
        told = super()._caveat(model)
        return told if self.routes_ else f"{told}; training did not show that routing pays"

    def _places(self, reading: Reading) -> Vectors:
        heaviest = self._heaviest
        return self.fitted_[heaviest]._places(reading.parts[self.parts_[heaviest]])

    @classmethod
    def test_parameters(cls) -> Sequence[Mapping[str, Any]]:
        return [{"members": ("LinearRouter", "NgramRouter", "ClusterRouter")}]


def _best_single(policy: Policy, models: tuple[str, ...], means: Matrix, unit: float) -> str:
    worth = policy(Predictions(models, means[:1], means[1:], unit))[0]
    return models[int(np.argmax(worth))]


def _verdict(found: Gain, best_single: str, share_known: float) -> str:
    told = (
        f"{found.mean:+.4f} utility per query (95 % {found.low:+.4f} to {found.high:+.4f}) "
        "over the best single model, on held-out rows"
    )
    if share_known < 1:
        told += f", {share_known:.0%} of whose outcomes are known"
    return f"route: {told}" if found.is_sure else f"do not route, use {best_single}: {told}"
