"""Engines put together without LlamaIndex' default LLM, which would want a key."""

from __future__ import annotations

from typing import Any

import pytest
from llama_index.core import Document, Settings, SummaryIndex
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.query_engine import CustomQueryEngine
from llama_index.core.settings import _Settings
from llama_index.core.tools import FunctionTool, QueryEngineTool, RetrieverTool

from llamaindex_llmrouter import (
    ConfigError,
    RoutedSelection,
    RouterSelector,
    RouterToolRetriever,
    router_query_engine,
    router_retriever,
    tool_router_query_engine,
)

ABOUT = {"summary": "summarises documents", "sql": "counts rows of the tables"}
GIST, COUNT = "What is the gist?", "How many rows?"


class Engine(CustomQueryEngine):
    """Answers with its name."""

    name: str

    def custom_query(self, query_str: str) -> str:
        return f"{self.name} answers"


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever touches ``Settings.llm`` fails."""

    def touched(self: Any) -> Any:
        raise AssertionError("Settings.llm was touched")

    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setattr(_Settings, "llm", property(touched))
    with pytest.raises(AssertionError):
        _ = Settings.llm


def tools() -> list[QueryEngineTool]:
    return [QueryEngineTool.from_defaults(Engine(name=n), n, about) for n, about in ABOUT.items()]


async def asked(engine: Any, form: str, question: str) -> Any:
    value = getattr(engine, form)(question)
    return await value if form[0] == "a" else value


@pytest.mark.parametrize("form", ["query", "aquery"])
async def test_a_query_engine(form: str) -> None:
    engine = router_query_engine(tools())
    response = await asked(engine, form, GIST)
    assert str(response) == "summary answers"
    selected = response.metadata["selector_result"]
    assert isinstance(selected, RoutedSelection)
    assert selected.scores[0] is not None
    assert selected.scores[0] > 0.5
    assert str(await asked(engine, form, COUNT)) == "sql answers"


@pytest.mark.parametrize("make", [router_query_engine, router_retriever, tool_router_query_engine])
def test_tools_of_another_kind_are_told(make: Any) -> None:
    with pytest.raises(ConfigError, match="not a FunctionTool"):
        make([FunctionTool.from_defaults(asked)])


@pytest.mark.parametrize("form", ["query", "aquery"])
async def test_joining_answers_takes_an_llm(form: str, make: Any) -> None:
    selector = RouterSelector(max_outputs=2)
    response = await asked(router_query_engine(tools(), selector, llm=make()), form, GIST)
    assert str(response) == "hello from a"
    with pytest.raises(ConfigError, match="give the engine an llm"):
        await asked(router_query_engine(tools(), selector), form, GIST)


@pytest.mark.parametrize("form", ["query", "aquery"])
async def test_the_llm_that_was_set_joins_answers(
    form: str, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Settings, "llm", property(lambda self: self._llm))
    monkeypatch.setattr(Settings, "_llm", make())
    both = RouterSelector(max_outputs=2)
    assert str(await asked(router_query_engine(tools(), both), form, GIST)) == "hello from a"
    anew = tool_router_query_engine(tools(), both)
    assert str(await asked(anew, form, GIST)) == "hello from a"
    other = make(a={"fail": TimeoutError()})
    given = router_query_engine(tools(), both, llm=other)
    assert str(await asked(given, form, GIST)) == "hello from b"


@pytest.mark.parametrize("form", ["query", "aquery"])
async def test_tools_found_anew_for_every_query(form: str) -> None:
    engine = tool_router_query_engine(tools())
    assert str(await asked(engine, form, GIST)) == "summary answers"
    assert str(await asked(engine, form, COUNT)) == "sql answers"
    narrowed = RouterToolRetriever(tools(), RouterSelector(max_outputs=2))
    again = tool_router_query_engine(narrowed, RouterSelector())
    assert str(await asked(again, form, COUNT)) == "sql answers"


@pytest.mark.parametrize("form", ["retrieve", "aretrieve"])
async def test_a_retriever(form: str) -> None:
    retrievers = [
        RetrieverTool.from_defaults(
            SummaryIndex.from_documents([Document(text=f"of {name}")]).as_retriever(),
            name=name,
            description=about,
        )
        for name, about in ABOUT.items()
    ]
    (node,) = await asked(router_retriever(retrievers), form, COUNT)
    assert node.text == "of sql"
    both = router_retriever(retrievers, RouterSelector(max_outputs=2))
    assert len(await asked(both, form, COUNT)) == 2


@pytest.mark.parametrize("form", ["retrieve", "aretrieve"])
async def test_a_tool_retriever(form: str) -> None:
    (tool,) = await asked(RouterToolRetriever(tools()), form, COUNT)
    assert tool.metadata.name == "sql"
    inner = RouterToolRetriever(tools(), RouterSelector(max_outputs=2))
    (tool,) = await asked(RouterToolRetriever(inner), form, GIST)
    assert tool.metadata.name == "summary"


async def test_an_agent_gets_the_tools_its_question_takes(make: Any) -> None:
    def weather(city: str) -> str:
        """The weather in a city."""
        return f"sunny in {city}"

    def mail(to: str) -> str:
        """Sends an e-mail."""
        return to

    offered = [FunctionTool.from_defaults(weather), FunctionTool.from_defaults(mail)]
    llm = make()
    agent = FunctionAgent(tool_retriever=RouterToolRetriever(offered), llm=llm)
    output = await agent.run("Will it rain tomorrow?")
    assert [call.tool_name for call in output.tool_calls] == ["weather"]
    assert all(len(call["tools"]) == 1 for call in llm.models["a"].calls)
