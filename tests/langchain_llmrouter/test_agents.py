"""The router in agents: as their model, and as their middleware."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool
from langchain_full_fake import FullFake
from pydantic import BaseModel, Field

from langchain_llmrouter import (
    Always,
    Candidate,
    CascadeRouter,
    ChatLLMRouter,
    ConfigError,
    Flow,
    ModelPool,
    NoEligibleModel,
    Query,
    ReferenceMatch,
    Router,
    RoutingDecision,
    UnknownModel,
    routing_record,
)

pytest.importorskip("langchain.agents")

from langchain.agents import create_agent
from langchain.agents.middleware import (
    ContextEditingMiddleware,
    LLMToolSelectorMiddleware,
    ModelFallbackMiddleware,
    ModelRequest,
    ModelResponse,
    ModelRetryMiddleware,
    SummarizationMiddleware,
    wrap_model_call,
)
from langchain.agents.middleware.context_editing import ClearToolUsesEdit
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_anthropic import ChatAnthropic
from langchain_anthropic.middleware import AnthropicPromptCachingMiddleware
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import GraphInterrupt
from langgraph.graph import START, MessagesState, StateGraph

from langchain_llmrouter import LLMRouterMiddleware


class Weather(BaseModel):
    """The weather."""

    sky: str


class Joke(BaseModel):
    """A joke."""

    setup: str
    punchline: str


@tool
def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


class Agentic(FullFake):
    """Calls its tool once for each request, then says hello."""

    fail: Any = None

    def _generate(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        if self.fail is not None:
            self.calls.append(list(messages))
            raise self.fail
        return super()._generate(messages, stop, run_manager, **kwargs)


class Alternating(Router):
    """Another model at each call: what sticking has to keep in check."""

    n_asked = 0

    def flow(self, query: Query) -> Flow:
        eligible, rejected = self.pool.eligible(query)
        turned = self.n_asked % len(eligible)
        self.n_asked += 1
        ranking = (*eligible[turned:], *eligible[:turned])
        return RoutingDecision(ranking, "Alternating", "policy", "its turn", rejected=rejected)
        yield


def models(**fails: Any) -> dict[str, Agentic]:
    return {name: Agentic(model=name, fail=fails.get(name)) for name in ("a", "b")}


def chat(**fails: Any) -> ChatLLMRouter:
    pool = models(**fails)
    return ChatLLMRouter(models=pool, router=Always(pool))


ASKED = {"messages": [("user", "What about the weather in 'Rome'?")]}


def answers(result: Any) -> list[str]:
    """Which model wrote each of the agent's messages."""
    said = [message for message in result["messages"] if isinstance(message, AIMessage)]
    return [message.response_metadata["model_name"] for message in said]


async def run(agent: Any, form: str, config: Any = None, asked: Any = ASKED) -> Any:
    return agent.invoke(asked, config) if form == "invoke" else await agent.ainvoke(asked, config)


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
@pytest.mark.parametrize("failing", [False, True])
async def test_an_agent_with_tools_runs_on_the_router(form: str, failing: bool) -> None:
    agent = create_agent(chat(**({"a": ValueError()} if failing else {})), [get_weather])
    result = await run(agent, form)
    assert [m.type for m in result["messages"]] == ["human", "ai", "tool", "ai"]
    assert result["messages"][2].content == "sunny in Rome"
    assert answers(result) == (["b", "b"] if failing else ["a", "a"])


def test_tokens_of_an_agent_come_once() -> None:
    agent = create_agent(chat(), [get_weather])
    pieces = agent.stream(ASKED, stream_mode="messages")
    said = "".join(
        chunk.text
        for chunk, about in pieces
        if about["langgraph_node"] == "model" and isinstance(chunk, AIMessageChunk)
    )
    assert said == "hello from a"


def test_tokens_come_once_where_a_node_is_named_like_the_router() -> None:
    graph = StateGraph(MessagesState)
    router = chat()
    graph.add_node("ChatLLMRouter", lambda state: {"messages": router.invoke(state["messages"])})
    graph.add_edge(START, "ChatLLMRouter")
    pieces = graph.compile().stream({"messages": [("user", "hi")]}, stream_mode="messages")
    assert "".join(message.text for message, _ in pieces) == "hello from a"


