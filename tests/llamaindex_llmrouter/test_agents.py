"""RouterLLM in LlamaIndex' agents."""

from __future__ import annotations

from typing import Any

import pytest
from llama_index.core.agent.workflow import AgentStream, AgentWorkflow, FunctionAgent, ReActAgent
from llama_index.core.base.llms.types import CompletionResponse
from llama_index.core.llms import MockLLM
from llama_index.core.tools import FunctionTool
from pydantic import Field

from llamaindex_llmrouter import (
    Always,
    Cheapest,
    Flow,
    Query,
    Router,
    RouterLLM,
    RoutingDecision,
)


def weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


WEATHER = FunctionTool.from_defaults(weather)


class Alternating(Router):
    """Takes the next model of the pool every time: the worst case for a tool loop."""

    turn = -1

    def flow(self, query: Query) -> Flow:
        eligible, rejected = self.pool.eligible(query)
        self.turn += 1
        names = (*eligible[self.turn % len(eligible) :], *eligible[: self.turn % len(eligible)])
        return RoutingDecision(names, "Alternating", "baseline", "next", rejected=rejected)
        yield


@pytest.mark.parametrize("streaming", [True, False])
async def test_a_function_agent_calls_tools(streaming: bool, make: Any, heard: Any) -> None:
    llm = make(a={"calls_tools": False})
    agent = FunctionAgent(tools=[WEATHER], llm=llm, streaming=streaming)
    output = await agent.run("what weather?")
    (call,) = output.tool_calls
    assert call.tool_output.content == "sunny in b"
    assert call.tool_id == "call-weather read by b"
    assert str(output) == "hello from b"
    assert not llm.models["a"].calls
    pairs = heard.names("LLMChatStartEvent", "LLMChatEndEvent", "RoutingDecisionEvent")
    assert pairs == ["RoutingDecisionEvent", "LLMChatStartEvent", "LLMChatEndEvent"] * 2


@pytest.mark.parametrize(("sticky", "last"), [("off", "b"), ("tool_loop", "a")])
@pytest.mark.parametrize("streaming", [True, False])
async def test_each_response_is_read_by_its_model_and_a_tool_loop_never_switches(
    sticky: str, last: str, streaming: bool, make: Any
) -> None:
    llm = make(router=Alternating(["a", "b"]), options={"sticky": sticky})
    output = await FunctionAgent(tools=[WEATHER], llm=llm, streaming=streaming).run("weather?")
    (call,) = output.tool_calls
    assert call.tool_id == "call-weather read by a"
    assert str(output) == f"hello from {last}"


class Thinking(MockLLM):
    """A model without tools that reasons as a ReAct agent wants it to; remembers its prompts."""

    asked: list[Any] = Field(default_factory=list, exclude=True)

    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        self.asked.append(prompt)
        if "Observation: sunny" in prompt:
            return CompletionResponse(text="Thought: I know.\nAnswer: It is sunny.")
        text = 'Thought: I look.\nAction: weather\nAction Input: {"city": "Porto"}'
        return CompletionResponse(text=text)


async def test_a_react_agents_loop_is_a_tool_loop() -> None:
    judged: list[Query] = []

    class Noting(Alternating):
        def flow(self, query: Query) -> Flow:
            judged.append(query)
            return super().flow(query)

    models = {"a": Thinking(), "b": Thinking()}
    llm = RouterLLM(models, Noting(["a", "b"]))
    agent = ReActAgent(tools=[WEATHER], llm=llm, streaming=False)
    assert str(await agent.run("what weather?")) == "It is sunny."
    assert [len(model.asked) for model in models.values()] == [2, 0]
    assert [query.text for query in judged] == ["what weather?"]


async def test_an_agents_stream_shows_the_text_once(make: Any) -> None:
    handler = FunctionAgent(tools=[WEATHER], llm=make()).run("what weather?")
    events = [event async for event in handler.stream_events()]
    deltas = [event.delta for event in events if isinstance(event, AgentStream)]
    assert "".join(deltas).strip() == "hello from a"
    await handler


async def test_an_agent_goes_on_when_a_model_fails(make: Any) -> None:
    agent = FunctionAgent(tools=[WEATHER], llm=make(a={"fail": TimeoutError()}))
    assert str(await agent.run("what weather?")) == "hello from b"


async def test_a_workflow_takes_the_router_for_one_that_calls_tools(make: Any) -> None:
    workflow = AgentWorkflow.from_tools_or_functions([weather], llm=make())
    assert isinstance(next(iter(workflow.agents.values())), FunctionAgent)
    assert str(await workflow.run("what weather?")) == "hello from a"


async def test_a_react_agent_runs_on_models_without_tools(make: Any) -> None:
    pool = [
        {"name": "a", "input_price": 2, "output_price": 2},
        {"name": "b", "input_price": 1, "output_price": 1},
    ]
    llm = make(router=Cheapest(pool), a={"calls_tools": False}, b={"calls_tools": False})
    output = await ReActAgent(tools=[WEATHER], llm=llm).run("what weather?")
    assert "hello from b" in str(output)


async def test_agents_keep_nothing_of_ours_in_messages(make: Any) -> None:
    llm = make(router=Always(["a", "b"]))
    await FunctionAgent(tools=[WEATHER], llm=llm).run("what weather?")
    sent = [message for call in llm.models["a"].calls for message in call["asked"]]
    assert len(sent) >= 4
    assert all("llm_router" not in message.additional_kwargs for message in sent)
