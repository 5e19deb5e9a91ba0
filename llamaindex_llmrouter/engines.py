"""LlamaIndex' routing engines, put together without its default LLM, which wants an API key.

A selector needs no LLM; an engine needs one only to join the answers of several engines.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from llama_index.core import Settings
from llama_index.core.base.base_selector import BaseSelector
from llama_index.core.llms import CustomLLM, LLMMetadata
from llama_index.core.llms.llm import LLM
from llama_index.core.objects.base import ObjectRetriever
from llama_index.core.query_engine import RouterQueryEngine, ToolRetrieverRouterQueryEngine
from llama_index.core.retrievers import RouterRetriever
from llama_index.core.schema import QueryType
from llama_index.core.tools import BaseTool, QueryEngineTool, RetrieverTool

from llamaindex_llmrouter.selector import RouterSelector
from shared_core.errors import ConfigError


class NoLLM(CustomLLM):
    """Stands where LlamaIndex wants an LLM that nobody is going to ask; says so when asked."""

    @classmethod
    def class_name(cls) -> str:
        return "NoLLM"

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(model_name="none")

    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> NoReturn:
        raise ConfigError("several answers are to be joined: give the engine an llm to do it")

    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> NoReturn:
        self.complete(prompt)


class RouterToolRetriever(ObjectRetriever[Any]):
    """Finds the tools for a query with a selector: query engines for
    ``ToolRetrieverRouterQueryEngine``, any tools for an agent's ``tool_retriever``.

    Args:
        tools: the tools, or a retriever that finds a first few of them for each query.
        selector: selects among those; by their descriptions when not given.
    """

    def __init__(
        self,
        tools: Sequence[BaseTool] | ObjectRetriever[Any],
        selector: BaseSelector | None = None,
    ) -> None:
        self.tools = tools if isinstance(tools, ObjectRetriever) else list(tools)
        self.selector = selector or RouterSelector()

    def retrieve(self, str_or_query_bundle: QueryType) -> list[Any]:
        """The selected tools, the best first."""
        offered = self.tools
        if isinstance(offered, ObjectRetriever):
            offered = offered.retrieve(str_or_query_bundle)
        chosen = self.selector.select([tool.metadata for tool in offered], str_or_query_bundle)
        return [offered[index] for index in chosen.inds]

    async def aretrieve(self, str_or_query_bundle: QueryType) -> list[Any]:
        """``retrieve`` without blocking the event loop."""
        offered = self.tools
        if isinstance(offered, ObjectRetriever):
            offered = await offered.aretrieve(str_or_query_bundle)
        metadata = [tool.metadata for tool in offered]
        chosen = await self.selector.aselect(metadata, str_or_query_bundle)
        return [offered[index] for index in chosen.inds]


def router_query_engine(
    tools: Sequence[QueryEngineTool],
    selector: BaseSelector | None = None,
    *,
    llm: LLM | None = None,
    **options: Any,
) -> RouterQueryEngine:
    """A query engine that asks the selected of several engines.

    Args:
        tools: the query engines.
        selector: by the tools' descriptions when not given.
        llm: joins answers, where the selector selects several; not needed otherwise. When not
            given, that of ``Settings``, if one was set there.
        options: see ``RouterQueryEngine``.
    """
    _check(tools, QueryEngineTool)
    return RouterQueryEngine(selector or RouterSelector(), tools, llm=_joining(llm), **options)


def router_retriever(
    tools: Sequence[RetrieverTool], selector: BaseSelector | None = None, **options: Any
) -> RouterRetriever:
    """A retriever that asks the selected of several retrievers.

    Args:
        tools: the retrievers.
        selector: by the tools' descriptions when not given.
        options: see ``RouterRetriever``.
    """
    _check(tools, RetrieverTool)
    return RouterRetriever(selector or RouterSelector(), tools, **{"llm": NoLLM(), **options})


def tool_router_query_engine(
    tools: Sequence[QueryEngineTool] | ObjectRetriever[QueryEngineTool],
    selector: BaseSelector | None = None,
    *,
    llm: LLM | None = None,
    **options: Any,
) -> ToolRetrieverRouterQueryEngine:
    """A query engine that finds its engines anew for every query.

    Args:
        tools: the query engines, or a retriever that finds a first few of them.
        selector: selects among those; by their descriptions when not given.
        llm: joins answers, where the selector selects several; not needed otherwise. When not
            given, that of ``Settings``, if one was set there.
        options: see ``ToolRetrieverRouterQueryEngine``.
    """
    if not isinstance(tools, ObjectRetriever):
        _check(tools, QueryEngineTool)
    retriever = RouterToolRetriever(tools, selector)
    return ToolRetrieverRouterQueryEngine(retriever, llm=_joining(llm), **options)


def _check(tools: Sequence[BaseTool], kind: type[BaseTool]) -> None:
    if odd := [type(tool).__name__ for tool in tools if not isinstance(tool, kind)]:
        raise ConfigError(f"the tools are each a {kind.__name__}, not a {odd[0]}")


def _joining(llm: LLM | None) -> LLM:
    """Who joins answers; looking at ``Settings.llm`` when nothing was set there would set it."""
    if llm is not None:
        return llm
    return NoLLM() if Settings._llm is None else Settings.llm
