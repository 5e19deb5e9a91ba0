"""A text that is the JSON an application sends: the messages, or the question, that it holds.

What else an application sends with it, ids and settings, says nothing of what is asked; unless it
speaks of something, as the values of a patient do.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from shared_core.conversation import Role, Turn
from shared_core.routers.no_data.topics import topics

_QUESTIONS: Final = frozenset(
    (
        *("question", "query", "input", "message", "prompt", "text", "content", "body", "request"),
        *("user_input", "user_message", "user_query", "instruction", "instructions"),
        *("pergunta", "mensagem", "texto", "pregunta", "mensaje", "frage", "nachricht", "requête"),
    )
)
_MESSAGES: Final = "messages"
_ROLES: Final[dict[str, Role]] = {
    "system": "system", "developer": "system", "user": "user", "human": "user",
    "assistant": "assistant", "ai": "assistant", "tool": "tool",
}  # fmt: skip


def messages(text: str) -> list[Turn]:
    """The messages of a payload like a chat API's; none, where it is no such thing, or where what
    is sent beside them speaks of anything."""
    sent = _parsed(text)
    if isinstance(sent, dict):
        if _speaks({key: value for key, value in sent.items() if key != _MESSAGES}):
            return []
        sent = sent.get(_MESSAGES)
    turns: list[Turn] = []
    for one in sent if isinstance(sent, list) else ():
        role = one.get("role", one.get("type")) if isinstance(one, dict) else None
        if not isinstance(role, str) or role not in _ROLES:
            return []
        turns.append(Turn(_ROLES[role], _content(one.get("content"))))
    return turns


def question(text: str) -> tuple[str, ...]:
    """What a payload's fields for a question say, and all of it where the rest speaks of anything.

    Empty where it is no payload, or has no such field.
    """
    sent = _parsed(text)
    if not isinstance(sent, dict):
        return ()
    said = "\n".join(value for key, value in _leaves(sent) if _is_question(key, value))
    if not said.strip():
        return ()
    return (said, text) if _speaks(sent) else (said,)


def _speaks(sent: Any) -> bool:
    """Whether strings beside the question's, or that of which a number or a yes is sent, are about
    a topic."""
    rest = (
        value if isinstance(value, str) else key
        for key, value in _leaves(sent)
        if isinstance(value, str | int | float) and not _is_question(key, value)
    )
    return any(topics(" ".join(rest)).values())


def _is_question(key: str, value: Any) -> bool:
    return isinstance(value, str) and key.casefold() in _QUESTIONS


def _leaves(sent: Any) -> Iterator[tuple[str, Any]]:
    """Keys and values that hold no others, in order; what is in a list has the list's key.

    Not by recursion, as JSON may be nested deeper than calls.
    """
    left = [("", sent)]
    while left:
        key, value = left.pop()
        if isinstance(value, dict):
            left.extend(reversed(value.items()))
        elif isinstance(value, list):
            left.extend((key, one) for one in reversed(value))
        else:
            yield key, value


def _content(sent: Any) -> str:
    """The texts of a message."""
    parts = sent if isinstance(sent, list) else [sent]
    texts = (part.get("text") if isinstance(part, dict) else part for part in parts)
    return "\n".join(text for text in texts if isinstance(text, str))


def _parsed(text: str) -> Any:
    told = text.strip()
    if told[:1] + told[-1:] not in ("{}", "[]"):
        return None
    try:
        return json.loads(told)
    except (ValueError, RecursionError):
        return None
