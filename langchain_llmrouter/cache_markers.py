"""A request without settings of provider caches that its model would not accept.

Such settings get into a request for one provider and are errors at another: Anthropic's
``cache_control``, OpenAI's and Fireworks' ``prompt_cache_key``, Fireworks' session header.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from langchain.agents.middleware import ModelRequest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.tools import BaseTool

_CACHE_CONTROL: Final = frozenset(
    {"anthropic-chat", "anthropic-bedrock-chat", "anthropic-chat-vertexai"}
)
_CACHE_KEY: Final = frozenset({"openai-chat", "azure-openai-chat", "fireworks-chat"})
_SESSION: Final = frozenset({"fireworks-chat"})
_SESSION_HEADER: Final = "x-session-affinity"


def fitted(request: ModelRequest[Any], model: BaseChatModel) -> ModelRequest[Any]:
    """The request for this model; the original stays as it is."""
    kind = model._llm_type
    settings = _fitted_settings(request.model_settings, kind)
    overrides: dict[str, Any] = {"model": model}
    if settings != request.model_settings:
        overrides["model_settings"] = settings
    if kind in _CACHE_CONTROL:
        return request.override(**overrides)
    if request.system_message is not None:
        overrides["system_message"] = _message(request.system_message)
    overrides["messages"] = [_message(message) for message in request.messages]
    overrides["tools"] = [_tool(tool) for tool in request.tools]
    return request.override(**overrides)


def _fitted_settings(settings: Mapping[str, Any], kind: str) -> dict[str, Any]:
    foreign = set()
    if kind not in _CACHE_CONTROL:
        foreign.add("cache_control")
    if kind not in _CACHE_KEY:
        foreign.add("prompt_cache_key")
    kept = {name: value for name, value in settings.items() if name not in foreign}
    headers = kept.get("extra_headers")
    if kind not in _SESSION and isinstance(headers, Mapping):
        rest = {name: value for name, value in headers.items() if name.lower() != _SESSION_HEADER}
        kept |= {"extra_headers": rest}
        if not rest:
            del kept["extra_headers"]
    return kept


def _message(message: Any) -> Any:
    if not isinstance(message, BaseMessage) or not isinstance(message.content, list):
        return message
    content = [_block(block) if isinstance(block, dict) else block for block in message.content]
    if content == message.content:
        return message
    return message.model_copy(update={"content": content})


def _block(block: Mapping[str, Any]) -> dict[str, Any]:
    """The block without cache marks, neither on itself nor in what is packed into it."""
    bare = {name: value for name, value in block.items() if name != "cache_control"}
    for name in ("extras", "metadata"):
        if isinstance(inner := bare.get(name), Mapping):
            bare[name] = {key: value for key, value in inner.items() if key != "cache_control"}
    return bare


def _tool(tool: Any) -> Any:
    if isinstance(tool, dict):
        return _block(tool)
    if isinstance(tool, BaseTool) and "cache_control" in (tool.extras or {}):
        extras = {
            key: value for key, value in (tool.extras or {}).items() if key != "cache_control"
        }
        return tool.model_copy(update={"extras": extras or None})
    return tool
