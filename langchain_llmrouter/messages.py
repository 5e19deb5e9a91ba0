"""LangChain messages as a query, and the decision's record on a message."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

from langchain_core.messages import BaseMessage, HumanMessage

from shared_core.decision import RoutingDecision
from shared_core.query import Query, estimate_tokens

RECORD: Final = "llm_router"
"""Key of the decision's record in ``response_metadata``."""

_ABILITY_OF: Final = {
    "image": "vision",
    "image_url": "vision",
    "input_image": "vision",
    "audio": "audio",
    "input_audio": "audio",
    "file": "pdf",
    "document": "pdf",
}

Message = TypeVar("Message", bound=BaseMessage)


def query_of(
    messages: Sequence[BaseMessage],
    *,
    needs: Iterable[str] = (),
    model: str | None = None,
    conversation: str | None = None,
) -> Query:
    """What the router judges of a conversation.

    The text is that of the newest human message that has any, else of the newest message that has;
    tokens count the whole conversation; pictures, sound and documents become needed abilities.

    Args:
        messages: the conversation.
        needs: further abilities the answer takes.
        model: the model to force, if any.
        conversation: id of the conversation, if known.
    """
    return Query(
        text=_text_to_judge(messages),
        needs=frozenset(needs) | frozenset(_abilities(messages)),
        tokens=sum(estimate_tokens(_all_text(message)) for message in messages),
        conversation=conversation,
        model=model,
    )


def with_record(message: Message, decision: RoutingDecision) -> Message:
    """A copy of the message that carries the decision; the original may be shared or cached."""
    metadata = {**message.response_metadata, RECORD: decision.to_dict()}
    return message.model_copy(update={"response_metadata": metadata})


def routing_record(message: BaseMessage) -> dict[str, Any] | None:
    """The decision's record on an answer, as ``RoutingDecision.to_dict`` gives it, or None."""
    record: dict[str, Any] | None = message.response_metadata.get(RECORD)
    return record


def _text_to_judge(messages: Sequence[BaseMessage]) -> str:
    newest_first = list(reversed(messages))
    human = (str(m.text) for m in newest_first if isinstance(m, HumanMessage))
    anyone = (str(m.text) for m in newest_first)
    return next((text for text in (*human, *anyone) if text.strip()), "")


def _all_text(message: BaseMessage) -> str:
    calls = getattr(message, "tool_calls", ())
    return str(message.text) + "".join(str(call["args"]) for call in calls)


def _abilities(messages: Sequence[BaseMessage]) -> Iterator[str]:
    for message in messages:
        blocks = message.content if isinstance(message.content, list) else []
        for block in blocks:
            if isinstance(block, Mapping) and block.get("type") in _ABILITY_OF:
                yield _ABILITY_OF[str(block["type"])]
