"""What was asked and answered, out of the shapes that traces and logs keep it in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from shared_core.outcomes.formats.reading import Broken, parsed

_USER = {"user", "human", "HumanMessage", "HumanMessageChunk"}


def asked(given: Any) -> str:
    """The last text a user said in messages, or the text itself.

    Raises:
        Broken: there is none.
    """
    found = _deep(_last_user, given)
    if not found or not found.strip():
        raise Broken("without a text that a user said")
    return found


def answered(given: Any) -> str | None:
    """The text of an answer; None where there is none to be found.

    Raises:
        Broken: it is nested too deep.
    """
    return _deep(_content, given)


def _deep(find: Callable[[Any], str | None], given: Any) -> str | None:
    try:
        return find(parsed(given))
    except RecursionError as error:
        raise Broken("that are nested too deep") from error


def _last_user(given: Any) -> str | None:
    if isinstance(given, str):
        return given
    if isinstance(given, Mapping):
        for name in ("messages", "input", "prompt", "prompts", "question", "query"):
            if name in given:
                return _last_user(given[name])
        return None
    if not isinstance(given, list) or not given:
        return None
    if isinstance(given[0], list):  # LangChain keeps a list of conversations
        return _last_user(given[0])
    if isinstance(given[0], str):
        return str(given[-1])
    said = [_content(message) for message in given if _role(message) in _USER]
    return said[-1] if said else None


def _role(message: Any) -> str:
    if not isinstance(message, Mapping):
        return ""
    if "kwargs" in message:  # LangChain's serialised messages
        path = message.get("id")
        return str(path[-1]) if path and isinstance(path, list) else ""
    return str(message.get("role") or message.get("type") or "")


def _content(given: Any) -> str | None:
    if isinstance(given, str):
        return given
    if isinstance(given, list):
        parts = [text for part in given if (text := _content(part))]
        return "\n".join(parts) or None
    if not isinstance(given, Mapping):
        return None
    names = ("content", "text", "kwargs", "message", "output", "generations", "choices", "messages")
    return next((text for name in names if (text := _content(given.get(name)))), None)
