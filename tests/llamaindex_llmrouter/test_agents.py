"""RouterLLM in LlamaIndex' agents."""

from __future__ import annotations

from typing import Any

import pytest
from llama_index.core.agent.workflow import (
    AgentStream,
    AgentWorkflow,
    CodeActAgent,
    FunctionAgent,
    ReActAgent,
)
from llama_index.core.base.llms.types import CompletionResponse
from llama_index.core.llms import MockLLM
from llama_index.core.memory import Memory
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


class Noting(Alternating):
    """Remembers what it judged."""

    def __init__(self, pool: list[str]) -> None:
        super().__init__(pool)
        self.judged: list[str] = []

    def flow(self, query: Query) -> Flow:
        self.judged.append(query.text)
        return super().flow(query)


async def test_a_react_agents_loop_is_a_tool_loop() -> None:
    models, router = {"a": Thinking(), "b": Thinking()}, Noting(["a", "b"])
    agent = ReActAgent(tools=[WEATHER], llm=RouterLLM(models, router), streaming=False)
    assert str(await agent.run("what weather?")) == "It is sunny."
    assert [len(model.asked) for model in models.values()] == [2, 0]
    assert router.judged == ["what weather?"]


class Scripted(MockLLM):
    """A model without tools that says one line of a script after the other."""

    script: list[str] = Field(default_factory=list)
    asked: list[Any] = Field(default_factory=list, exclude=True)

    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        self.asked.append(prompt)
        return CompletionResponse(text=self.script[len(self.asked) - 1])


SCRIPTS = {
    CodeActAgent: ["<execute>\nprint(1 + 1)\n</execute>"] * 2 + ["It is 2."],
    ReActAgent: ["", "Action: weather", "Thought: I know.\nAnswer: It is 2."],
}
"""Kind of agent -> what its model says: code and an answer; nothing, bad form and an answer."""


@pytest.mark.parametrize("kind", SCRIPTS)
async def test_what_an_agent_says_in_its_humans_name_is_no_new_question(kind: Any) -> None:
    async def run(code: str) -> str:
        return "2"

    models = {name: Scripted() for name in ("a", "b")}
    for model in models.values():
        model.script = SCRIPTS[kind]
    router = Noting(["a", "b"])
    extra = {"code_execute_fn": run} if kind is CodeActAgent else {}
    llm = RouterLLM(models, router)
    agent = kind(tools=[WEATHER], llm=llm, streaming=False, **extra)
    assert str(await agent.run("what is 1 + 1?")) == "It is 2."
    assert [len(model.asked) for model in models.values()] == [3, 0]
    assert router.judged == ["what is 1 + 1?"]


@pytest.mark.parametrize("state_prompt", [None, "{msg}\n(what we know: {state})"])
async def test_a_workflows_state_hides_neither_question_nor_tool_loop(
    state_prompt: str | None, make: Any
) -> None:
    router, state = Noting(["a", "b"]), {"notes": "prove Fermat's last theorem"}
    llm = make(router=router)
    agent = FunctionAgent(tools=[WEATHER], llm=llm, initial_state=state, state_prompt=state_prompt)
    memory = Memory.from_defaults(session_id="1", token_limit=4000)
    await agent.run("what weather?", memory=memory)
    assert [len(llm.models[name].calls) for name in ("a", "b")] == [2, 0]
    (judged,) = router.judged
    assert state_prompt or judged == "what weather?"


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
