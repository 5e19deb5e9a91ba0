"""What a router says: whom to ask before it can decide, and what it decided."""

from __future__ import annotations

import math
import os
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from shared_core.attempt import Attempt
from shared_core.errors import ConfigError

Cause = Literal[
    "guard",
    "policy",
    "baseline",
    "forced",
    "only_candidate",
    "default",
    "failover",
    "tool_loop",
    "sticky",
    "heard",
]

INNER: Final = "inner"
"""Key, in a decision's record, of the record of a router that was itself the chosen model."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Models whose answers the router needs before it goes on, all asked at once.

    Args:
        models: whom; one that is named twice is asked twice.
        prompt: what to ask them in place of the query, as a scorer does that asks a judge.
        cost: predicted cost per model in USD, where the router knows better than the price list.
    """

    models: tuple[str, ...]
    prompt: str | None = None
    cost: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model answered, or that it did not.

    Args:
        model: who answered.
        text: the answer as text.
        value: the framework's own object; the core only passes it on.
        in_tokens, out_tokens, cached_tokens: size of the call, when known.
        logprob: mean log-probability per generated token (nats), when known.
        entropy: mean entropy per generated token (nats), when known.
        error: what kept the model from answering; ``text`` is empty then. This is how a flow learns
            that a model it asked failed: the call goes on.
    """

    model: str
    text: str
    value: Any = field(default=None, repr=False, compare=False)
    in_tokens: int | None = None
    out_tokens: int | None = None
    logprob: float | None = None
    cached_tokens: int | None = None
    entropy: float | None = None
    error: str | None = None

    @property
    def failed(self) -> bool:
        """Whether there is no answer."""
        return self.error is not None


@dataclass(frozen=True, slots=True)
class RoutingDecision:
    """Which model to ask, and why.

    Args:
        ranking: eligible models, the best first; failover goes down this list.
        router: class name of the router that decided.
        cause: what kind of reason decided.
        reason: that reason in words.
        quality: predicted quality per model, 0..1; empty when the router predicts none.
        cost: predicted cost per model in USD; empty when the router predicts none.
        rejected: models that cannot serve the query, each with its reason.
        attempts: every call so far, in the order they ended: to decide, to score, to answer.
        answer: the answer, when one was heard while deciding.
        id: unique id of this decision, for feedback and logs.
    """

    ranking: tuple[str, ...]
    router: str
    cause: Cause
    reason: str
    quality: Mapping[str, float] = field(default_factory=dict)
    cost: Mapping[str, float] = field(default_factory=dict)
    rejected: Mapping[str, str] = field(default_factory=dict)
    attempts: tuple[Attempt, ...] = ()
    answer: Answer | None = field(default=None, repr=False)
    id: str = field(default_factory=lambda: os.urandom(8).hex())

    def __post_init__(self) -> None:
        if not self.ranking:
            raise ConfigError(f"{self.router} made a decision that ranks no model")

    @property
    def model(self) -> str:
        """The model to ask: the first of the ranking."""
        return self.ranking[0]

    @property
    def failed(self) -> tuple[Attempt, ...]:
        """The calls that gave no answer."""
        return tuple(attempt for attempt in self.attempts if attempt.is_failure)

    @property
    def usage(self) -> dict[str, float]:
        """Tokens and USD of all attempts together, as far as they are known."""
        return {
            "in_tokens": math.fsum([attempt.in_tokens or 0 for attempt in self.attempts]),
            "out_tokens": math.fsum([attempt.out_tokens or 0 for attempt in self.attempts]),
            "cost": math.fsum([attempt.cost or 0 for attempt in self.attempts]),
        }

    def attempt_of(self, model: str) -> Attempt | None:
        """The attempt in which this model answered, if it did; the last, if several."""
        heard = (one for one in reversed(self.attempts) if one.outcome == "answered")
        return next((one for one in heard if one.model == model), None)

    def after(self, model: str, attempts: tuple[Attempt, ...]) -> RoutingDecision:
        """This decision once ``model`` answered, after these attempts."""
        if model == self.model:  # every call comes here, and ``replace`` takes four times as long
            return RoutingDecision(
                self.ranking,
                self.router,
                self.cause,
                self.reason,
                self.quality,
                self.cost,
                self.rejected,
                attempts,
                self.answer,
                self.id,
            )
        later = tuple(name for name in self.ranking if name != model)
        failed = "; ".join(str(attempt) for attempt in attempts if attempt.is_failure)
        told = f"{self.reason}; then {failed or f'{model} was quicker'}"
        return replace(
            self, ranking=(model, *later), cause="failover", reason=told, attempts=attempts
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready record of the decision; holds neither the prompt nor the answer."""
        return {
            "id": self.id,
            "model": self.model,
            "ranking": list(self.ranking),
            "router": self.router,
            "cause": self.cause,
            "reason": self.reason,
            "quality": {name: round(value, 6) for name, value in self.quality.items()},
            "cost": dict(self.cost),
            "rejected": dict(self.rejected),
            "failed": [str(attempt) for attempt in self.attempts if attempt.is_failure],
            "attempts": [attempt.to_dict() for attempt in self.attempts],
            "usage": self.usage,
        }


Flow = Generator[Ask, list[Answer], RoutingDecision]
"""A router at work: yields whom to ask, is sent the answers in that order, returns its decision."""
