"""Fine-tuning a transformer with a linear head over all models, by gradient descent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import torch

from shared_core.encoders.base import Vectors
from shared_core.encoders.fine_tuned import FineTunedEncoder, flat
from shared_core.outcomes import labels
from shared_core.policies.base import Matrix
from shared_core.routers.predictive import objective
from shared_core.routers.predictive.base import Progress
from shared_core.routers.predictive.ridge import Ridge

_HELD_BACK: Final = 0.1
_HEAD_RATE: Final = 1e-2
_HEAD_DECAY: Final = 0.1
_BATCHES_SORTED: Final = 16
_LARGEST_STEP: Final = 1.0


class Tuned(NamedTuple):
    """What came out: the encoder with new weights, and the head on its vectors and the form."""

    encoder: FineTunedEncoder
    head: Ridge


@dataclass(frozen=True)
class Tuning:
    """How to train.

    Args:
        epochs: passes over the data; the best of them on rows held back counts.
        rate: the transformer's learning rate at the start; it falls to 0.
        batch_size: texts of a step.
        temperature: of the soft labels.
        seed: of the head's order of batches and of dropout.
    """

    epochs: int
    rate: float
    batch_size: int
    temperature: float
    seed: int

    def __call__(
        self,
        encoder: FineTunedEncoder,
        texts: tuple[str, ...],
        form: Vectors,
        targets: Matrix,
        quality: Matrix,
        progress: Progress,
    ) -> Tuned:
        """Train on n texts, their form (n, s), targets (n, 2m) and quality (n, m; NaN unknown)."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            run = _Run(self, encoder, texts, form, targets, quality)
            run.descend(progress)
        weights, bias = (part.detach().double().numpy() for part in run.head.parameters())
        head = Ridge(weights.T.copy(), targets.mean(axis=0) + bias)
        return Tuned(encoder.with_weights(flat(run.network)), head)


class _Run:
    """One training run: the network, its head, and the rows."""

    def __init__(
        self,
        tuning: Tuning,
        encoder: FineTunedEncoder,
        texts: tuple[str, ...],
        form: Vectors,
        targets: Matrix,
        quality: Matrix,
    ) -> None:
        self.tuning = tuning
        self.encoder = encoder
        self.tokens = encoder.tokens(texts)
        self.network = encoder.network()
        level = targets.mean(axis=0)
        self.form, self.targets = _tensor(form), _tensor(targets - level)
        self.soft = _tensor(labels.soft(quality, tuning.temperature))
        self.level = _tensor(level)[: self.soft.shape[1]]
        width = encoder.pooled(self.network, self.tokens[:1]).shape[1] + form.shape[1]
        self.head = torch.nn.Linear(width, targets.shape[1])
        # From zero, so that the order of the models makes no difference.
        torch.nn.init.zeros_(self.head.weight)
        torch.nn.init.zeros_(self.head.bias)

    def descend(self, progress: Progress) -> None:
        """Train, and keep the epoch that did best on the rows held back."""
        order = torch.randperm(len(self.tokens)).tolist()
        n_held = max(int(len(order) * _HELD_BACK), 1)
        held, rest = order[:n_held], order[n_held:] or order
        descent = self._descent()
        steps = max(self.tuning.epochs * len(list(self._batches(rest))), 1)
        falling = torch.optim.lr_scheduler.LambdaLR(descent, lambda step: 1 - step / steps)
        best, kept = float("inf"), self._state()
        for epoch in range(self.tuning.epochs):
            self._pass(rest, descent, falling)
            reached = self._error(held)
            progress(f"epoch {epoch + 1} of {self.tuning.epochs}: held-back loss {reached:.4f}")
            if reached < best:
                best, kept = reached, self._state()
        for module, state in zip((self.network, self.head), kept, strict=True):
            module.load_state_dict(state)

    def _descent(self) -> Any:
        embeddings = getattr(self.network, "embeddings", None)
        (embeddings or self.network.get_input_embeddings()).requires_grad_(False)
        body = [one for one in self.network.parameters() if one.requires_grad]
        head = {"params": self.head.parameters(), "lr": _HEAD_RATE, "weight_decay": _HEAD_DECAY}
        return torch.optim.AdamW([{"params": body, "lr": self.tuning.rate}, head])

    def _pass(self, rows: list[int], descent: Any, falling: Any) -> None:
        self.network.train()
        for batch in self._batches([rows[i] for i in torch.randperm(len(rows)).tolist()]):
            descent.zero_grad()
            self._loss(batch).backward()
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), _LARGEST_STEP)
            descent.step()
            falling.step()

    def _error(self, rows: list[int]) -> float:
        self.network.eval()
        with torch.no_grad():
            losses = [(len(batch), float(self._loss(batch))) for batch in self._batches(rows)]
        return sum(n * one for n, one in losses) / len(rows)

    def _loss(self, rows: list[int]) -> Any:
        vectors = self.encoder.pooled(self.network, [self.tokens[i] for i in rows])
        unit = torch.nn.functional.normalize(vectors, dim=1)
        told = self.head(torch.hstack([unit, self.form[rows]]))
        temperature = self.tuning.temperature
        return objective.loss(told, self.targets[rows], self.soft[rows], self.level, temperature)

    def _batches(self, rows: list[int]) -> Iterator[list[int]]:
        """Batches of texts about equally long, so that little is padded."""
        size = self.tuning.batch_size
        for start in range(0, len(rows), size * _BATCHES_SORTED):
            near = rows[start : start + size * _BATCHES_SORTED]
            near = sorted(near, key=lambda row: len(self.tokens[row]))
            yield from (near[i : i + size] for i in range(0, len(near), size))

    def _state(self) -> list[dict[str, Any]]:
        modules = (self.network, self.head)
        return [{k: v.clone() for k, v in one.state_dict().items()} for one in modules]


def _tensor(array: Any) -> Any:
    return torch.from_numpy(np.asarray(array, np.float32))
