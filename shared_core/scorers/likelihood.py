"""How sure the model was of its own words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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


def certainty_of(tokens: Any) -> tuple[float | None, float | None]:
    """Mean log-probability and mean entropy per token (nats) of an answer; None where not told.

    The entropy takes all tokens beside the likeliest ones as one, so it is a lower bound.

    Args:
        tokens: a list in the form of OpenAI's ``logprobs.content``, of mappings or objects with
            ``logprob`` and ``top_logprobs``; providers invent others, which tell nothing.
    """
    if not (tokens and isinstance(tokens, list)):
        return None, None
    tops = [_field(token, "top_logprobs") for token in tokens]
    return _mean(_logprob(token) for token in tokens), _mean(_entropy(top) for top in tops)


def _mean(values: Iterable[float | None]) -> float | None:
    known = list(values)
    whole = [value for value in known if value is not None]
    return sum(whole) / len(whole) if whole and len(whole) == len(known) else None


def _entropy(top: Any) -> float | None:
    logprobs = [_logprob(token) for token in top] if isinstance(top, list) else []
    shares = [math.exp(value) for value in logprobs if value is not None]
    if not shares or len(shares) < len(logprobs):
        return None
    shares.append(max(0.0, 1.0 - sum(shares)))
    return -sum(share * math.log(share) for share in shares if share > 0)


def _logprob(token: Any) -> float | None:
    value = _field(token, "logprob")
    return float(min(value, 0.0)) if isinstance(value, int | float) and value == value else None


def _field(thing: Any, name: str) -> Any:
    return thing.get(name) if isinstance(thing, Mapping) else getattr(thing, name, None)
