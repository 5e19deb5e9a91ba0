"""Small neural networks on the texts' vectors, trained with torch, run without.

The MLP router of RouterBench (arXiv 2403.12031) and TO-Router (arXiv 2408.12320), with one hidden
layer. Several networks are averaged; each stops early on a part of the rows that the others learn
from (a cross-validation committee: Krogh and Vedelsby, 1995). That part also tells how far what the
network says of who is better than whom may be trusted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from shared_core._lazy import load
from shared_core.checks import check_above_zero, check_counts
from shared_core.encoders.base import Encoder, Vectors
from shared_core.encoders.shape import WIDTH
from shared_core.learned import Learned, declared
from shared_core.policies.base import Matrix, Policy, Predictions
from shared_core.policies.cost_quality import CostQuality
from shared_core.pool import Candidate, ModelPool
from shared_core.routers.predictive import reading
from shared_core.routers.predictive.base import PredictiveRouter, Progress
from shared_core.routers.predictive.cross_validation import Folds
from shared_core.routers.predictive.layers import Layers
from shared_core.routers.predictive.reading import Reading
from shared_core.routers.predictive.stacking import Stack

_FORM_WEIGHT: Final = 0.3
_FEWEST_PARTS: Final = 5

HeldOut = tuple[Predictions, Matrix, Matrix]


class MLPRouter(PredictiveRouter):
    """Quality and cost by networks with one hidden layer, their mean.

    ``fit`` needs torch; a trained one is loaded, predicts and is saved without.

    Args:
        pool, policy, encoder, seed: see PredictiveRouter.
        hidden: width of a network's hidden layer.
        max_epochs: most passes over the data; each network stops early.
        networks: how many are averaged, each with other rows held back.
        temperature: of soft labels to learn beside the outcomes, as in TO-Router; without, the
            outcomes alone, which was better wherever it was measured.
    """

    learned = declared(
        PredictiveRouter.learned,
        reading.SCALE,
        level_=Learned("2*models"),
        least_cost_=Learned("models"),
        first_=Learned("vector+form hidden"),
        first_bias_=Learned("hidden"),
        second_=Learned("hidden 2*models"),
        second_bias_=Learned("2*models"),
    )

    def __init__(
        self,
        pool: ModelPool | Iterable[Candidate | str],
        policy: Policy = CostQuality(),
        encoder: Encoder | None = None,
        seed: int = 0,
        hidden: int = 64,
        max_epochs: int = 60,
        networks: int = 5,
        temperature: float | None = None,
    ) -> None:
        check_counts(hidden=hidden, max_epochs=max_epochs, networks=networks)
        if temperature is not None:
            check_above_zero(temperature=temperature)
        super().__init__(pool, policy, encoder, seed)
        self.hidden = hidden
        self.max_epochs = max_epochs
        self.networks = networks
        self.temperature = temperature
        self._held_out: HeldOut | None = None

    @property
    def held_out(self) -> HeldOut | None:
        """The training rows, each as the network that did not learn from it predicts it.

        Predictions, score (n, m; NaN in rows that do not count) and cost (n, m). None before
        ``fit``, and where there are too few networks to leave every row out once.
        """
        return self._held_out

    def _trained_encoder(self, texts: Sequence[str], report: Progress) -> Encoder:
        self._with_torch("descent")  # if it is missing, that is said before anything is worked out
        return super()._trained_encoder(texts, report)

    def _see(self, reading: Reading) -> Any:
        return np.hstack([reading.vectors, reading.shape])

    def _fit(self, vectors: Any, quality: Matrix, cost: Matrix, progress: Progress) -> None:
        self.middle_, self.spread_ = reading.scale(vectors[:, -WIDTH:])
        design = self._design(vectors)
        objective = self._objective(quality, cost)
        n_parts = max(self.networks, _FEWEST_PARTS)
        part = self._folds(design, n_parts)
        networks = []
        for number in range(self.networks):
            progress(f"training network {number + 1} of {self.networks}")
            networks.append(self._trained(design, objective, part == number, number))
        self.level_ = objective.level
        self.least_cost_ = np.nanmin(cost, axis=0)
        told = self._left_out(networks, design, part) if self.networks == n_parts else None
        self._settle(Layers.mean(networks), design, told, (quality, cost))

    def _settle(
        self,
        mean: Layers,
        design: Vectors,
        left_out: Matrix | None,
        outcomes: tuple[Matrix, Matrix],
    ) -> None:
        """Bring the mean network to the level of the outcomes, and to what may be trusted of it."""
        quality, cost = outcomes
        above = np.hstack([quality, cost / self.cost_unit_]) - self.level_
        trust, self._held_out = np.eye(len(self.level_)), None
        if left_out is not None:
            told = left_out + _missing(left_out, above)
            trust = _trust(told, above)
            expected = self._outcomes(told @ trust)
            self._held_out = Predictions(self.pool.names, *expected, self.cost_unit_), *outcomes
        settled = mean.then(_missing(mean(design), above), trust)
        self.first_, self.first_bias_, self.second_, self.second_bias_ = settled

    def _predict(self, vectors: Any) -> tuple[Matrix, Matrix]:
        network = Layers(self.first_, self.first_bias_, self.second_, self.second_bias_)
        return self._outcomes(network(self._design(vectors)))

    def _outcomes(self, told: Vectors | Matrix) -> tuple[Matrix, Matrix]:
        """Quality (n, m) and cost (n, m) in USD, of what a network tells (n, 2m)."""
        quality, cost = np.split(told.astype(np.float64) + self.level_, 2, axis=1)
        return quality, np.maximum(cost * self.cost_unit_, self.least_cost_)

    def _left_out(self, networks: Sequence[Layers], design: Vectors, part: Folds) -> Matrix:
        """What networks tell (n, 2m) of the rows that they did not learn from."""
        told = np.zeros((len(design), len(self.level_)))
        for number, network in enumerate(networks):
            rows = part == number
            told[rows] = network(design[rows])
        return told

    def _design(self, seen: Vectors) -> Vectors:
        form = reading.scaled(seen[:, -WIDTH:], self.middle_, self.spread_)
        return np.hstack([seen[:, :-WIDTH], np.float32(_FORM_WEIGHT) * form])

    def _objective(self, quality: Matrix, cost: Matrix) -> Any:
        kind = self._with_torch("objective").Objective
        return kind.of(quality, cost, self.cost_unit_, self.temperature)

    def _trained(self, design: Vectors, objective: Any, held: Any, number: int) -> Layers:
        seed = self.seed * self.networks + number
        train = self._with_torch("descent").trained
        network: Layers = train(design, objective, held, self.hidden, self.max_epochs, seed)
        return network

    def _with_torch(self, module: str) -> Any:
        """A module beside this one that only training takes."""
        return load(f"shared_core.routers.predictive.{module}", f"{type(self).__name__}.fit")

    @classmethod
    def test_parameters(cls) -> Sequence[Mapping[str, Any]]:
        small = {"hidden": 16, "max_epochs": 15}
        return [{**small, "networks": 2}, {**small, "networks": 1, "temperature": 10.0}]


def _missing(told: Vectors | Matrix, outcomes: Matrix) -> Matrix:
    """What lacks on average (t,) in what was told (n, t), by outcomes (n, t); NaN is unknown."""
    lacks: Matrix = np.nanmean(outcomes - told, axis=0)
    return lacks


def _trust(told: Matrix, outcomes: Matrix) -> Matrix:
    """How far (2m, 2m) to trust what was told (n, 2m) of rows not learned from: a stack of one."""
    m = told.shape[1] // 2
    (expected, price), (quality, cost) = (np.split(one, 2, axis=1) for one in (told, outcomes))
    stack = Stack.of([expected], [price], quality, cost, np.ones_like(quality))
    advantage, shared, paid = (float(weight[0]) for weight in stack)
    found = np.diag(np.repeat([advantage, paid], m))
    found[:m, :m] += (shared - advantage) / m
    return found