@pytest.mark.parametrize("form", ["stream", "astream"])
@pytest.mark.parametrize("threshold", [0.0, 1.0])
@pytest.mark.parametrize("as_middleware", [False, True])
async def test_words_of_answers_that_were_only_heard_reach_no_user(
    form: str, threshold: float, as_middleware: bool
) -> None:
    pool = models()
    priced = [Candidate(name=name, input_price=i, output_price=i) for i, name in enumerate(pool)]
    router = CascadeRouter(priced, ReferenceMatch({"hi": "hello from nobody"}), threshold)
    agent = (
        create_agent(pool["a"], middleware=[LLMRouterMiddleware(pool, router)])
        if as_middleware
        else create_agent(ChatLLMRouter(pool, router))
    )
    asked: Any = {"messages": [("user", "hi")]}
    if form == "stream":
        pieces = list(agent.stream(asked, stream_mode="messages"))
    else:
        pieces = [piece async for piece in agent.astream(asked, stream_mode="messages")]
    said = "".join(message.text for message, _ in pieces)
    assert said == ("hello from b" if threshold else "hello from a")


def bare(*abilities: str) -> ChatLLMRouter:
    pool = ModelPool([Candidate(name=name, abilities=set(abilities)) for name in ("a", "b")])
    return ChatLLMRouter(models=models(), router=Always(pool))


def test_an_agent_answers_in_a_structure_by_way_of_a_tool() -> None:
    agent = create_agent(bare("tools", "tool_choice"), response_format=ToolStrategy(Weather))
    assert agent.invoke(ASKED)["structured_response"] == Weather(sky="Rome")


def test_native_structure_is_only_asked_of_models_that_have_it() -> None:
    agent = create_agent(bare("tools"), response_format=ProviderStrategy(Weather))
    with pytest.raises(NoEligibleModel, match="a lacks structured_output; b lacks"):
        agent.invoke(ASKED)
    able = create_agent(bare("tools", "structured_output"), response_format=ProviderStrategy(Joke))
    assert able.invoke(ASKED)["structured_response"].setup == "Why?"


def test_a_structure_counts_towards_the_window_in_the_middleware() -> None:
    class Long(Joke):
        setup: str = Field(description="long " * 300)

    each = models()
    able = ["tools", "structured_output"]
    small = Candidate(name="a", abilities=able, context_window=300)
    router = Always([small, Candidate(name="b", abilities=able)])
    for form in (ToolStrategy(Long), ToolStrategy(Long | Weather), ProviderStrategy(Long), Long):
        routing = LLMRouterMiddleware(each, router)
        agent = create_agent(each["a"], response_format=form, middleware=[routing])
        record = routing_record(agent.invoke(ASKED)["messages"][1])
        assert record is not None
        assert "exceed its window of 300" in record["rejected"]["a"]


def test_the_record_survives_a_checkpoint_and_the_thread_id_is_seen() -> None:
    pool = models()
    router = ChatLLMRouter(models=pool, router=Alternating(pool))
    agent = create_agent(router, [get_weather], checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}
    agent.invoke(ASKED, config)
    again = agent.invoke(ASKED, config)
    records = [routing_record(m) for m in again["messages"] if isinstance(m, AIMessage)]
    assert [record["model"] for record in records] == ["a", "a", "b", "b"]
    assert [record["cause"] for record in records] == ["policy", "tool_loop"] * 2


def test_without_records_answers_are_the_models_own_and_loops_still_hold() -> None:
    pool = models()
    router = ChatLLMRouter(models=pool, router=Alternating(pool), record=False)
    agent = create_agent(router, [get_weather])
    once = agent.invoke(ASKED)
    twice = agent.invoke({"messages": [*once["messages"], *ASKED["messages"]]})
    assert answers(twice) == ["a", "a", "b", "b"]
    assert not any(routing_record(message) for message in twice["messages"])
    assert [len(model.calls) for model in pool.values()] == [2, 2]


