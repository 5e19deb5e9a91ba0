"""Routing with no outcomes at all: from prices, descriptions and a prior of difficulty.

A model's ability is read off its price, a query's demand off its words, by a prior learned from our
own prompts and from the outcomes that come with this package.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared_core.decision import Flow, RoutingDecision
from shared_core.policies.base import Policy, Predictions, check_policy
from shared_core.policies.cost_quality import CostQuality
from shared_core.pool import Candidate, ModelPool
from shared_core.query import Query
from shared_core.routers.base import Router
from shared_core.routers.no_data.abilities import (
    abilities,
    costs_that_tell,
    differ,
    fitting,
    typical_costs,
)
from shared_core.routers.no_data.asked import asked
from shared_core.routers.no_data.chat import from_chat
from shared_core.routers.no_data.demand import demand_of, is_readable
from shared_core.routers.no_data.follow_up import carried
from shared_core.routers.no_data.pieces import is_read

_STEEPNESS: Final = 8.0
_HEADROOM: Final = 0.45
_FITS: Final = 0.1
_DEAREST: Final = 10.0
"""Times the middle cost that the dearest counts for at most: else the others would cost nothing."""
_SHOWN: Final = frozenset({"vision", "audio", "pdf"})
_LEAST_OF_SHOWN: Final = 0.5
"""What is demanded with a picture and a few words, at least: it may show anything."""
_FEW_CHARACTERS: Final = 40

Vector = NDArray[np.float64]


class ColdStartRouter(Router):
    """The model whose price suggests that it can do what the query seems to demand.

    Where no prices tell the models apart, their names and descriptions do ("8b", "mini", "for hard
    problems"), and the stronger is taken to be the dearer. In a conversation, a few words demand
    what the request before them did.

    Args:
        pool: the candidates; prices, names and descriptions are all that is known of them.
        policy: what is worth it.
    """

    def __init__(
        self,
        pool: ModelPool | Iterable[Candidate | str],
        policy: Policy = CostQuality(),
    ) -> None:
        super().__init__(pool)
        check_policy(policy)
        self.policy = policy

    def flow(self, query: Query) -> Flow:
        eligible, rejected = self.pool.eligible(query)
        models = [self.pool[name] for name in eligible]
        said = from_chat(query)
        texts = asked(said.text)
        wanted, told = _wanted(texts, said)
        cost = typical_costs(models, query.input_tokens)
        fits = fitting(models, texts[0])
        telling = costs_that_tell(models, cost)
        able = abilities(models, telling) + _FITS * fits
        quality = 1 / (1 + np.exp(-_STEEPNESS * (able + _HEADROOM - wanted)))
        paid = _filled(telling)
        predicted = Predictions(eligible, quality[None], _weighed(paid)[None], _unit(paid))
        utility = self.policy.weighing(query.cost_weight)(predicted)[0]
        order = np.lexsort((paid, -utility))
        return RoutingDecision(
            tuple(eligible[i] for i in order),
            type(self).__name__,
            "policy" if len(eligible) > 1 else "only_candidate",
            f"no outcomes known: {told} against {_told_apart(models, cost, fits)}",
            quality=dict(zip(eligible, quality.tolist(), strict=True)),
            cost={one.name: float(cost[i]) for i, one in enumerate(models) if _is_priced(one)},
            rejected=rejected,
        )
        yield


def _wanted(texts: Sequence[str], query: Query) -> tuple[float, str]:
    """How much is demanded by what a query asks, and what to say of it."""
    wanted = demand_of(texts)
    if query.context and (before := carried(texts[0], query.context)) > wanted:
        return before, f"demand {before:.2f}, that of the request it goes on from,"
    is_short = sum(map(len, texts)) <= _FEW_CHARACTERS
    if is_short and query.needs & _SHOWN and wanted < _LEAST_OF_SHOWN:
        return _LEAST_OF_SHOWN, f"demand {_LEAST_OF_SHOWN:.2f}, as what is shown was not looked at,"
    doubt = ""
    if not any(map(is_readable, texts)):
        doubt = " (in doubt: hardly a word of it is known)"
    elif not all(map(is_read, texts)):
        doubt = " (in doubt: only its two ends are read)"
    return wanted, f"demand {wanted:.2f}{doubt}"


def _filled(cost: Vector) -> Vector:
    """The costs (m,), unknown ones taken for the mean of the others."""
    known = cost[np.isfinite(cost)]
    filled: Vector = np.where(np.isfinite(cost), cost, known.mean() if len(known) else 0.0)
    return filled


def _unit(paid: Vector) -> float:
    """What counts as one unit of cost: the dearest call."""
    return float(paid.max()) or 1.0


def _weighed(paid: Vector) -> Vector:
    """The costs (m,) as the policy weighs them: the dearest what it is, out of all proportion to
    none of the others, and nothing what is free."""
    if not paid.any():
        return paid
    units = paid / _unit(paid)
    middle = np.median(units) or units[units > 0].min()
    if middle >= 1 / _DEAREST:
        return paid
    weighed: Vector = units ** (np.log(_DEAREST) / -np.log(middle)) * _unit(paid)
    return weighed


def _is_priced(model: Candidate) -> bool:
    return model.cost(1, 1) is not None


def _told_apart(models: Sequence[Candidate], cost: Vector, fits: Vector) -> str:
    """What tells the models apart; where nothing does, what would."""
    if len(models) == 1:
        return "the only model that can serve"
    about = ", and descriptions that fit" if len(set(fits)) > 1 else ""
    if differ(cost):
        return f"abilities read off prices{about}"
    if differ(costs_that_tell(models, cost)):
        said = "what names and descriptions say of strength, the stronger taken to be the dearer"
        return f"{said}, as no two prices differ{about}"
    if any(one.description for one in models):
        fit = "" if about else ", none of which fits better"
        return f"descriptions alone{fit}, as no two prices differ"
    return "nothing, so the first of the pool: give the candidates prices, or descriptions that fit"
