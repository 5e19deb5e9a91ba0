"""What the networks are trained to: who is better than whom, and at what cost."""

from __future__ import annotations

from typing import Any, Final, NamedTuple, Self

import numpy as np
import torch

from shared_core.outcomes import labels
from shared_core.policies.base import Matrix

_SOFT_SHARE: Final = 0.02
_SHARED: Final = 0.1


class Objective(NamedTuple):
    """Squared error of advantage and cost; with a temperature, cross-entropy with soft labels, too.

    Args:
        level: mean (2m,) of each model's quality and of each one's cost in units; networks tell
            what is above it.
        targets: quality and cost (n, 2m) above the level, a tensor; 0 where unknown.
        known: 1 where the target is known, else 0 (n, 2m), a tensor.
        soft: soft labels (n, m), see ``labels.soft``, a tensor; None without a temperature.
        temperature: of the soft labels.
    """

    level: Matrix
    targets: Any
    known: Any
    soft: Any
    temperature: float | None

    @classmethod
    def of(cls, quality: Matrix, cost: Matrix, cost_unit: float, temperature: float | None) -> Self:
        """From quality (n, m) and cost (n, m) in USD; NaN is unknown."""
        outcomes = np.hstack([quality, cost / cost_unit])
        known, level = np.isfinite(outcomes), np.nanmean(outcomes, axis=0)
        targets = tensor(np.where(known, outcomes - level, 0.0))
        soft = None if temperature is None else tensor(labels.soft(quality, temperature))
        return cls(level, targets, tensor(known), soft, temperature)

    def loss(self, told: Any, rows: Any) -> Any:
        """The mean loss of what a network tells (k, 2m) of these rows (k,), as a tensor."""
        m = self.targets.shape[1] // 2
        known = self.known[rows]
        missed = (told - self.targets[rows]) * known
        quality = missed[:, :m]
        shared = quality.sum(dim=1, keepdim=True) / m  # unknown ones count as told right
        # Who is better than whom counts, how hard a query is hardly.
        apart = (((quality - shared) * known[:, :m]) ** 2).mean() + _SHARED * (shared**2).mean()
        error = apart + (missed[:, m:] ** 2).mean()
        return error if self.soft is None else error + self._soft_loss(told[:, :m], rows)

    def _soft_loss(self, told: Any, rows: Any) -> Any:
        logit = self.temperature * (told + tensor(self.level)[: told.shape[1]])
        return _SOFT_SHARE * torch.nn.functional.cross_entropy(logit, self.soft[rows])


def tensor(array: Any) -> Any:
    """The array as a float32 tensor."""
    return torch.from_numpy(np.asarray(array, np.float32))
