"""LangChain messages as a query, and the decision's record on a message."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

from langchain_core.messages import AIMessage, BaseMessage, ChatMessage
from langchain_core.messages.tool import ToolMessage

from shared_core.conversation import Role, Turn, query_from
from shared_core.decision import INNER, RoutingDecision
from shared_core.query import Query, estimate_tokens

RECORD: Final = "llm_router"
"""Key of the decision's record in ``response_metadata``."""

_ROLE_OF: Final[Mapping[str, Role]] = {
    "system": "system",
    "developer": "system",
    "ai": "assistant",
    "AIMessageChunk": "assistant",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}
_ABILITY_OF: Final = {
    "image": "vision",
    "image_url": "vision",
    "input_image": "vision",
    "audio": "audio",
    "input_audio": "audio",
    "file": "pdf",
    "input_file": "pdf",
    "document": "pdf",
    "video": "vision",
    "video_url": "vision",
    "media": "pdf",  # Google's block for any of these, told apart by its MIME type
    "image_generation_call": "vision",
}
_ABILITY_OF_MIME: Final = {"image": "vision", "audio": "audio", "text": None, "video": "vision"}

_PAYLOADS: Final = frozenset({"base64", "data", "bytes", "file_data"})
"""Keys of what is no text to a model, however long it is."""

Message = TypeVar("Message", bound=BaseMessage)


Latest = Callable[[Sequence[BaseMessage]], str | None]


def query_of(
    messages: Sequence[BaseMessage],
    *,
    tools: Sequence[Any] = (),
    latest: Latest | None = None,
    **about: Any,
) -> Query:
    """What the router judges of a conversation; see ``shared_core.conversation``.

    Args:
        messages: the conversation.
        tools: what a model is told of each tool.
        latest: says who wrote the newest answer, where their records do not.
        about: further arguments of ``query_from``, such as ``needs`` or ``conversation``.
    """
    if latest is not None:
        about["previous"] = latest(messages)
    return query_from([turn_of(message) for message in messages], tools=map(str, tools), **about)


def turn_of(message: BaseMessage) -> Turn:
    """A message as far as choosing a model goes."""
    said_by = message.role if isinstance(message, ChatMessage) else message.type
    role = _ROLE_OF.get(said_by, "user")
    calls: tuple[str, ...] = ()
    told, model, provider = "", None, None
    if isinstance(message, AIMessage):
        calls = tuple(str(call["id"]) for call in message.tool_calls)
        told = "".join(f"{call['name']}{call['args']}" for call in message.tool_calls)
        model = recorded_author(message)
        provider = message.response_metadata.get("model_provider")
    answers = message.tool_call_id if isinstance(message, ToolMessage) else None
    if isinstance(message.content, str):
        tokens = estimate_tokens(message.content + told) if told else None
        return Turn(role, message.content, (), calls, answers, model, provider, tokens)
    parts = list(_parts(message.content))
    text = "".join(words for kind, words in parts if kind == "text")
    hidden = "".join(words for kind, words in parts if kind == "hidden")
    results = [words for kind, words in parts if kind == "answers"]
    if results and role == "user" and not text.strip():
        role, answers = "tool", results[0]
    called = calls or tuple(words for kind, words in parts if kind == "calls")
    media = tuple(words for kind, words in parts if kind == "media")
    tokens = estimate_tokens(text + told + hidden)
    return Turn(role, text, media, called, answers, model, provider, tokens)


def with_record(message: Message, decision: RoutingDecision) -> Message:
    """A copy of the message that carries the decision; the original may be shared or cached.

    The record of a router that was the chosen model stays within, as ``inner``.
    """
    record, given = decision.to_dict(), message.response_metadata
    if RECORD in given:
        record[INNER] = given[RECORD]
    return message.model_copy(update={"response_metadata": {**given, RECORD: record}})


def without_record(message: Message) -> Message:
    """The message as the chosen model gave it; itself, where it carries no decision."""
    if (record := message.response_metadata.get(RECORD)) is None:
        return message
    metadata = {name: told for name, told in message.response_metadata.items() if name != RECORD}
    if isinstance(record, Mapping) and INNER in record:
        metadata[RECORD] = record[INNER]
    return message.model_copy(update={"response_metadata": metadata})


def routing_record(message: BaseMessage) -> dict[str, Any] | None:
    """The decision's record on an answer, as ``RoutingDecision.to_dict`` gives it, or None.

    Where the chosen model was a router, too, its own record is in that as ``inner``.
    """
    record: dict[str, Any] | None = message.response_metadata.get(RECORD)
    return record


def recorded_author(message: BaseMessage) -> str | None:
    """Who wrote it, by the record of the outermost router."""
    record = message.response_metadata.get(RECORD)
    return record.get("model") if isinstance(record, Mapping) else None


def _parts(content: Sequence[Any]) -> Iterator[tuple[str, str]]:
    """What a message consists of: ``text``, ``media``, ``calls``, ``answers``, ``hidden``."""
    for block in content:
        if isinstance(block, str):
            yield "text", block
        elif isinstance(block, Mapping):
            yield from _parts_of(block)


def _parts_of(block: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    kind = str(block.get("type") or next(iter(block), ""))  # Bedrock's blocks have no type
    if kind == "text":
        yield "text", str(block.get("text", ""))
    elif kind in _ABILITY_OF:
        ability = _ability(kind, block)
        yield ("hidden", _text_of_file(block)) if ability is None else ("media", ability)
    elif kind == "text-plain":
        yield "hidden", _text_of_file(block)
    elif kind == "tool_use":
        yield "calls", str(block.get("id"))
        yield "hidden", f"{block.get('name')}{block.get('input')}"
    elif kind == "tool_result":
        yield "answers", str(block.get("tool_use_id"))
        result = block.get("content") or ()
        for part, words in _parts([result] if isinstance(result, str) else result):
            yield ("hidden" if part == "text" else part), words
    elif kind == "non_standard" and isinstance(inner := block.get("value"), Mapping):
        yield from _parts_of(inner)
    elif kind != "tool_call":  # told of by the message's tool_calls
        yield "hidden", str(_without_payloads(block))


def _ability(kind: str, block: Mapping[str, Any]) -> str | None:
    about = _with_source(block)
    mime = about.get("mime_type") or about.get("media_type")
    if isinstance(mime, str):
        return _ABILITY_OF_MIME.get(mime.partition("/")[0], _ABILITY_OF[kind])
    return _ABILITY_OF[kind]


def _text_of_file(block: Mapping[str, Any]) -> str:
    """A text file's text; for one in base64, as much of that as the text is long."""
    about = _with_source(block)
    payload = str(about.get("base64") or about.get("data") or "")
    if about.get("type") == "text":
        return payload
    return str(about.get("text") or payload[: len(payload) * 3 // 4])


def _with_source(block: Mapping[str, Any]) -> dict[str, Any]:
    """The block, and what Anthropic's have in their ``source``."""
    source = block.get("source")
    return {**block, **(source if isinstance(source, Mapping) else {})}


def _without_payloads(value: Any, name: str = "") -> Any:
    """What a model may read in a block of an unknown kind."""
    if isinstance(value, Mapping):
        return {key: _without_payloads(part, key) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_without_payloads(part) for part in value]
    is_text = isinstance(value, str) and name not in _PAYLOADS and not value.startswith("data:")
    return "" if isinstance(value, str | bytes) and not is_text else value
