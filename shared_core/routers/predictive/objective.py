"""What the networks are trained to: who is better than whom, and at what cost."""

from __future__ import annotations

from typing import Any, Final

import torch

_SOFT_SHARE: Final = 0.02
_SHARED: Final = 0.1


def loss(told: Any, targets: Any, soft: Any, level: Any, temperature: float) -> Any:
    """Squared error of advantage and cost, and a little cross-entropy with the soft labels.

    Args:
        told: the network's output (n, 2m): quality and cost, each less its mean ``level``.
        targets: what it should be (n, 2m).
        soft: soft labels (n, m), see ``labels.soft``.
        level: mean quality of each model (m,).
        temperature: of the soft labels.
    """
    m = soft.shape[1]
    logit = temperature * (told[:, :m] + level)
    cross_entropy = torch.nn.functional.cross_entropy(logit, soft)
    missed = told - targets
    shared = missed[:, :m].mean(dim=1, keepdim=True)
    # Who is better than whom counts, how hard a query is hardly.
    apart = ((missed[:, :m] - shared) ** 2).mean() + _SHARED * (shared**2).mean()
    return apart + (missed[:, m:] ** 2).mean() + _SOFT_SHARE * cross_entropy
