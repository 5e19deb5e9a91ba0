"""What routers that hear answers share: who may be asked, what was heard, what comes of it."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from shared_core.decision import Answer, Ask, Flow, RoutingDecision
from shared_core.errors import ConfigError
from shared_core.pool import Candidate, ModelPool
from shared_core.query import Query
from shared_core.routers.base import Router
from shared_core.scorers.base import Scorer

Hearing = Generator[Ask, list[Answer], list[Answer]]


@dataclass
class Heard:
    """What one query has heard so far.

    Args:
        query: what is asked.
        ranking: who may be asked, the first choice first.
        rejected: who may not, and why.
    """

    query: Query
    ranking: tuple[str, ...]
    rejected: Mapping[str, str]
    answers: list[Answer] = field(default_factory=list)
    scores: dict[str, float] = field(default_factory=dict)
    unjudged: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)

    def note(self, answers: Sequence[Answer]) -> list[Answer]:
        """Keep what was answered, and who failed; the answers that are there."""
        fresh = [answer for answer in answers if not answer.failed]
        self.answers += fresh
        self.failed |= {answer.model for answer in answers} - {answer.model for answer in fresh}
        return fresh

    @property
    def best(self) -> Answer | None:
        """The answer of the highest score; the first of equals; None when nobody answered."""
        return max(self.answers, key=lambda one: self.scores[one.model], default=None)

    @property
    def next_choice(self) -> str:
        """The first choice of those that have not failed; of all, where each has."""
        return min(self.ranking, key=self.failed.__contains__)

    def told(self, model: str) -> float:
        """What its answer scored; NaN where the scorer could not tell."""
        return math.nan if model in self.unjudged else self.scores[model]

    def order(self, first: str) -> tuple[str, ...]:
        """``first``, then the answers that are there, the best first, then those not asked.

        Who was asked and failed comes last.
        """
        by_score = sorted(self.scores, key=lambda name: -self.scores[name])
        others = sorted(self.ranking, key=self.failed.__contains__)
        return tuple(dict.fromkeys((first, *by_score, *others)))


class ListeningRouter(Router):
    """A router that asks before it chooses. Subclasses write ``listen``.

    Args:
        pool: the candidates.
        scorer: how good an answer is; one it cannot judge counts as 0.
        inner: whose ranking says who comes first; by price when not given.

    Raises:
        ConfigError: the scorer is none, or the inner router has models that the pool has not.
    """

    def __init__(
        self,
        pool: ModelPool | Iterable[Candidate | str],
        scorer: Scorer,
        inner: Router | None = None,
    ) -> None:
        super().__init__(pool)
        if not isinstance(scorer, Scorer):
            told = getattr(scorer, "__name__", type(scorer).__name__)
            raise ConfigError(f"{told} is no Scorer: give an instance of one, such as Agreement()")
        if inner is not None and (strange := sorted(set(inner.pool) - set(self.pool))):
            raise ConfigError(
                f"inner may choose {', '.join(strange)}; the pool has {', '.join(self.pool)}: "
                "give both the same pool"
            )
        self.scorer = scorer
        self.inner = inner

    @property
    def is_quick(self) -> bool:
        return self.scorer.is_quick and (self.inner is None or self.inner.is_quick)

    @abstractmethod
    def listen(self, heard: Heard) -> Flow:
        """Ask, and decide; ``heard`` keeps what is said."""

    def flow(self, query: Query) -> Flow:
        heard = yield from self.begin(query)
        return (yield from self.listen(heard))

    def begin(self, query: Query) -> Generator[Ask, list[Answer], Heard]:
        """Who may be asked, and in which order."""
        eligible, rejected = self.pool.eligible(query)
        if self.inner is None:
            names = tuple(name for name in self.pool.by_price() if name in eligible)
            return Heard(query, names, rejected)
        inner = yield from self.inner.flow(query)
        return Heard(query, inner.ranking, inner.rejected)

    def hear(self, heard: Heard, models: Sequence[str]) -> Hearing:
        """Ask these, score those that answer beside all answers so far; the new answers."""
        answers = yield Ask(tuple(models))
        fresh = heard.note(answers)
        for answer in fresh:
            score = yield from self.scorer.flow(heard.query, answer, heard.answers)
            heard.scores[answer.model] = 0.0 if math.isnan(score) else score
            if math.isnan(score):
                heard.unjudged.add(answer.model)
        return fresh

    def decision(
        self, heard: Heard, model: str, reason: str, answer: Answer | None = None
    ) -> RoutingDecision:
        """The decision for a model; its answer is known when it was heard."""
        return RoutingDecision(
            heard.order(model),
            type(self).__name__,
            "heard" if heard.answers else "policy",
            reason,
            quality=dict(heard.scores),
            rejected=heard.rejected,
            answer=answer,
        )
