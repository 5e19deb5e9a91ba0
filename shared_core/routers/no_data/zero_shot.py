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
        reason = f"its description fits best ({fit[ranking[0]]:.2f})"
        return RoutingDecision(ranking, type(self).__name__, "policy", reason, rejected=rejected)
        yield

    def _fit(self, text: str, description: str) -> float:
        if self.encoder is not None:
            asked, told = self.encoder([text, description])
            return float(asked @ told)
        asked_words, told_words = (set(plain(one).split()) for one in (text, description))
        shared = len(asked_words & told_words) / max(len(told_words), 1)
        asked_topics, told_topics = topics(text), topics(description)
        common = sum(1 for topic in asked_topics if asked_topics[topic] and told_topics[topic])
        return shared + _TOPIC_WEIGHT * common
