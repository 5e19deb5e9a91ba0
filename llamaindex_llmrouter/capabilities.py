"""What LlamaIndex knows of its LLMs, as facts about candidates; and of a pool, as one LLM."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from llama_index.core.base.llms.types import LLMMetadata
from llama_index.core.constants import DEFAULT_CONTEXT_WINDOW, DEFAULT_NUM_OUTPUTS
from llama_index.core.llms import LLM
from llama_index.core.llms.function_calling import FunctionCallingLLM

from shared_core.pool import ModelPool
from shared_core.query import ABILITIES

MetadataMode = Literal["conservative", "union"]

_TOOLS: Final = frozenset({"tools", "tool_choice"})

_UNKNOWN_OUTPUT: Final = -1
"""What LlamaIndex writes for an output whose length nobody said."""


def can_call_tools(model: LLM) -> bool:
    """Whether the model is one that is handed tools."""
    return isinstance(model, FunctionCallingLLM) and model.metadata.is_function_calling_model


def facts_of(model: LLM) -> dict[str, Any]:
    """Fields of ``Candidate`` that LlamaIndex knows of a model.

    The window that every undeclared model has is no fact, nor is an output limit.
    """
    window = model.metadata.context_window
    facts: dict[str, Any] = {
        "abilities": frozenset({"tools"}) if can_call_tools(model) else frozenset(),
        "unknown_abilities": ABILITIES
        - (frozenset({"tools"}) if can_call_tools(model) else _TOOLS),
    }
    return facts if window == DEFAULT_CONTEXT_WINDOW else {**facts, "context_window": window}


def pool_metadata(pool: ModelPool, models: Mapping[str, LLM], mode: MetadataMode) -> LLMMetadata:
    """What a pool can do as one model.

    Tools are claimed where any model can call them, since the router asks only those then. The
    window is the smallest, or for ``union`` the largest; the router asks only models whose window
    is large enough. The output is as long as leaves room for a prompt that LlamaIndex packs by it,
    beside the answer of any model that has such a window.
    """
    each = [model.metadata for model in models.values()]
    windows = [pool[name].context_window or m.metadata.context_window for name, m in models.items()]
    window = (min if mode == "conservative" else max)(windows)
    return LLMMetadata(
        context_window=window,
        num_output=_num_output(window, windows, [one.num_output for one in each]),
        is_chat_model=all(one.is_chat_model for one in each),
        is_function_calling_model=any(map(can_call_tools, models.values())),
        model_name="llmrouter",
        system_role=each[0].system_role,
    )


def _num_output(window: int, windows: Sequence[int], outputs: Sequence[int]) -> int:
    """Tokens of a window that no prompt may take, so that each model with that much has room."""
    if set(outputs) == {_UNKNOWN_OUTPUT}:
        return _UNKNOWN_OUTPUT
    taken = [DEFAULT_NUM_OUTPUTS if one == _UNKNOWN_OUTPUT else one for one in outputs]
    rooms = (own - out for own, out in zip(windows, taken, strict=True) if own >= window)
    return window - min(rooms)


def warn_of_undeclared_windows(pool: ModelPool, models: Mapping[str, LLM]) -> None:
    """Say which models shrink the pool's window only because nobody said how large theirs is."""
    windows = {name: model.metadata.context_window for name, model in models.items()}
    undeclared = [name for name in models if _is_undeclared(pool, windows, name)]
    if (
        undeclared
        and len(undeclared) < len(models)
        and max(windows.values()) > DEFAULT_CONTEXT_WINDOW
    ):
        _warn(undeclared)


def _is_undeclared(pool: ModelPool, windows: Mapping[str, int], name: str) -> bool:
    return windows[name] == DEFAULT_CONTEXT_WINDOW and pool[name].context_window is None


def _warn(names: Sequence[str]) -> None:
    told = (
        f"no context window is declared for {', '.join(names)}: LlamaIndex takes it for "
        f"{DEFAULT_CONTEXT_WINDOW} tokens, and the router's window is the smallest; set "
        "context_window on the model or on its Candidate"
    )
    warnings.warn(told, UserWarning, stacklevel=5)
