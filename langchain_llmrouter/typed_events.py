"""Typed events, ``version="v3"``: which models tell them, and those of an answer that is whole."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.chat_model_stream import ChatModelStream
from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable, RunnableBinding


def has_events(model: Runnable[Any, Any], *, awaited: bool) -> bool:
    """Whether it tells typed events; fallbacks and models that cannot stream answer whole only.

    Args:
        model: who is asked.
        awaited: whether by ``astream_events``.
    """
    while isinstance(model, RunnableBinding):
        model = model.bound
    base = BaseChatModel if isinstance(model, BaseChatModel) else Runnable
    if _overrides(model, base, "astream_events" if awaited else "stream_events"):
        return True
    if base is Runnable:
        return False
    if getattr(model, f"_{'a' * awaited}stream_chat_model_events", None) is not None:
        return True
    ways = ("_stream", "_astream") if awaited else ("_stream",)
    return any(_overrides(model, BaseChatModel, way) for way in ways)


def events_of(message: AIMessage) -> Iterable[Any]:
    """The events that tell the whole message."""
    # Not public, as there is no other way: LangGraph does so too. Only this takes it.
    from langchain_core.language_models._compat_bridge import message_to_events

    return message_to_events(message)


def let_go(stream: Any) -> None:
    """End a model's stream that nobody reads on, for it has no ``close``.

    It and its callbacks hold each other, so that it would stay open until garbage is collected.
    """
    if isinstance(stream, ChatModelStream):
        stream.set_start(None)
        stream.set_request_more(lambda: False)


def _overrides(model: Runnable[Any, Any], base: type, method: str) -> bool:
    return getattr(type(model), method) is not getattr(base, method)
