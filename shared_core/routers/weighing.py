"""Which router within weighed what a decision's models are worth, and how."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

from shared_core.decision import RoutingDecision
from shared_core.policies.base import Weighing
from shared_core.query import Query
from shared_core.routers.base import Router


@runtime_checkable
class Weigher(Protocol):
    """A router that decides by what its predictions are worth."""

    def weighing(self, query: Query) -> Weighing:
        """How it weighs for this query."""


def utilities(
    router: Router, quality: Mapping[str, float], cost: Mapping[str, float], query: Query
) -> dict[str, float]:
    """Utility of each model named in ``quality``; empty where nobody inside ``router`` weighs.

    Args:
        router: who decided; wrappers are looked into.
        quality, cost: predictions per model, such as a decision's.
        query: what was asked; its own cost weight counts.
    """
    weigher = weigher_of(router)
    return {} if weigher is None or not quality else weigher.weighing(query)(quality, cost)


def weigher_of(router: Router) -> Weigher | None:
    """The router that weighs, of ``router`` and those it wraps; of several the outermost."""
    return next((one for one in within(router) if isinstance(one, Weigher)), None)


def who_weighed(router: Router, decision: RoutingDecision) -> Weigher | None:
    """The router that weighs, where nothing but its weighing led to this decision of ``router``.

    None where somebody else decided by what it said, such as a guard; where answers were heard; and
    where its costs were replaced.
    """
    weigher = weigher_of(router)
    is_its_own = decision.cause == "policy" and decision.router == type(weigher).__name__
    return weigher if is_its_own else None


def within(router: Router) -> Iterator[Router]:
    """The router and those it wraps, the outermost first."""
    found: Any = router
    while isinstance(found, Router):
        yield found
        found = getattr(found, "inner", None)
