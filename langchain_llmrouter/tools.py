"""Tools that each model of a pool binds in its own way, once it is chosen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from shared_core.checks import is_number

BOUND: Final = "_llmrouter_tools"
"""Keyword under which the bound tools travel from ``bind_tools`` to the call."""

_RESERVED: Final = ("max_tokens", "max_completion_tokens", "max_output_tokens")

_LEFT_TO_THE_MODEL: Final = (None, False, "auto", "none")

Tool = dict[str, Any] | type | Callable[..., Any] | BaseTool


class BoundTools:
    """Tools as they were given, and what each model made of them.

    Args:
        tools: as given: conversion would lose what some providers read.
        options: further arguments of ``bind_tools``.
    """

    def __init__(self, tools: Sequence[Tool], options: Mapping[str, Any]) -> None:
        self._tools = list(tools)
        self.options = dict(options)
        choice = {name: value for name, value in options.items() if name == "tool_choice"}
        self.shown: dict[str, Any] = {"tools": shown(tools), **choice}
        self._bound: dict[int, tuple[Runnable[Any, Any], Runnable[Any, Any]]] = {}

    def __repr__(self) -> str:
        return f"BoundTools({len(self._tools)})"

    def added_to(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Of a call's options, those that aren't bound here anyway: what was given later stays."""
        bound = self.shown
        return {k: value for k, value in options.items() if k not in bound or value != bound[k]}

    def __call__(self, model: Any) -> Runnable[Any, Any]:
        """The model with the tools, bound by itself; bound once for each model."""
        known = self._bound.get(id(model))
        if known is None or known[0] is not model:
            known = (model, model.bind_tools(self._tools, **self.options))
            self._bound[id(model)] = known
        return known[1]


def shown(tools: Sequence[Tool]) -> list[dict[str, Any]]:
    """The tools as frameworks look at them; dicts, such as a provider's own tools, as they are."""
    return [tool if isinstance(tool, dict) else convert_to_openai_tool(tool) for tool in tools]


def structure_of(schema: Any) -> str:
    """What a model is told of a structure to answer in, as text; nothing where there is none."""
    if schema is None or isinstance(schema, Mapping):
        return str(schema or "")
    try:
        return str(convert_to_openai_tool(schema))
    except (TypeError, ValueError):  # of a kind that only its model can read
        return str(schema)


def needs_of(options: Mapping[str, Any]) -> tuple[str, ...]:
    """Abilities that a call's tools and format take."""
    needs = []
    if options.get("tools"):
        needs.append("tools")
        if options.get("tool_choice") not in _LEFT_TO_THE_MODEL:
            needs.append("tool_choice")
    if options.get("response_format"):
        needs.append("structured_output")
    return tuple(needs)


def reserved_of(options: Mapping[str, Any]) -> int | None:
    """Tokens the answer may take; what is no number is left to the model to refuse."""
    given = (options.get(name) for name in _RESERVED)
    return next((int(value) for value in given if is_number(value) and value), None)
