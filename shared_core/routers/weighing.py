"""What a decision's models are worth, by the policy of the router that predicted them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from shared_core.policies.base import Predictions
from shared_core.query import Query
from shared_core.routers.base import Router
from shared_core.routers.predictive.base import PredictiveRouter
from shared_core.routers.token_cost import TokenCostRouter


def utilities(
    router: Router, quality: Mapping[str, float], cost: Mapping[str, float], query: Query
) -> dict[str, float]:
    """Utility of each model named in ``quality``; empty where nobody inside ``router`` weighs.

    Args:
        router: who decided; wrappers are looked into.
        quality, cost: predictions per model, such as a decision's.
        query: what was asked; its own cost weight counts.
    """
    weigher = _weigher(router)
    if weigher is None or not quality:
        return {}
    models = tuple(quality)
    expected, price = (np.array([[told[name] for name in models]]) for told in (quality, cost))
    policy = weigher.policy.weighing(query.cost_weight)
    worth = policy(Predictions(models, expected, price, weigher.cost_unit_))[0]
    return dict(zip(models, worth.tolist(), strict=True))


def counts_cached(router: Router) -> bool:
    """Whether the costs that ``router`` decides by know already what the last model has cached."""
    return any(isinstance(one, TokenCostRouter) for one in _within(router))


def _weigher(router: Router) -> PredictiveRouter | None:
    """The router inside that weighs quality against cost, if one does."""
    return next((one for one in _within(router) if isinstance(one, PredictiveRouter)), None)


def _within(router: Router) -> Iterator[Router]:
    """The router and those it wraps, the outermost first."""
    found: Any = router
    while isinstance(found, Router):
        yield found
        found = getattr(found, "inner", None)
