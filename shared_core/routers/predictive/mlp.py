"""A small neural network on the texts' vectors, trained with torch, run with numpy.

The MLP router of TO-Router (arXiv 2408.12320) and RouterBench (arXiv 2403.12031): one hidden layer,
soft labels (softmax at temperature 10 over the models' scores) beside the scores themselves, and
early stopping on rows held back, without which it falls below the best single model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import torch

from shared_core.encoders.base import Encoder, Vectors
from shared_core.encoders.shape import WIDTH
from shared_core.errors import ConfigError
from shared_core.outcomes import labels
from shared_core.policies.base import Matrix, Policy
from shared_core.policies.cost_quality import CostQuality
from shared_core.pool import Candidate, ModelPool
from shared_core.routers.predictive import objective, reading, ridge
from shared_core.routers.predictive.base import PredictiveRouter, Progress
from shared_core.routers.predictive.reading import Reading

_FORM_WEIGHT: Final = 0.3
_HELD_BACK: Final = 0.15
_PATIENCE: Final = 8
_BATCH: Final = 64
_DROPOUT: Final = 0.5
_WEIGHT_DECAY: Final = 0.3
_RATE: Final = 1e-3


class MLPRouter(PredictiveRouter):
    """Quality and cost by a network with one hidden layer.

    Args:
        pool, policy, encoder, seed: see PredictiveRouter.
        hidden: width of the hidden layer.
        epochs: most passes over the data; it stops early.
        temperature: of the soft labels.
        networks: how many are averaged, each with other rows held back.
    """

    def __init__(
        self,
        pool: ModelPool | Iterable[Candidate | str],
        policy: Policy = CostQuality(),
        encoder: Encoder | None = None,
        seed: int = 0,
        hidden: int = 64,
        epochs: int = 60,
        temperature: float = 10.0,
        networks: int = 4,
    ) -> None:
        if min(hidden, epochs, networks) < 1 or temperature <= 0:
            raise ConfigError("hidden, epochs and networks count from 1 up, temperature is above 0")
        super().__init__(pool, policy, encoder, seed)
        self.hidden = hidden
        self.epochs = epochs
        self.temperature = temperature
        self.networks = networks

    def _see(self, reading: Reading) -> Vectors:
        return np.hstack([reading.vectors, reading.shape])

    def _fit(self, vectors: Vectors, quality: Matrix, cost: Matrix, progress: Progress) -> None:
        progress("training the network")
        self.middle_, self.spread_ = reading.scale(vectors[:, -WIDTH:])
        design = self._design(vectors)
        targets = ridge.filled(quality, cost, self.cost_unit_)
        self.level_ = targets.mean(axis=0)
        soft = labels.soft(quality, self.temperature)
        networks = [
            self._trained(design, targets - self.level_, soft, self.level_, number)
            for number in range(self.networks)
        ]
        # The mean of several networks is one network with their hidden layers side by side.
        firsts, seconds = [one[0] for one in networks], [one[3] for one in networks]
        self.first_ = np.vstack([_array(one.weight) for one in firsts]).T.copy()
        self.first_bias_ = np.hstack([_array(one.bias) for one in firsts])
        self.second_ = np.hstack([_array(one.weight) for one in seconds]).T.copy() / self.networks
        self.second_bias_ = np.mean([_array(one.bias) for one in seconds], axis=0)
        self.least_cost_ = np.nanmin(cost, axis=0)

    def _predict(self, vectors: Vectors) -> tuple[Matrix, Matrix]:
        hidden = np.maximum(self._design(vectors) @ self.first_ + self.first_bias_, 0)
        found = (hidden @ self.second_ + self.second_bias_).astype(np.float64) + self.level_
        quality, cost = np.split(found, 2, axis=1)
        return quality, np.maximum(cost * self.cost_unit_, self.least_cost_)

    def _design(self, seen: Vectors) -> Vectors:
        form = reading.scaled(seen[:, -WIDTH:], self.middle_, self.spread_)
        return np.hstack([seen[:, :-WIDTH], np.float32(_FORM_WEIGHT) * form])

    def _trained(
        self, design: Vectors, targets: Matrix, soft: Matrix, level: Matrix, number: int
    ) -> Any:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed * self.networks + number)
            last = torch.nn.Linear(self.hidden, targets.shape[1])
            # From zero, so that the order of the models makes no difference.
            torch.nn.init.zeros_(last.weight)
            torch.nn.init.zeros_(last.bias)
            first = torch.nn.Linear(design.shape[1], self.hidden)
            steps = (first, torch.nn.ReLU(), torch.nn.Dropout(_DROPOUT), last)
            network = torch.nn.Sequential(*steps)
            arrays = (design, targets, soft)
            x, y, q = (torch.from_numpy(np.asarray(a, np.float32)) for a in arrays)
            base = torch.from_numpy(np.asarray(level, np.float32))
            return self._descend(network, x, y, q, base)

    def _descend(self, network: Any, x: Any, y: Any, q: Any, base: Any) -> Any:
        level = base[: q.shape[1]]
        order = torch.randperm(len(x))
        n_held = max(int(len(x) * _HELD_BACK), 1)
        held, rest = order[:n_held], order[n_held:]
        descent = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=_WEIGHT_DECAY)

        def loss(rows: Any) -> Any:
            return objective.loss(network(x[rows]), y[rows], q[rows], level, self.temperature)

        best, kept, waited = float("inf"), _copy(network), 0
        for _ in range(self.epochs):
            network.train()
            for rows in torch.split(rest[torch.randperm(len(rest))], _BATCH):
                descent.zero_grad()
                loss(rows).backward()
                descent.step()
            network.eval()
            with torch.no_grad():
                reached = float(loss(held))
            waited = 0 if reached < best else waited + 1
            if not waited:
                best, kept = reached, _copy(network)
            if waited >= _PATIENCE:
                break
        network.load_state_dict(kept)
        return network.eval()

    @classmethod
    def test_parameters(cls) -> Sequence[Mapping[str, Any]]:
        return [{"hidden": 16, "epochs": 40, "networks": 2}]


def _copy(network: Any) -> dict[str, Any]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def _array(tensor: Any) -> Vectors:
    values: Vectors = tensor.detach().numpy().astype(np.float32)
    return values
