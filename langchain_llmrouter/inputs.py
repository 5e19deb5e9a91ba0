"""Any input as a query: text, messages, a prompt, or a mapping that holds one."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Final

from langchain_core.messages import BaseMessage, convert_to_messages
from langchain_core.prompt_values import PromptValue

from langchain_llmrouter.messages import Latest, query_of
from shared_core.errors import ConfigError
from shared_core.query import Query

_USUAL_KEYS: Final = ("messages", "input", "question", "query", "text", "chat_history")


def query_of_input(input: Any, latest: Latest | None = None, **about: Any) -> Query:
    """What is asked in an input whose kind nobody told.

    Args:
        input: a text, a message, messages, a prompt value, or a mapping with one of these under a
            usual key (messages, input, question, query, text) or as its only text.
        latest: says who wrote the newest answer, where their records do not.
        about: further fields of the query.

    Raises:
        ConfigError: it is none of these.
    """
    if isinstance(input, str):
        return Query(input, **about)
    if isinstance(input, BaseMessage):
        return query_of([input], latest=latest, **about)
    if isinstance(input, PromptValue):
        return query_of(input.to_messages(), latest=latest, **about)
    if isinstance(input, Mapping):
        return query_of_input(_within(input), latest, **about)
    if isinstance(input, list | tuple) and input:
        return query_of(convert_to_messages(input), latest=latest, **about)
    raise _unclear(input)


def goes_on(input: Any) -> bool:
    """Whether it asks nothing new: LangGraph's ways to go on with a run that was interrupted."""
    langgraph = sys.modules.get("langgraph.types")
    return input is None or (langgraph is not None and isinstance(input, langgraph.Command))


def _within(input: Mapping[str, Any]) -> Any:
    for key in _USUAL_KEYS:
        if isinstance(input.get(key), str | BaseMessage | PromptValue | list | tuple):
            return input[key]
    texts = [value for value in input.values() if isinstance(value, str)]
    if len(texts) == 1:
        return texts[0]
    raise _unclear(input)


def _unclear(input: Any) -> ConfigError:
    kind = f"mapping of {', '.join(input)}" if isinstance(input, Mapping) else type(input).__name__
    told = f"no text to judge in a {kind}: give text=, a function of the input"
    begun = "; nobody is known who began what is to go on: name it by llmrouter_model"
    return ConfigError(told + begun if goes_on(input) else told)