@pytest.mark.parametrize("inner_records", [True, False])
@pytest.mark.parametrize("outer", ["recording", "silent", "middleware"])
@pytest.mark.parametrize("name", ["b", "within"])
def test_a_router_within_another_stays_in_its_loops(
    name: str, outer: str, inner_records: bool
) -> None:
    pool = models()
    inner = ChatLLMRouter(pool, Alternating(pool), record=inner_records)
    over = {name: inner, "other": Agentic(model="other")}
    if outer == "middleware":
        own = LLMRouterMiddleware(over, Always(over))
        agent = create_agent(inner, [get_weather], middleware=[own])
    else:
        router = ChatLLMRouter(over, Always(over), record=outer == "recording")
        agent = create_agent(router, [get_weather])
    once = agent.invoke(ASKED)
    assert answers(once) == ["a", "a"]
    twice = agent.invoke({"messages": [*once["messages"], *ASKED["messages"]]})
    assert answers(twice) == ["a", "a", "b", "b"]


def test_consumers_of_a_model_take_the_router() -> None:
    router = chat()
    middleware = [
        SummarizationMiddleware(router, trigger=("tokens", 500)),
        SummarizationMiddleware(router, trigger=("fraction", 0.5)),
        LLMToolSelectorMiddleware(model=router, max_tools=1, always_include=["get_weather"]),
        ContextEditingMiddleware(edits=[ClearToolUsesEdit(trigger=10)], token_count_method="model"),
        ModelFallbackMiddleware(router),
        ModelRetryMiddleware(max_retries=1),
    ]
    for one in middleware:
        agent = create_agent(router, [get_weather], middleware=[one])
        assert answers(agent.invoke(ASKED)) == ["a", "a"]


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
async def test_a_forced_model_can_be_kept_from_a_subagent(form: str) -> None:
    inner = ChatLLMRouter(models={"c": Agentic(model="c")}, router=Always(["c"]))
    within = create_agent(inner)

    def asking(agent: Any) -> Any:
        @tool
        async def ask(city: str) -> str:
            """Ask another agent about a city."""
            return answers(await run(agent, form))[-1]

        @tool("ask")
        def ask_now(city: str) -> str:
            """Ask another agent about a city."""
            return answers(agent.invoke(ASKED))[-1]

        return create_agent(chat(), [ask if form == "ainvoke" else ask_now])

    config: Any = {"configurable": {"llmrouter_model": "b"}}
    with pytest.raises(UnknownModel, match=r"by \.with_config\(configurable=") as caught:
        await run(asking(within), form, config)
    assert "no model 'b' in the pool; there are c" in str(caught.value)
    apart = within.with_config(configurable={"llmrouter_model": None})
    result = await run(asking(apart), form, config)
    assert answers(result) == ["b", "b"]
    assert result["messages"][2].text == "c"


def with_middleware(
    pool: Any, router: Router, *others: Any, first: bool = True, **more: Any
) -> Any:
    own = LLMRouterMiddleware(pool, router)
    listed = [own, *others] if first else [*others, own]
    return create_agent(pool["b"], [get_weather], middleware=listed, **more)


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
async def test_the_middleware_routes_turns_and_stays_in_loops(form: str) -> None:
    pool = models()
    agent = with_middleware(pool, Alternating(pool), checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}
    first = await run(agent, form, config)
    second = await run(agent, form, config)
    assert answers(first) == ["a", "a"]
    assert answers(second) == ["a", "a", "b", "b"]
    assert "llm_router" not in second
    assert agent.get_state(config).values["llm_router"]["model"] == "b"


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
async def test_the_middleware_goes_on_with_the_next_model(form: str) -> None:
    pool = models(a=ValueError("key sk-sentinel"))
    result = await run(with_middleware(pool, Always(pool)), form)
    assert answers(result) == ["b", "b"]
    assert len(pool["a"].calls) == 1  # stays with b in the loop
    assert "sk-sentinel" not in str(routing_record(result["messages"][1]))


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
@pytest.mark.parametrize("first", [True, False])
async def test_a_backup_is_reached_from_either_side(form: str, first: bool) -> None:
    pool = models(a=ValueError(), b=ValueError())
    backup = Agentic(model="backup")
    fallback = ModelFallbackMiddleware(backup)
    result = await run(with_middleware(pool, Always(pool), fallback, first=first), form)
    assert answers(result) == ["backup", "backup"]


