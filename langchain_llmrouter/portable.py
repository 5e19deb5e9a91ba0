"""An answer as models of other providers take it: without what only its author's provider reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable, RunnableBinding

LLM_TYPE: Final = "llmrouter"
"""What kind of chat model a router is."""

_MEDIA: Final = frozenset({"image", "image_url", "audio", "video", "file", "media"})
_PORTABLE: Final = frozenset({"text", "text-plain", "tool_call", "tool_use"}) | _MEDIA
"""Blocks that LangChain's chat models translate from one another's.

Most others they hand on as they are, such as signed thoughts, and the calls and results of a
provider's own tools; then the other provider refuses the whole conversation.
"""


def is_foreign(author: Runnable[Any, Any], model: Runnable[Any, Any]) -> bool:
    """Whether these are chat models of two kinds; what is a router sees to its own models."""
    kinds = {_kind(author), _kind(model)}
    return len(kinds) > 1 and not kinds & {None, LLM_TYPE}


def portable(message: AIMessage) -> AIMessage:
    """The answer without what only its author's provider reads; itself, where it has none of that.

    Texts lose their citations, which hold ids of that provider's search.
    """
    if isinstance(message.content, str):
        return message
    content = [_bare(block) for block in message.content if _is_portable(block)]
    if content == message.content:
        return message
    return message.model_copy(update={"content": content or ""})


def _is_portable(block: Any) -> bool:
    # Bedrock's blocks have no type, and are told apart by their keys.
    return not isinstance(block, Mapping) or block.get("type", "text") in _PORTABLE


def _bare(block: Any) -> Any:
    if isinstance(block, Mapping) and block.get("type") == "text":
        return {"type": "text", "text": block.get("text", "")}
    return block


def _kind(model: Runnable[Any, Any]) -> str | None:
    while isinstance(model, RunnableBinding):
        model = model.bound
    return model._llm_type if isinstance(model, BaseChatModel) else None
