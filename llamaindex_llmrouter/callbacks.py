"""A router's callback manager, lent to those of its models that have no handlers of their own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from weakref import ref

from llama_index.core.callbacks import CallbackManager
from llama_index.core.llms import LLM

_LENT: Final[dict[int, tuple[ref[LLM], ref[CallbackManager]]]] = {}
"""Id of a model -> the model, which cannot be hashed, and the manager it was last lent.

One for all routers: models may be shared, and what one router lent is not the model's own.
"""


def lend(manager: CallbackManager, models: Iterable[LLM]) -> None:
    """Have models without handlers of their own report to this manager, until the next is lent."""
    for model in models:
        current = model.callback_manager
        if current is not manager and (not current.handlers or _is_lent(model)):
            model.callback_manager = manager
            _note(model, manager)


def _is_lent(model: LLM) -> bool:
    """Whether some router lent the model the manager it has."""
    if (loan := _LENT.get(id(model))) is None:
        return False
    borrower, manager = loan
    return borrower() is model and manager() is model.callback_manager


def _note(model: LLM, manager: CallbackManager) -> None:
    key, forget = id(model), _LENT.pop
    _LENT[key] = ref(model, lambda _: forget(key, None)), ref(manager)
