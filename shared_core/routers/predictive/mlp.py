"""Small neural networks on the texts' vectors, trained with torch, run with numpy.

The MLP router of RouterBench (arXiv 2403.12031) and TO-Router (arXiv 2408.12320), with one hidden
layer. Several networks are averaged; each stops early on a part of the rows that the others learn
from (a cross-validation committee: Krogh and Vedelsby, 1995).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import torch

from shared_core.encoders.base import Encoder, Vectors
from shared_core.encoders.shape import WIDTH
from shared_core.errors import ConfigError
from shared_core.policies.base import Matrix, Policy, Predictions
from shared_core.policies.cost_quality import CostQuality
from shared_core.pool import Candidate, ModelPool
from shared_core.routers.predictive import reading
from shared_core.routers.predictive.base import PredictiveRouter, Progress
from shared_core.routers.predictive.cross_validation import Folds, folds
from shared_core.routers.predictive.objective import Objective, tensor
from shared_core.routers.predictive.reading import Reading

_FORM_WEIGHT: Final = 0.3
_FEWEST_PARTS: Final = 5
_PATIENCE: Final = 8
_LARGEST_BATCH: Final = 64
_STEPS_PER_EPOCH: Final = 8
_DROPOUT: Final = 0.5
_WEIGHT_DECAY: Final = 0.3
_RATE: Final = 1e-3


HeldOut = tuple[Predictions, Matrix, Matrix]


class MLPRouter(PredictiveRouter):
    """Quality and cost by networks with one hidden layer, their mean.

    Args:
        pool, policy, encoder, seed: see PredictiveRouter.
        hidden: width of a network's hidden layer.
        max_epochs: most passes over the data; each network stops early.
        networks: how many are averaged, each with other rows held back.
        temperature: of soft labels to learn beside the outcomes, as in TO-Router; without, the
            outcomes alone, which was better wherever it was measured.
    """

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
        if min(hidden, max_epochs, networks) < 1:
            raise ConfigError("hidden, max_epochs and networks count from 1 up")
        if temperature is not None and temperature <= 0:
            raise ConfigError(f"temperature is a number above 0, not {temperature}")
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

    def _see(self, reading: Reading) -> Any:
        return np.hstack([reading.vectors, reading.shape])

    def _fit(self, vectors: Any, quality: Matrix, cost: Matrix, progress: Progress) -> None:
        self.middle_, self.spread_ = reading.scale(vectors[:, -WIDTH:])
        design = self._design(vectors)
        objective = Objective.of(quality, cost, self.cost_unit_, self.temperature)
        n_parts = max(self.networks, _FEWEST_PARTS)
        part = folds([row.tobytes() for row in design], n_parts, self.seed)
        networks = []
        for number in range(self.networks):
            progress(f"training network {number + 1} of {self.networks}")
            networks.append(self._trained(design, objective, part == number, number))
        self._join(networks)
        self.level_ = objective.level
        self.least_cost_ = np.nanmin(cost, axis=0)
        whole = self.networks == n_parts
        predicted = self._left_out(networks, design, part)
        self._held_out = (predicted, quality, cost) if whole else None

    def _predict(self, vectors: Any) -> tuple[Matrix, Matrix]:
        hidden = np.maximum(self._design(vectors) @ self.first_ + self.first_bias_, 0)
        return self._outcomes(hidden @ self.second_ + self.second_bias_)

    def _outcomes(self, told: Vectors) -> tuple[Matrix, Matrix]:
        """Quality (n, m) and cost (n, m) in USD, of what a network tells (n, 2m)."""
        quality, cost = np.split(told.astype(np.float64) + self.level_, 2, axis=1)
        return quality, np.maximum(cost * self.cost_unit_, self.least_cost_)

    def _left_out(self, networks: Sequence[Any], design: Vectors, part: Folds) -> Predictions:
        told = np.zeros((len(design), len(self.level_)), np.float32)
        with torch.inference_mode():
            for number, network in enumerate(networks):
                rows = part == number
                told[rows] = network(tensor(design[rows])).numpy()
        return Predictions(self.pool.names, *self._outcomes(told), self.cost_unit_)

    def _design(self, seen: Vectors) -> Vectors:
        form = reading.scaled(seen[:, -WIDTH:], self.middle_, self.spread_)
        return np.hstack([seen[:, :-WIDTH], np.float32(_FORM_WEIGHT) * form])

    def _trained(self, design: Vectors, objective: Objective, held: Any, number: int) -> Any:
        """A network that stopped where it did best on the rows held back (n,), a mask."""
        # With too few rows to hold some back, all of them do both.
        are_few = held.all() or not held.any()
        rest = np.ones_like(held) if are_few else ~held
        judged = rest if are_few else held
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed * self.networks + number)
            network = _network(design.shape[1], self.hidden, len(objective.level))
            rows = [torch.from_numpy(np.flatnonzero(mask)) for mask in (rest, judged)]
            return _descend(network, tensor(design), objective, rows, self.max_epochs)

    def _join(self, networks: Sequence[Any]) -> None:
        """The mean of several networks is one network with their hidden layers side by side."""
        firsts, seconds = [one[0] for one in networks], [one[-1] for one in networks]
        self.first_ = np.vstack([_array(one.weight) for one in firsts]).T.copy()
        self.first_bias_ = np.hstack([_array(one.bias) for one in firsts])
        self.second_ = np.hstack([_array(one.weight) for one in seconds]).T.copy() / len(networks)
        self.second_bias_ = np.mean([_array(one.bias) for one in seconds], axis=0)

    @classmethod
    def test_parameters(cls) -> Sequence[Mapping[str, Any]]:
        return [{"hidden": 16, "networks": 2}, {"hidden": 16, "networks": 1, "temperature": 10.0}]


def _network(width: int, hidden: int, n_targets: int) -> Any:
    last = torch.nn.Linear(hidden, n_targets)
    # From zero, so that the order of the models makes no difference.
    torch.nn.init.zeros_(last.weight)
    torch.nn.init.zeros_(last.bias)
    first = torch.nn.Linear(width, hidden)
    return torch.nn.Sequential(first, torch.nn.ReLU(), torch.nn.Dropout(_DROPOUT), last)


def _descend(
    network: Any, x: Any, objective: Objective, parts: Sequence[Any], max_epochs: int
) -> Any:
    rest, held = parts
    size = int(np.clip(len(rest) // _STEPS_PER_EPOCH, 1, _LARGEST_BATCH))
    descent = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=_WEIGHT_DECAY)
    best, kept, waited = float("inf"), _copy(network), 0
    for _ in range(max_epochs):
        network.train()
        for rows in torch.split(rest[torch.randperm(len(rest))], size):
            descent.zero_grad()
            objective.loss(network(x[rows]), rows).backward()
            descent.step()
        network.eval()
        with torch.no_grad():
            reached = float(objective.loss(network(x[held]), held))
        waited = 0 if reached < best else waited + 1
        if not waited:
            best, kept = reached, _copy(network)
        if waited >= _PATIENCE:
            break
    network.load_state_dict(kept)
    return network


def _copy(network: Any) -> dict[str, Any]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def _array(tensor: Any) -> Vectors:
    values: Vectors = tensor.detach().numpy().astype(np.float32)
    return values
