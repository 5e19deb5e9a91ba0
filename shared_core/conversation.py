"""A conversation as a query: what to judge, what it takes, and who was talking.

Both frameworks' messages become ``Turn``s first; everything a router has to know about a
conversation is worked out from those, once, here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal, NamedTuple

from shared_core.query import Query, estimate_tokens, fewest_tokens
from shared_core.wording import goes_on, without_noise

Role = Literal["system", "user", "assistant", "tool"]

SAFETY: Final = 1.25
"""Conversations are taken to be this much larger than estimated: tokenizers differ."""

_FEW_WORDS: Final = 40
"""Characters of a request that may go on from another."""

_TOKENS_OF_MEDIA: Final = {"vision": 1600, "audio": 2000, "pdf": 4000}
"""Rough upper size of one picture, one minute of sound, a short document."""


class Turn(NamedTuple):
    """One message of a conversation, as far as choosing a model goes.

    Args:
        role: who speaks.
        text: what is said, in plain text.
        abilities: what its parts take beyond reading text (``vision``, ``audio``, ``pdf``): one
            entry for each part.
        calls: ids of the tool calls it makes.
        answers: id of the tool call it answers.
        model: name of the candidate that wrote it, where that is on record.
        provider: whose model wrote it, where that is on record.
        tokens: its size without pictures and the like, where ``text`` is not the whole of it.
    """

    role: Role
    text: str = ""
    abilities: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    answers: str | None = None
    model: str | None = None
    provider: str | None = None
    tokens: int | None = None

    @property
    def request(self) -> str:
        """What a human asks in it: the text without a harness's additions; empty for others."""
        return without_noise(self.text) if self.role == "user" else ""

    @property
    def is_request(self) -> bool:
        """A human says or shows something in it."""
        return self.role == "user" and bool(self.abilities or self.request)

    @property
    def text_size(self) -> int:
        """Rough upper estimate of its tokens without pictures and the like."""
        return estimate_tokens(self.text) if self.tokens is None else self.tokens

    @property
    def size(self) -> int:
        """Rough upper estimate of its tokens."""
        size = self.text_size
        return size + tokens_of_media(self.abilities) if self.abilities else size


def query_from(
    turns: Sequence[Turn],
    *,
    tools: Iterable[str] = (),
    structure: str = "",
    needs: Iterable[str] = (),
    reserved_output: int | None = None,
    **others: Any,
) -> Query:
    """What a router judges of a conversation.

    Args:
        turns: the conversation, oldest first.
        tools: what a model is told of each tool it may call, as text.
        structure: what it is told of the structure it has to answer in, such as a JSON schema.
        needs: abilities the answer takes besides those of the content, such as ``tool_choice``.
        reserved_output: tokens the answer may take.
        others: further fields of the query: ``text`` and ``previous`` where they are known better
            than by looking at the turns, be it that nobody of this router's has answered;
            ``conversation``, ``model``, ``exclude``, ``tags``, ``cost_weight``.

    A router may be a model of another. Then each goes by its own word on who wrote what: a record
    on an answer is that of the outermost router, which holds the next one's within; who hands the
    conversation on takes its own off. See ``INNER`` in ``shared_core.decision``.
    """
    shown = [estimate_tokens(tool) for tool in tools]
    told = sum(shown) + (estimate_tokens(structure) if structure else 0)
    sizes = [turn.size for turn in turns]
    read = _length_read(turns)
    if "text" not in others:
        others["text"] = text_to_judge(turns)
    if "previous" not in others:
        others["previous"] = last_model(turns)
    return Query(
        needs=frozenset((*needs, *_content_needs(turns), *(("tools",) if shown else ()))),
        tokens=math.ceil(SAFETY * (sum(sizes) + told)),
        least_tokens=fewest_tokens(sum(sizes) + told),
        in_tool_loop=in_tool_loop(turns),
        is_follow_up=is_follow_up(turns),
        context=_asked_before(turns),
        reserved_output=reserved_output,
        prefix_tokens=math.ceil(SAFETY * (sum(sizes[:read]) + told)),
        **others,
    )


def tokens_of_media(abilities: Iterable[str]) -> int:
    """Rough upper size of parts that are no text, each named by the ability it takes."""
    return sum(_TOKENS_OF_MEDIA.get(part, 0) for part in abilities)


def text_to_judge(turns: Sequence[Turn]) -> str:
    """The newest human request; a short follow-up is read with the request before it.

    Without any human request, the newest turn that says something.
    """
    newest = ""
    for turn in reversed(turns):
        if not (request := turn.request):
            continue
        newest = f"{request}\n{newest}" if newest else request
        if not goes_on(request):
            return newest
    return newest or next((turn.text for turn in reversed(turns) if turn.text.strip()), "")


def _asked_before(turns: Sequence[Turn]) -> str:
    """The request before the newest; with those before that, while they are a few words."""
    asked = (request for turn in reversed(turns) if (request := turn.request))
    next(asked, None)
    before = ""
    for request in asked:
        before = f"{request}\n{before}" if before else request
        if len(request) > _FEW_WORDS:
            break
    return before


def is_follow_up(turns: Sequence[Turn]) -> bool:
    """Nothing new is asked: the newest request is a mere "yes", or has been answered already."""
    for turn in reversed(turns):
        if turn.role in ("assistant", "tool"):
            return True
        if turn.is_request:
            newest = turn
            break
    else:
        return False
    is_reply = any(turn.role == "assistant" for turn in turns)
    return is_reply and not newest.abilities and goes_on(newest.request)


def in_tool_loop(turns: Sequence[Turn]) -> bool:
    """A model has called tools and not yet answered the human with what they said."""
    for turn in reversed(turns):
        if turn.role == "tool" or turn.answers is not None:
            return True
        if turn.role == "assistant":
            return bool(turn.calls)
        if turn.is_request:
            return False
    return False


def last_model(turns: Sequence[Turn]) -> str | None:
    """The candidate that wrote the newest answer on record."""
    for turn in reversed(turns):
        if turn.model is not None:
            return turn.model
    return None


def _length_read(turns: Sequence[Turn]) -> int:
    """How many turns the last model has read or written: all up to its newest answer."""
    for place in range(len(turns), 0, -1):
        if turns[place - 1].role == "assistant":
            return place
    return 0


def _content_needs(turns: Iterable[Turn]) -> list[str]:
    return [ability for turn in turns if turn.abilities for ability in turn.abilities]
