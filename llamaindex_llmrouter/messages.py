"""LlamaIndex messages and tools as turns and a query, and the decision's record on a response."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeGuard, TypeVar, cast

from llama_index.core.base.llms.types import (
    BaseContentBlock,
    BaseRecursiveContentBlock,
    ChatMessage,
    ChatResponse,
    CompletionResponse,
    DocumentBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from llama_index.core.tools import BaseTool
from llama_index.core.utils import get_tokenizer, resolve_binary
from pydantic import BaseModel

from llamaindex_llmrouter.harness import as_meant
from shared_core.conversation import Role, Turn, query_from, tokens_of_media
from shared_core.decision import INNER
from shared_core.query import Query, estimate_tokens

RECORD: Final = "llm_router"
"""Key of the decision's record in a response's ``additional_kwargs``."""

_ROLE_OF: Final[Mapping[MessageRole, Role]] = {
    MessageRole.SYSTEM: "system",
    MessageRole.DEVELOPER: "system",
    MessageRole.ASSISTANT: "assistant",
    MessageRole.CHATBOT: "assistant",
    MessageRole.MODEL: "assistant",
    MessageRole.TOOL: "tool",
    MessageRole.FUNCTION: "tool",
}
_ABILITY_OF: Final = {"image": "vision", "video": "vision", "audio": "audio", "document": "pdf"}

RESPONSES: Final = (ChatResponse, CompletionResponse)
"""What a record can stand on."""

Value = TypeVar("Value")


def query_of(
    messages: Sequence[ChatMessage] | str, *, tools: Sequence[Any] = (), **about: Any
) -> Query:
    """What the router judges of a conversation; see ``shared_core.conversation``.

    Args:
        messages: the conversation, or a single text.
        tools: tools the model may call.
        about: further arguments of ``query_from``, such as ``text``, ``needs`` or ``model``.
    """
    turns = [Turn("user", messages)] if isinstance(messages, str) else turns_of(messages)
    return query_from(turns, tools=map(shown_of, tools), **about)


def turns_of(messages: Sequence[ChatMessage]) -> list[Turn]:
    """The messages as far as choosing a model goes."""
    turns: list[Turn] = []
    for message in messages:
        turns.append(as_meant(_turn(message), turns[-1] if turns else None))
    return turns


def count_tokens(messages: Sequence[ChatMessage] | str, tools: Sequence[Any] = ()) -> int:
    """Tokens of a conversation by LlamaIndex' tokenizer, which its prompts are packed by.

    Pictures and the like count as estimated.
    """
    tokenize = get_tokenizer()
    if isinstance(messages, str):
        return len(tokenize(messages))
    parts = [part for message in messages for block in message.blocks for part in _parts(block)]
    texts = [part.text if isinstance(part, TextBlock) else _hidden_text(part) for part in parts]
    said = sum(len(tokenize(text)) for text in (*texts, *map(shown_of, tools)))
    return said + tokens_of_media(filter(None, map(_ability, parts)))


def with_record(value: Value, record: Mapping[str, Any]) -> Value:
    """A copy of the response that carries the decision; other values as they are.

    The record never goes onto the message: some integrations send what stands there. The record of
    a router that is itself a model of this one stays, as ``inner``.
    """
    if not isinstance(value, RESPONSES):
        return value
    given = value.additional_kwargs
    whole = {**record, INNER: given[RECORD]} if RECORD in given else dict(record)
    return cast("Value", value.model_copy(update={"additional_kwargs": {**given, RECORD: whole}}))


def without_record(response: ChatResponse) -> ChatResponse:
    """The response as the chosen model gave it."""
    extra = dict(response.additional_kwargs)
    record = extra.pop(RECORD)
    restored = {**extra, RECORD: record[INNER]} if INNER in record else extra
    return response.model_copy(update={"additional_kwargs": restored})


def routing_record(response: ChatResponse | CompletionResponse) -> dict[str, Any] | None:
    """The decision's record on a response, as ``RoutingDecision.to_dict`` gives it, or None."""
    record: dict[str, Any] | None = response.additional_kwargs.get(RECORD)
    return record


def text_of(value: Any) -> str:
    """What an answer of any kind says."""
    if isinstance(value, ChatResponse):
        return value.message.content or ""
    if isinstance(value, CompletionResponse):
        return value.text
    return value.model_dump_json() if isinstance(value, BaseModel) else str(value)


def field_of(value: Any, name: str) -> Any:
    """A field of what a provider sent, which may be a mapping or an object; None without it."""
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)


def _turn(message: ChatMessage) -> Turn:
    role, blocks = _ROLE_OF.get(message.role, "user"), message.blocks
    if len(blocks) == 1 and type(blocks[0]) is TextBlock and not message.additional_kwargs:
        return Turn(role, blocks[0].text)
    parts = list(_parts(message))
    text = "\n".join(part.text for part in parts if isinstance(part, TextBlock))
    hidden = "".join(map(_hidden_text, parts))
    result = message.additional_kwargs.get("tool_call_id")
    return Turn(
        role,
        text,
        abilities=tuple(filter(None, map(_ability, parts))),
        calls=tuple(str(b.tool_call_id) for b in parts if isinstance(b, ToolCallBlock)),
        answers=None if result is None else str(result),
        tokens=estimate_tokens(text + hidden) if hidden else None,
    )


def _hidden_text(block: BaseContentBlock) -> str:
    """What a model reads in a block beyond what was said."""
    if isinstance(block, ThinkingBlock):
        return block.content or ""
    if isinstance(block, ToolCallBlock):
        return f"{block.tool_name}{block.tool_kwargs}"
    if _is_text_file(block) and isinstance(block.data, bytes):  # kept in base64
        return resolve_binary(block.data).read().decode("utf-8", "replace")
    return ""


def _ability(block: BaseContentBlock) -> str | None:
    return None if _is_text_file(block) else _ABILITY_OF.get(getattr(block, "block_type", ""))


def _is_text_file(block: BaseContentBlock) -> TypeGuard[DocumentBlock]:
    return isinstance(block, DocumentBlock) and str(block.document_mimetype).startswith("text/")


def _parts(block: BaseContentBlock) -> Iterator[BaseContentBlock]:
    """The block's parts, and theirs; a block without parts is its own only one."""
    if not isinstance(block, BaseRecursiveContentBlock):
        yield block
        return
    for part in block.nested_blocks:
        yield from _parts(part)


def structure_of(output_cls: type[BaseModel]) -> str:
    """What a model is told of a structure to answer in."""
    return str(output_cls.model_json_schema())


def shown_of(tool: Any) -> str:
    """What a model is told of a tool, roughly."""
    if not isinstance(tool, BaseTool):
        return str(tool)
    about = tool.metadata
    return f"{about.name}{about.description}{about.get_parameters_dict()}"
