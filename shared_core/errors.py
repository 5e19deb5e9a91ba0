"""Every error this project raises on purpose.

RouterError
├── ConfigError          an argument or a file of settings makes no sense
├── PoolError            the models on offer make no sense
│   ├── UnknownModel     a name that no model of the pool has (also a KeyError)
│   └── NoEligibleModel  no model can serve this query
├── DataError            outcome data cannot be read or learned from
├── NotFitted            predict or save before fit
├── ArtifactError        a saved router cannot be trusted or does not fit here
├── AllModelsFailed      every model that was asked failed
│   ├── DeadlineExceeded the time for the call was up before one answered (also a TimeoutError)
│   └── CostCapReached   what was left to spend did not suffice for any model
├── TimedOut             one attempt took too long (also a TimeoutError)
│   └── Swamped          it was not begun: too many calls of the model hang already
├── LikelihoodFailed     a model's server did not weigh an answer
├── LiveModelFailed      a model's server did not answer the demo
└── MissingExtra         an optional package is not installed (also an ImportError)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared_core.attempt import Attempt


class RouterError(Exception):
    """Base of all errors raised by the router itself."""


class ConfigError(RouterError, ValueError):
    """An argument or a setting makes no sense."""


class PoolError(RouterError, ValueError):
    """The pool of models makes no sense."""


class UnknownModel(PoolError, KeyError):
    """No model of the pool has that name."""

    __str__ = PoolError.__str__  # a KeyError's would quote the message


class NoEligibleModel(PoolError):
    """No model of the pool can serve the query; the message names why each was rejected."""


class DataError(RouterError, ValueError):
    """Outcome data cannot be read, or nothing can be learned from them."""


class NotFitted(RouterError, RuntimeError):
    """The router has to be fitted or loaded first."""


class ArtifactError(RouterError, ValueError):
    """A saved router is damaged, of an unknown format, or made for something else."""


class AllModelsFailed(RouterError, RuntimeError):
    """Every model that was asked failed; ``attempts`` says how, in order."""

    def __init__(self, attempts: Sequence[Attempt]) -> None:
        super().__init__(attempts)
        self.attempts = tuple(attempts)

    def __str__(self) -> str:
        told = "; ".join(str(attempt) for attempt in self.attempts)
        n_models = len({attempt.model for attempt in self.attempts})
        return f"all {n_models} models that were asked failed: {told}"


class DeadlineExceeded(AllModelsFailed, TimeoutError):
    """The time for the call was up before a model answered."""

    def __str__(self) -> str:
        return super().__str__() if self.attempts else "no model was asked before the deadline"


class CostCapReached(AllModelsFailed):
    """What may be spent on the call did not suffice for a model that could still answer."""


class own_errors:  # noqa: N801 - a context manager, named as those of contextlib
    """Where every model failed, the last one's own error, with a note on how each failed.

    Frameworks and their users handle what a model raises: they retry on its rate limit, or show its
    message. AllModelsFailed is that error's ``__context__``; it stays where no model raised
    anything, and so do its kinds, which are the router's own verdicts.
    """

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if type(error) is not AllModelsFailed or (own := error.__cause__) is None:
            return
        if (told := str(error)) not in getattr(own, "__notes__", ()):
            own.add_note(told)
        error.__cause__ = None  # else each would lead to the other
        raise own from own.__cause__


class TimedOut(RouterError, TimeoutError):
    """One attempt took longer than it may; ``seconds`` is what it may, where that is known."""

    def __init__(self, message: str = "", seconds: float | None = None) -> None:
        super().__init__(message)
        self.seconds = seconds


class Swamped(TimedOut):
    """An attempt was not begun, for too many earlier ones of the same model hang."""


class LikelihoodFailed(RouterError, RuntimeError):
    """A model's server could not be reached, or did not weigh the answer it was given."""


class LiveModelFailed(RouterError, RuntimeError):
    """A model's server could not be reached, or answered with an error."""


class MissingExtra(RouterError, ImportError):
    """A feature needs an optional package that is not installed."""