def test_a_failed_model_is_not_asked_again_in_a_step_unless_all_failed() -> None:
    pool = models(a=ValueError())

    @wrap_model_call
    def twice(request: Any, handler: Any) -> Any:
        handler(request)
        return handler(request)

    with_middleware(pool, Always(pool), twice, first=False).invoke(ASKED)
    assert len(pool["a"].calls) == 1
    pool = models(a=ValueError("down"), b=ValueError("down"))
    retry = ModelRetryMiddleware(max_retries=1, initial_delay=0, on_failure="error")
    with pytest.raises(ValueError, match="down"):
        with_middleware(pool, Always(pool), retry, first=False).invoke(ASKED)
    assert [len(model.calls) for model in pool.values()] == [2, 2]


def test_several_routers_in_an_agent_are_no_conflict() -> None:
    class Second(LLMRouterMiddleware):
        """Another of its kind: an agent takes each class once."""

    pool = models()
    agent = with_middleware(pool, Always(pool), Second(pool, Alternating(pool)))
    assert answers(agent.invoke(ASKED)) == ["a", "a"]


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_the_middleware_can_be_copied(duplicate: Any) -> None:
    pool = models()
    twin = duplicate(LLMRouterMiddleware(pool, Always(pool)))
    assert answers(create_agent(pool["b"], [get_weather], middleware=[twin]).invoke(ASKED)) == [
        "a",
        "a",
    ]
    assert pool["a"].calls == []


def test_no_conversation_is_kept_after_its_steps() -> None:
    pool = models()
    agent = with_middleware(pool, Always(pool))
    asked = HumanMessage("What about the weather in 'Rome'?")
    kept = weakref.ref(asked)
    agent.invoke({"messages": [asked]})
    for model in pool.values():
        model.calls.clear()
    del asked
    gc.collect()
    assert kept() is None


def test_the_middleware_serves_a_request_from_outside_a_graph() -> None:
    pool = models(a=ValueError())
    request: Any = ModelRequest(model=pool["a"], messages=[HumanMessage("hi")])

    def handler(asked: Any) -> Any:
        return ModelResponse(result=[asked.model.invoke(asked.messages)])

    for _ in range(2):
        response: Any = LLMRouterMiddleware(pool, Always(pool)).wrap_model_call(request, handler)
        assert response.model_response.result[0].text == "hello from b"


def test_an_interrupt_passes_through() -> None:
    pool = models(a=GraphInterrupt())
    with_middleware(pool, Always(pool)).invoke(ASKED)
    assert pool["b"].calls == []


def test_the_middleware_answers_in_a_structure() -> None:
    pool = models()
    agent = create_agent(
        pool["b"], response_format=Weather, middleware=[LLMRouterMiddleware(pool, Always(pool))]
    )
    pool["a"].profile = pool["b"].profile = {"structured_output": False, "tool_calling": True}
    assert agent.invoke(ASKED)["structured_response"] == Weather(sky="Rome")


