"""One call of a model, as the books have it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

Outcome = Literal["answered", "failed", "skipped", "cancelled"]
Purpose = Literal["answer", "score"]

_DEEPEST: Final = 5


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call of a model, or a call that was not made.

    The error's message is left out on purpose: providers quote keys and prompts in theirs.

    Args:
        model: whose.
        error: kind of error, or why it was not asked; None when it answered.
        status: HTTP status of the error, if it has one.
        outcome: ``cancelled`` when another was quicker; ``skipped`` when the model was not asked.
        purpose: ``score`` when the model was asked to judge an answer.
        in_tokens, out_tokens: size of the call, when known; not known of streams.
        cost: in USD, when tokens and prices are known.
        seconds: until the answer, or a stream's first piece.
    """

    model: str
    error: str | None = None
    status: int | None = None
    outcome: Outcome = "failed"
    purpose: Purpose = "answer"
    in_tokens: int | None = None
    out_tokens: int | None = None
    cost: float | None = None
    seconds: float | None = None

    @property
    def is_failure(self) -> bool:
        """Whether the model was to be asked and gave no answer."""
        return self.outcome in ("failed", "skipped")

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, without what is not known."""
        names = self.__slots__
        return {n: value for n in names if (value := getattr(self, n)) is not None}

    def __str__(self) -> str:
        return f"{self.model}: {self.error}" + (f" {self.status}" if self.status else "")


def read(holder: object, name: str) -> Any:
    """An attribute of somebody else's error; None where there is none or reading it fails."""
    try:
        return getattr(holder, name, None)
    except Exception:  # noqa: BLE001 - a property can raise anything
        return None


def chain(error: BaseException) -> Iterator[BaseException]:
    """The error, and those that it was raised from: libraries wrap what providers raise."""
    found: BaseException | None = error
    for _ in range(_DEEPEST):
        if found is None:
            return
        yield found
        found = found.__cause__


def status_of(error: BaseException) -> int | None:
    """The HTTP status of a failure that an error tells, in one of the places libraries put it."""
    for one in chain(error):
        response = read(one, "response")
        aws = _of(_of(response, "ResponseMetadata"), "HTTPStatusCode")
        places = read(one, "status_code"), read(response, "status_code"), aws, read(one, "code")
        for status in places:
            if isinstance(status, int) and 400 <= status < 600:  # a stream fails after its 200
                return int(status)
    return None


def words_of(error: BaseException) -> str:
    """What libraries call an error: its kinds and codes, in small letters and without ``_``."""
    found: list[str] = []
    for one in chain(error):
        aws = _of(_of(read(one, "response"), "Error"), "Code")
        codes = *(read(one, name) for name in ("code", "type", "error_code", "status")), aws
        found += [kind.__name__ for kind in type(one).__mro__]
        found += [code for code in codes if isinstance(code, str)]
    return " ".join(found).replace("_", "").lower()


def _of(holder: object, name: str) -> Any:
    return holder.get(name) if isinstance(holder, Mapping) else None


def told_of(error: BaseException) -> tuple[str, int | None]:
    """What an attempt says of the error it ended in: its kind, and its HTTP status, if any."""
    return type(error).__name__, status_of(error)
