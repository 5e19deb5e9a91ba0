"""What both frameworks' adapters have in common, as tests see it: one protocol, two fixtures.

A behaviour is written once, against ``Chat``; each adapter says how it makes one over its doubles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from shared_core import Query, Router

FORMS = ("ask", "aask", "stream", "astream")
SECRET = "sk-sentinel"


@dataclass(frozen=True)
class Behaviour:
    """How a model's double behaves.

    Args:
        fail: what it raises, before it says anything or, ``late``, after its first piece.
        hangs: its asynchronous forms never answer.
        logprobs: of its answer's tokens, which its provider reports beside the answer.
    """

    fail: BaseException | None = None
    late: bool = False
    hangs: bool = False
    logprobs: Sequence[float] = ()


def openai_logprobs(logprobs: Sequence[float]) -> dict[str, Any]:
    """A choice's ``logprobs`` as OpenAI's API tells them: each token beside the likeliest two."""

    def told(value: float) -> dict[str, Any]:
        return {"token": "x", "logprob": value, "bytes": []}

    return {"content": [{**told(v), "top_logprobs": [told(v), told(v - 3)]} for v in logprobs]}


@dataclass(frozen=True)
class Said:
    """A message of a test's conversation.

    Args:
        role: ``user``, ``system`` or ``tool``; models speak in ``Reply``.
        text: what is said.
        picture: shows one, too.
        answers: the tool call that a ``tool`` message answers.
    """

    role: str
    text: str
    picture: bool = False
    answers: str | None = None


@dataclass(frozen=True)
class Reply:
    """What came back.

    Args:
        text: the answer.
        record: the decision's record on it; on a stream, on what its pieces add up to.
        calls: ids of its tool calls.
        message: the framework's own message, for the next turn.
        pieces: how many there were.
    """

    text: str
    record: Mapping[str, Any] | None
    calls: tuple[str, ...]
    message: Any = field(repr=False)
    pieces: int = 1


class Chat(Protocol):
    """A router of an adapter, over doubles."""

    options: ClassVar[frozenset[str]]
    """Options of the adapter's class."""

    @classmethod
    def of(cls, router: Router, models: Mapping[str, Behaviour], **options: Any) -> Chat:
        """The adapter's router over a double for each name."""

    async def reply(
        self,
        form: str,
        history: Sequence[Said | Reply],
        *,
        tools: bool = False,
        forced: str | None = None,
        **wishes: Any,
    ) -> Reply:
        """The answer in one of ``FORMS``; ``tools`` offers one tool, ``weather``.

        ``wishes`` are fields of the query that hold for this call.
        """

    def query(self, history: Sequence[Said | Reply], *, tools: bool = False) -> Query:
        """What the router is given to judge."""

    def received(self, model: str) -> list[list[str]]:
        """The texts of the messages of each call that the model got."""

    def shown(self) -> str:
        """Everything a log or a dump would say of the adapter's router."""