class Claude(ChatAnthropic):
    """Shows what it would send."""

    sent: list[Any] = []  # noqa: RUF012 - pydantic copies it
    broken: bool = False

    def _generate(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        self.sent.append(self._get_request_payload(messages, stop=stop, **kwargs))
        if self.broken:
            raise ValueError
        message = AIMessage("hello", response_metadata={"model_name": "claude"})
        return ChatResult(generations=[ChatGeneration(message=message)])


@pytest.mark.parametrize("broken", [False, True])
def test_inner_caching_sees_the_real_model_and_its_marks_go_nowhere_else(broken: bool) -> None:
    sent: list[Any] = []

    class Other(FullFake):
        def _generate(self, messages: Any, *args: Any, **kwargs: Any) -> ChatResult:
            sent.append((messages, kwargs))
            return super()._generate(messages, *args, **kwargs)

    claude = Claude(model="claude-sonnet-4-5", api_key="x", broken=broken)
    pool: Any = {"claude": claude, "other": Other(model="other")}
    agent = create_agent(
        pool["other"],
        system_prompt="Be brief.",
        middleware=[
            LLMRouterMiddleware(pool, Always(pool)),
            AnthropicPromptCachingMiddleware(unsupported_model_behavior="ignore"),
        ],
    )
    marked = HumanMessage([{"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}])
    result = agent.invoke({"messages": [marked]})
    assert "cache_control" in str(claude.sent[0]["system"])
    assert answers(result) == ["other" if broken else "claude"]
    assert "cache_control" not in str(sent)
    assert "cache_control" in str(marked)


def test_a_wrong_argument_is_told() -> None:
    pool = models()
    with pytest.raises(ConfigError, match="no option failovr"):
        LLMRouterMiddleware(pool, Always(pool), failovr=False)
    with pytest.raises(ConfigError, match="failover is True or False, not 'no'"):
        LLMRouterMiddleware(pool, Always(pool), failover="no")
    with pytest.raises(ConfigError, match="agents take chat models"):
        LLMRouterMiddleware({"a": pool["a"] | str}, Always(["a"]))  # type: ignore[dict-item]
    with pytest.raises(ConfigError, match="models is a mapping of names, not a list"):
        LLMRouterMiddleware([pool["a"]], Always(["a"]))  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="an instance, not the class Always"):
        LLMRouterMiddleware(pool, Always)  # type: ignore[arg-type]


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
async def test_a_wish_that_is_misspelt_is_never_dropped(form: str) -> None:
    pool = models()
    config = {"configurable": {"llmrouter_tag": ["eu"]}}
    with pytest.raises(ConfigError, match="it is called llmrouter_tags"):
        await run(with_middleware(pool, Always(pool)), form, config)


def test_the_steps_that_are_remembered_are_bounded() -> None:
    pool = models()
    middleware = LLMRouterMiddleware(pool, Always(pool))

    def ask(task: int) -> None:
        info = SimpleNamespace(task_id=str(task), node_first_attempt_time=0.0)
        request: Any = ModelRequest(
            model=pool["a"],
            messages=[HumanMessage("hi")],
            runtime=SimpleNamespace(execution_info=info),  # type: ignore[arg-type]
        )
        middleware.wrap_model_call(request, lambda asked: ModelResponse([AIMessage("hello")]))

    for task in range(257):
        ask(task)
    assert len(middleware._steps._by_task) == 256


def test_a_tool_message_is_read_by_the_model_that_called() -> None:
    pool = models()
    router = ChatLLMRouter(models=pool, router=Alternating(pool))
    called = router.bind_tools([get_weather]).invoke("What about 'Rome'?")
    read = ToolMessage("sunny", tool_call_id=called.tool_calls[0]["id"])
    asked = [HumanMessage("What about 'Rome'?"), called, read]
    assert [router.invoke(asked).response_metadata["model_name"] for _ in range(3)] == ["a"] * 3


def test_a_prebuilt_agent_takes_the_router_in_six_forms() -> None:
    prebuilt = pytest.importorskip("langgraph.prebuilt")
    router = chat()
    forms: Iterator[Any] = iter(
        (
            router,
            router.bind_tools([get_weather]),
            lambda state, runtime: router.bind_tools([get_weather]),
            router.with_config(tags=["t"]),
            router.with_fallbacks([Agentic(model="backup")]),
        )
    )
    for form in forms:
        result = prebuilt.create_react_agent(form, [get_weather]).invoke(ASKED)
        assert answers(result) == ["a", "a"]
    agent = prebuilt.create_react_agent(router, [get_weather], response_format=Weather)
    assert isinstance(agent.invoke(ASKED)["structured_response"], Weather)
