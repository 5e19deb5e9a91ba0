"""Zero-shot routing: the model whose description is nearest to the query, nothing learned."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from shared_core.decision import Flow, RoutingDecision
from shared_core.encoders.base import Encoder, check_encoder
from shared_core.pool import Candidate, ModelPool
from shared_core.query import Query
from shared_core.routers.base import Router
from shared_core.routers.no_data.abilities import shared_topics
from shared_core.routers.no_data.lexicon import telling_words
from shared_core.routers.no_data.negation import told
from shared_core.routers.no_data.topics import plain, topics

_TOPIC_WEIGHT: Final = 2.0


class ZeroShotRouter(Router):
    """Ranks models by how well their description fits the query (the zero-shot line of TO-Router,
    arXiv 2408.12320).

    Args:
        pool: the candidates, with descriptions.
        encoder: a fitted encoder whose cosines compare query and description; shared words and
            topics when not given.
    """

    def __init__(
        self, pool: ModelPool | Iterable[Candidate | str], encoder: Encoder | None = None
    ) -> None:
        super().__init__(pool)
        check_encoder(encoder)
        self.encoder = encoder

    def flow(self, query: Query) -> Flow:
        eligible, rejected = self.pool.eligible(query)
        fit = {name: self._fit(query.text, self.pool[name].description) for name in eligible}
        costs = {name: self.pool[name].cost(1, 1) for name in eligible}
        price = {name: np.inf if cost is None else cost for name, cost in costs.items()}
        ranking = tuple(sorted(eligible, key=lambda name: (-fit[name], price[name], name)))
        reason = _reason(fit[ranking[0]])
        return RoutingDecision(ranking, type(self).__name__, "policy", reason, rejected=rejected)
        yield

    def _fit(self, text: str, description: str) -> float:
        if self.encoder is not None:
            asked, described = self.encoder([text, description])
            return float(asked @ described)
        claimed = telling_words(plain(told(description).claimed))
        shared = len(telling_words(plain(text)) & claimed) / max(len(claimed), 1)
        return shared + _TOPIC_WEIGHT * shared_topics(topics(text), description)


def _reason(fit: float) -> str:
    if fit > 0:
        return f"its description fits best ({fit:.2f})"
    return "no description fits, so the cheapest, or the first by name"
