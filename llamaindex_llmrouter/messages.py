"""LlamaIndex messages, prompts and tools as a query, and the decision's record on a response."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar, cast

from llama_index.core.base.llms.types import (
    BaseContentBlock,
    BaseRecursiveContentBlock,
    ChatMessage,
    ChatResponse,
    CompletionResponse,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from llama_index.core.tools import BaseTool

from shared_core.query import Query, estimate_tokens

RECORD: Final = "llm_router"
"""Key of the decision's record in a response's ``additional_kwargs``."""

INNER: Final = "inner"
"""Key, in a record, of the record of a router that was the chosen model."""

_ABILITY_OF: Final = {"image": "vision", "audio": "audio", "document": "pdf"}

Value = TypeVar("Value")


def query_of(
    messages: Sequence[ChatMessage] | str,
    *,
    text: str | None = None,
    tools: Sequence[Any] = (),
    needs: Iterable[str] = (),
    exclude: Mapping[str, str] | None = None,
    model: str | None = None,
) -> Query:
    """What the router judges of a conversation.

    The text is that of the newest user message that has any, else of the newest message that has;
    tokens count the whole conversation and the tools; pictures, sound, documents and tools become
    needed abilities.

    Args:
        messages: the conversation, or a single text.
        text: the text to judge, where it is known better than by looking at the messages.
        tools: tools the model may call.
        needs: further abilities the answer takes.
        exclude: models ruled out, each with the reason.
        model: the model to force, if any.
    """
    asked = [ChatMessage(messages)] if isinstance(messages, str) else list(messages)
    shown = (*map(_all_text, asked), *map(_shown, tools))
    return Query(
        text=_text_to_judge(asked) if text is None else text,
        needs=frozenset((*needs, *_abilities(asked), *(["tools"] if tools else []))),
        tokens=sum(map(estimate_tokens, shown)),
        exclude=exclude or {},
        model=model,
    )


def with_record(value: Value, record: Mapping[str, Any]) -> Value:
    """A copy of the response that carries the decision; other values as they are.

    The record never goes onto the message: some integrations send what stands there. The record of
    a router that is itself a model of this one stays, as ``inner``.
    """
    if not isinstance(value, ChatResponse | CompletionResponse):
        return value
    inner = routing_record(value)
    whole = dict(record) if inner is None else {**record, INNER: inner}
    extra = {**value.additional_kwargs, RECORD: whole}
    return cast("Value", value.model_copy(update={"additional_kwargs": extra}))


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


def _text_to_judge(messages: Sequence[ChatMessage]) -> str:
    newest_first = list(reversed(messages))
    user = (m.content or "" for m in newest_first if m.role == MessageRole.USER)
    anyone = (m.content or "" for m in newest_first)
    return next((text for text in (*user, *anyone) if text.strip()), "")


def _all_text(message: ChatMessage) -> str:
    return "".join(map(_text_of, _blocks(message)))


def _text_of(block: BaseContentBlock) -> str:
    if isinstance(block, TextBlock):
        return block.text
    if isinstance(block, ThinkingBlock):
        return block.content or ""
    if isinstance(block, ToolCallBlock):
        return f"{block.tool_name}{block.tool_kwargs}"
    return ""


def _shown(tool: Any) -> str:
    """What a model is told of a tool, roughly."""
    if not isinstance(tool, BaseTool):
        return str(tool)
    about = tool.metadata
    return f"{about.name}{about.description}{about.get_parameters_dict()}"


def _abilities(messages: Iterable[ChatMessage]) -> Iterator[str]:
    for message in messages:
        for block in _blocks(message):
            if (kind := getattr(block, "block_type", None)) in _ABILITY_OF:
                yield _ABILITY_OF[kind]


def _blocks(block: BaseContentBlock) -> Iterator[BaseContentBlock]:
    """The block's parts, and theirs; a block without parts is its own only one."""
    if not isinstance(block, BaseRecursiveContentBlock):
        yield block
        return
    for part in block.nested_blocks:
        yield from _blocks(part)
