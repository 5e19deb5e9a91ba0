"""What a router says: whom to ask before it can decide, and what it decided."""

from __future__ import annotations

import secrets
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

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
]


@dataclass(frozen=True, slots=True)
class Ask:
    """Models whose answers the router needs before it goes on."""

    models: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model answered.

    Args:
        model: who answered.
        text: the answer as text.
        value: the framework's own object; the core only passes it on.
        in_tokens, out_tokens: size of the call, when known.
        logprob: mean log-probability per generated token (nats), when known.
    """

    model: str
    text: str
    value: Any = field(default=None, repr=False, compare=False)
    in_tokens: int | None = None
    out_tokens: int | None = None
    logprob: float | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """A call that failed: whose, and what kind of error.

    The error's message is left out on purpose: providers quote keys and prompts in theirs.
    """

    model: str
    error: str
    status: int | None = None

    @classmethod
    def of(cls, model: str, error: BaseException) -> Attempt:
        status = getattr(error, "status_code", None)
        return cls(model, type(error).__name__, status if isinstance(status, int) else None)

    def __str__(self) -> str:
        return f"{self.model}: {self.error}" + (f" {self.status}" if self.status else "")


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
        failed: calls that failed before one succeeded.
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
    failed: tuple[Attempt, ...] = ()
    answer: Answer | None = field(default=None, repr=False)
    id: str = field(default_factory=lambda: secrets.token_hex(8))

    def __post_init__(self) -> None:
        if not self.ranking:
            raise ConfigError(f"{self.router} made a decision that ranks no model")

    @property
    def model(self) -> str:
        """The model to ask: the first of the ranking."""
        return self.ranking[0]

    def after_failover(self, model: str, failed: tuple[Attempt, ...]) -> RoutingDecision:
        """This decision once ``model`` answered in place of those that failed."""
        if not failed:
            return self
        later = tuple(name for name in self.ranking if name != model)
        told = f"{self.reason}; then {'; '.join(map(str, failed))}"
        return replace(self, ranking=(model, *later), cause="failover", reason=told, failed=failed)

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
            "failed": [str(attempt) for attempt in self.failed],
        }


Flow = Generator[Ask, list[Answer], RoutingDecision]
"""A router at work: yields whom to ask, is sent the answers in that order, returns its decision."""
