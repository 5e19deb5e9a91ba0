"""Whole chains as candidates, any input, and LangGraph's signals passing through."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda
from langchain_fakes import FakeProvider

from langchain_llmrouter import (
    Always,
    Candidate,
    CascadeRouter,
    ChatLLMRouter,
    ConfigError,
    Flow,
    PoolError,
    Query,
    ReferenceMatch,
    Router,
    RoutingDecision,
    RoutingEvent,
    RunnableLLMRouter,
)


class Named(Router):
    """Takes the runnable that the text names."""

    def flow(self, query: Query) -> Flow:
        eligible, _ = self.pool.eligible(query)
        ranking = sorted(eligible, key=lambda name: name not in query.text)
        return RoutingDecision(tuple(ranking), "Named", "policy", "named")
        yield


def answering(name: str) -> Any:
    return RunnableLambda(lambda input: f"{name} got {input}")


def failing(error: BaseException) -> Any:
    def fail(_: Any) -> Any:
        raise error

    return RunnableLambda(fail)


def router(**options: Any) -> RunnableLLMRouter:
    runnables = {name: answering(name) for name in ("plain", "agent")} | options.pop("over", {})
    return RunnableLLMRouter(runnables=runnables, router=Named(["plain", "agent"]), **options)


async def ask(chain: Any, form: str, input: Any, config: Any = None) -> Any:
    if form == "invoke":
        return chain.invoke(input, config)
    if form == "ainvoke":
        return await chain.ainvoke(input, config)
    if form == "stream":
        return "".join(chain.stream(input, config))
    if form == "astream":
        return "".join([piece async for piece in chain.astream(input, config)])
    return chain.batch([input], config)[0] if form == "batch" else (await chain.abatch([input]))[0]


FORMS = ("invoke", "ainvoke", "stream", "astream", "batch", "abatch")


@pytest.mark.parametrize("form", FORMS)
async def test_every_form_gives_the_chosen_chains_own_answer(form: str) -> None:
    assert await ask(router(), form, "agent") == "agent got agent"
    assert await ask(router(), form, "plain") == "plain got plain"


@pytest.mark.parametrize(
    "input",
    [
        "agent",
        HumanMessage("agent"),
        [("user", "agent")],
        [HumanMessage("agent"), AIMessage("plain"), HumanMessage("yes")],
        ChatPromptTemplate.from_template("{q}").invoke({"q": "agent"}),
        {"messages": [("user", "agent")]},
        {"question": "agent", "context": ["plain"]},
        {"anything": "agent", "number": 3},
    ],
)
async def test_any_usual_input_is_understood(input: Any) -> None:
    assert router().route(input).model == "agent"
    assert (await router().aroute(input)).model == "agent"
    assert router().invoke(input).startswith("agent got ")


def test_an_unusual_input_takes_a_function() -> None:
    with pytest.raises(ConfigError, match="no text to judge in a mapping of a, b: give text="):
        router().invoke({"a": "plain", "b": "agent"})
    with pytest.raises(ConfigError, match="no text to judge in a int"):
        router().invoke(3)
    told = router(text=lambda input: input["b"])
    assert told.invoke({"a": "plain", "b": "agent"}).startswith("agent got ")


@pytest.mark.parametrize("form", FORMS)
async def test_a_failing_chain_is_replaced(form: str) -> None:
    chain = router(over={"agent": failing(ValueError())})
    assert await ask(chain, form, "agent") == "plain got agent"
    down = {name: failing(ValueError("down")) for name in ("plain", "agent")}
    with pytest.raises(ValueError, match="down"):
        await ask(router(over=down), form, "x")


@pytest.mark.parametrize("form", FORMS)
async def test_an_interrupt_is_no_failure(form: str) -> None:
    errors = pytest.importorskip("langgraph.errors")
    signal = errors.GraphInterrupt()
    with pytest.raises(errors.GraphInterrupt):
        await ask(router(over={"agent": failing(signal)}), form, "agent")


def test_config_reaches_the_chain_and_the_decision_is_in_the_trace() -> None:
    runs: list[tuple[str, Any]] = []

    class Watching(BaseCallbackHandler):
        def on_chain_start(self, serialized: Any, inputs: Any, **kwargs: Any) -> None:
            runs.append((kwargs["name"], kwargs["metadata"].get("llmrouter_model")))

        def on_chain_end(self, outputs: Any, **kwargs: Any) -> None:
            runs.append(("ended", outputs))

    config: Any = {"callbacks": [Watching()], "metadata": {"m": 1}, "run_name": "mine"}
    router().invoke("agent", config)
    assert runs[0] == ("mine", None)
    assert runs[1][1] == "agent"
    assert runs[-1][1]["llm_router"]["model"] == "agent"


@pytest.mark.parametrize("as_state", [False, True])
def test_the_answer_of_an_agent_is_what_its_model_said_last(as_state: bool) -> None:
    said = [HumanMessage("hi"), AIMessage("thinking"), AIMessage("hello")]
    agent = RunnableLambda(lambda _: {"messages": said} if as_state else said[-1])
    priced = [Candidate(name=name, input_price=i, output_price=i) for i, name in enumerate("ab")]
    cascade = CascadeRouter(priced, ReferenceMatch({"hi": "hello"}))
    heard: list[RoutingEvent] = []
    chain = RunnableLLMRouter(
        runnables={"a": agent, "b": failing(ValueError())},
        router=cascade,
        listeners=(heard.append,),
    )
    chain.invoke("hi")
    assert heard[-1].decision.cause == "heard"


def test_one_call_can_be_forced() -> None:
    config: Any = {"configurable": {"llmrouter_model": "plain"}}
    assert router().invoke("agent", config) == "plain got agent"
    with pytest.raises(PoolError, match="no model 'x'"):
        router().invoke("agent", {"configurable": {"llmrouter_model": "x"}})
    told = {spec.id.removeprefix("llmrouter_") for spec in router().config_specs}
    assert told == {"model", "cost_weight", "deadline", "max_cost", "tags"}


class Turning(Router):
    """Takes the next runnable every time."""

    turn = -1

    def flow(self, query: Query) -> Flow:
        self.turn += 1
        names = tuple(self.pool)
        first = self.turn % len(names)
        return RoutingDecision((*names[first:], *names[:first]), "Turning", "baseline", "next")
        yield


def turning(**options: Any) -> RunnableLLMRouter:
    return RunnableLLMRouter(
        {name: answering(name) for name in ("a", "b")}, Turning(["a", "b"]), **options
    )


@pytest.mark.parametrize("form", FORMS[:4])
@pytest.mark.parametrize("text", [None, str])
@pytest.mark.parametrize("sticky", ["off", "turn"])
async def test_an_interrupted_thread_goes_on_where_it_began(
    form: str, text: Any, sticky: Any
) -> None:
    command = pytest.importorskip("langgraph.types").Command(resume="yes")
    chain = turning(text=text, sticky=sticky)
    one: Any = {"configurable": {"thread_id": "1"}}
    two: Any = {"configurable": {"thread_id": "2"}}
    assert await ask(chain, form, "Write a poem.", one) == "a got Write a poem."
    assert await ask(chain, form, "Write a poem.", two) == "b got Write a poem."
    for going_on in (command, None):
        for _ in range(2):
            assert await ask(chain, form, going_on, one) == f"a got {going_on}"
            assert await ask(chain, form, going_on, two) == f"b got {going_on}"


def test_nobody_is_guessed_to_have_begun_a_thread() -> None:
    config: Any = {"configurable": {"thread_id": "3"}}
    with pytest.raises(ConfigError, match=r"nobody is known who began .* name it by"):
        turning().invoke(None, config)
    config["configurable"]["llmrouter_model"] = "b"
    assert turning().invoke(None, config) == "b got None"


def test_the_record_of_a_router_within_is_not_the_runnables() -> None:
    names = ("a", "b")
    within = {name: FakeProvider(name_of_model=f"within {name}") for name in names}
    inner = ChatLLMRouter(within, Always(within, "a"))
    chain = RunnableLLMRouter({"a": answering("a"), "b": inner}, Always(names, "b"))
    said = chain.invoke("Write a poem.")
    again = chain.invoke([HumanMessage("Write a poem."), said, HumanMessage("continue")])
    assert (said.text, again.text) == ("hello from within a",) * 2


@pytest.mark.parametrize("as_state", [False, True])
def test_who_wrote_an_answer_is_remembered(as_state: bool) -> None:
    def saying(name: str) -> Any:
        said = AIMessage(f"hello from {name}", id=name)
        return RunnableLambda(lambda _: {"messages": [said]} if as_state else said)

    chain = RunnableLLMRouter({name: saying(name) for name in "ab"}, Turning(["a", "b"]))
    asked = [HumanMessage("Write a poem.")]
    said: Any = chain.invoke(asked)
    answer = said["messages"][0] if as_state else said
    assert answer.id == "a"
    assert chain.invoke([*asked, answer, HumanMessage("continue")]) == said


@pytest.mark.parametrize("form", FORMS[:4])
@pytest.mark.parametrize("assigned", [False, True])
async def test_changed_options_have_their_effect(form: str, assigned: bool) -> None:
    def changed(**options: Any) -> RunnableLLMRouter:
        chain = router(over={"agent": failing(ValueError("down"))})
        if not assigned:
            return chain.model_copy(update=options)
        for name, value in options.items():
            setattr(chain, name, value)
        return chain

    heard: list[RoutingEvent] = []
    with pytest.raises(ValueError, match="down"):
        await ask(changed(failover=False), form, "agent")
    assert await ask(changed(router=Always(["plain", "agent"])), form, "agent") == "plain got agent"
    assert await ask(changed(listeners=(heard.append,)), form, "agent") == "plain got agent"
    assert [event.kind for event in heard] == ["decided", "failed", "answered"]
    others = {name: answering(f"new {name}") for name in ("plain", "agent")}
    assert await ask(changed(runnables=others), form, "agent") == "new agent got agent"


def test_wrong_arguments_are_told() -> None:
    with pytest.raises(ConfigError, match="give one model for each name"):
        RunnableLLMRouter(runnables={"a": answering("a")}, router=Always(["a", "b"]))
    with pytest.raises(ValueError, match="polcy"):
        router(polcy=1)


@pytest.mark.parametrize("form", ["invoke", "ainvoke", "stream", "astream"])
async def test_a_follow_up_by_itself_stays_on_its_thread(form: str) -> None:
    chains = router()
    config: Any = {"configurable": {"thread_id": "1"}}
    assert await ask(chains, form, "agent", config) == "agent got agent"
    assert chains.route("continue", config).model == "agent"
    assert await ask(chains, form, "continue", config) == "agent got continue"
    assert await ask(chains, form, "plain talk", config) == "plain got plain talk"
    assert await ask(chains, form, "continue") == "plain got continue"
