"""How sure the model was of its own words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from shared_core.decision import Answer
from shared_core.query import Query
from shared_core.scorers.base import UNKNOWN, Scorer


@dataclass(frozen=True)
class MeanLogprob(Scorer):
    """Geometric mean probability of the answer's tokens; needs a provider that reports it."""

    def score(self, query: Query, answer: Answer, others: Sequence[Answer] = ()) -> float:
        return UNKNOWN if answer.logprob is None else min(math.exp(answer.logprob), 1.0)


@dataclass(frozen=True)
class MeanEntropy(Scorer):
    """exp(-mean entropy): 1 where the model saw one way to go on, 1/k where k were as good."""

    def score(self, query: Query, answer: Answer, others: Sequence[Answer] = ()) -> float:
        return UNKNOWN if answer.entropy is None else min(math.exp(-answer.entropy), 1.0)
