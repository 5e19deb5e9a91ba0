"""Whose callbacks a call goes to: the model's own, else those of the router that asks it.

A model's own are those that somebody gave it; what it took over from ``Settings`` or as the global
handler is the application's, which the router has too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, cast

import llama_index.core
from llama_index.core import Settings
from llama_index.core.callbacks import CallbackManager, CBEventType
from llama_index.core.llms import LLM

_ASKING: Final[ContextVar[CallbackManager | None]] = ContextVar("asking", default=None)
"""The manager of the router that asks just now: that of no other task or thread."""


@CallbackManager.register
class Lent:
    """Stands for a model's manager: hands each call on to whose it is, and its end to the same.

    Args:
        own: the model's manager, for its own handlers and for calls that no router makes.
    """

    def __init__(self, own: CallbackManager) -> None:
        self._own = own
        common = Settings._callback_manager
        self._common = None if common is None else common.handlers
        self._started: dict[str, CallbackManager] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.manager, name)

    def __reduce__(self) -> tuple[Any, ...]:
        return Lent, (self._own,)

    @property
    def manager(self) -> CallbackManager:
        """Whose the present call is."""
        asking = _ASKING.get()
        return self._own if asking is None or self.has_own_handlers else asking

    @property
    def has_own_handlers(self) -> bool:
        """Whether somebody gave the model handlers."""
        handlers, everywhere = self._own.handlers, llama_index.core.global_handler
        return handlers is not self._common and any(one is not everywhere for one in handlers)

    def on_event_start(self, *args: Any, **kwargs: Any) -> str:
        manager = self.manager
        event = manager.on_event_start(*args, **kwargs)
        self._started[event] = manager
        return event

    def on_event_end(
        self, event_type: CBEventType, payload: Any = None, event_id: str = "", **kwargs: Any
    ) -> None:
        manager = self._started.pop(event_id, None) or self.manager
        manager.on_event_end(event_type, payload, event_id, **kwargs)


def lend(models: Iterable[LLM]) -> None:
    """Have models without handlers of their own report to whichever router asks them."""
    for model in models:
        current = model.callback_manager
        if not isinstance(current, Lent):
            lent = Lent(current or CallbackManager())
            if not lent.has_own_handlers:
                model.callback_manager = cast("CallbackManager", lent)


@contextmanager
def reporting_to(manager: CallbackManager, models: Iterable[LLM]) -> Iterator[None]:
    """Calls of these models report to this router's manager meanwhile."""
    lend(models)
    asking = manager.manager if isinstance(manager, Lent) else manager
    token = _ASKING.set(asking)
    try:
        yield
    finally:
        _ASKING.reset(token)
