"""Fine-tuning a transformer by gradient descent, from a head that was fitted before.

A head that starts from nothing spoils the transformer's features while it learns; a fitted one
hardly changes them (Kumar et al., 2022, arXiv 2202.10054). The embeddings and the lower half of the
layers stay as they are: what is particular to a task lies in the upper ones (Lee et al., 2019,
arXiv 1911.03090), and they take half the time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import torch

from shared_core.encoders.base import Vectors
from shared_core.encoders.fine_tuned import FineTunedEncoder, flat
from shared_core.encoders.shape import WIDTH
from shared_core.routers.predictive import ridge
from shared_core.routers.predictive.base import Progress
from shared_core.routers.predictive.cross_validation import N_FOLDS, folds
from shared_core.routers.predictive.objective import Objective, tensor
from shared_core.routers.predictive.reading import Reading

_ALPHAS: Final = (3.0, 10.0, 30.0, 100.0, 300.0)
_WARM_UP: Final = 0.1
_HEAD_RATE: Final = 1e-3
_WEIGHT_DECAY: Final = 0.01
_BATCHES_SORTED: Final = 16
_LARGEST_STEP: Final = 1.0


@dataclass(frozen=True)
class Tuning:
    """How to fine-tune.

    Args:
        epochs: passes over the data.
        rate: the transformer's highest learning rate; it rises over the first tenth of the steps
            and falls to 0.
        batch_size: texts of a step.
        seed: of the order of batches and of dropout.
    """

    epochs: int
    rate: float
    batch_size: int
    seed: int

    def __call__(
        self,
        encoder: FineTunedEncoder,
        seen: Reading,
        design: Vectors,
        objective: Objective,
        progress: Progress,
    ) -> FineTunedEncoder:
        """The encoder with weights trained on n texts; the head it was trained with is gone.

        Args:
            encoder: where to start.
            seen: n texts.
            design: their vectors by that encoder beside their form (n, d).
            objective: of those n rows.
            progress: told each epoch's loss.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            run = _Run(self, encoder, seen, design, objective)
            for epoch in range(self.epochs):
                loss = run.epoch()
                progress(f"fine-tuning, epoch {epoch + 1} of {self.epochs}: loss {loss:.4f}")
        return encoder.with_weights(flat(run.network))


class _Run:
    """One training run: the network, its head, and the rows."""

    def __init__(
        self,
        tuning: Tuning,
        encoder: FineTunedEncoder,
        seen: Reading,
        design: Vectors,
        objective: Objective,
    ) -> None:
        self._size = tuning.batch_size
        self._encoder, self._objective = encoder, objective
        self._tokens = encoder.tokens(seen.texts)
        self._form = tensor(design[:, -WIDTH:])
        self.network = encoder.network()
        self._head = _head(design, objective, folds(seen.origins, N_FOLDS, tuning.seed))
        self._trained = _upper_half(self.network)
        groups = [{"params": self._trained, "lr": tuning.rate}]
        groups.append({"params": list(self._head.parameters()), "lr": _HEAD_RATE})
        self._descent = torch.optim.AdamW(groups, weight_decay=_WEIGHT_DECAY)
        n_steps = tuning.epochs * sum(1 for _ in self._batches(list(range(len(seen)))))
        self._pace = torch.optim.lr_scheduler.LambdaLR(self._descent, _rise_and_fall(n_steps))

    def epoch(self) -> float:
        """One pass over the rows; their mean loss."""
        self.network.train()
        total = 0.0
        for rows in self._batches(torch.randperm(len(self._tokens)).tolist()):
            self._descent.zero_grad()
            loss = self._loss(rows)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self._trained, _LARGEST_STEP)
            self._descent.step()
            self._pace.step()
            total += len(rows) * loss.item()
        return total / len(self._tokens)

    def _loss(self, rows: list[int]) -> Any:
        vectors = self._encoder.pooled(self.network, [self._tokens[i] for i in rows])
        unit = torch.nn.functional.normalize(vectors, dim=1)
        return self._objective.loss(self._head(torch.hstack([unit, self._form[rows]])), rows)

    def _batches(self, rows: list[int]) -> Iterator[list[int]]:
        """Batches of texts about equally long, so that little is padded."""
        for start in range(0, len(rows), self._size * _BATCHES_SORTED):
            near = rows[start : start + self._size * _BATCHES_SORTED]
            near = sorted(near, key=lambda row: len(self._tokens[row]))
            yield from (near[i : i + self._size] for i in range(0, len(near), self._size))


def _head(design: Vectors, objective: Objective, fold: Any) -> Any:
    """A linear head as ridge regression on the plain transformer's vectors finds it."""
    targets = objective.targets.double().numpy()
    n_targets = targets.shape[1]
    alpha = ridge.choose_alpha(design, targets, n_targets // 2, fold, _ALPHAS)
    fitted = ridge.fit(design, targets, alpha)
    head = torch.nn.Linear(design.shape[1], n_targets)
    with torch.no_grad():
        head.weight.copy_(tensor(fitted.weights.T))
        head.bias.copy_(tensor(fitted.offset))
    return head


def _upper_half(network: Any) -> list[Any]:
    """The parameters to train; the others are frozen."""
    stacks = [one for one in network.modules() if isinstance(one, torch.nn.ModuleList)]
    layers: Any = max(stacks, key=len, default=())
    embeddings = getattr(network, "embeddings", None) or network.get_input_embeddings()
    for part in (embeddings, *layers[: len(layers) // 2]):
        part.requires_grad_(False)
    return [one for one in network.parameters() if one.requires_grad]


def _rise_and_fall(n_steps: int) -> Any:
    """Step -> share of the highest rate."""
    top = max(int(_WARM_UP * n_steps), 1)
    return lambda step: min((step + 1) / top, max(n_steps - step, 0) / max(n_steps - top, 1))
