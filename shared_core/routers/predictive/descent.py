"""Training a network with one hidden layer by gradient descent, in torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch

from shared_core.encoders.base import Vectors
from shared_core.routers.predictive.layers import Layers
from shared_core.routers.predictive.objective import Objective, tensor

_PATIENCE: Final = 8
_LARGEST_BATCH: Final = 64
_STEPS_PER_EPOCH: Final = 8
_DROPOUT: Final = 0.5
_WEIGHT_DECAY: Final = 0.3
_RATE: Final = 1e-3


def trained(
    design: Vectors, objective: Objective, held: Any, hidden: int, max_epochs: int, seed: int
) -> Layers:
    """A network that stopped where it did best on the rows held back.

    Args:
        design: what it sees (n, d).
        objective: what it learns of those n rows.
        held: (n,), true for rows that are held back.
        hidden: width of the hidden layer.
        max_epochs: most passes over the other rows.
        seed: of its first weights, of the order of rows and of dropout.
    """
    # With too few rows to hold some back, all of them do both.
    are_few = held.all() or not held.any()
    rest = np.ones_like(held) if are_few else ~held
    judged = rest if are_few else held
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _network(design.shape[1], hidden, len(objective.level))
        rows = [torch.from_numpy(np.flatnonzero(mask)) for mask in (rest, judged)]
        return _layers(_descend(network, tensor(design), objective, rows, max_epochs))


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


def _layers(network: Any) -> Layers:
    first, last = network[0], network[-1]
    parameters = (first.weight.T, first.bias, last.weight.T, last.bias)
    return Layers(*(np.ascontiguousarray(one.detach().numpy()) for one in parameters))
