"""Rules of the core as both adapters keep them: every behaviour, on both sides, in every form."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
from adapters import FORMS, SECRET, Behaviour, Chat, Reply, Said
from both_adapters import LangChainChat, LlamaIndexChat

from langchain_llmrouter import ChatLLMRouter, RunnableLLMRouter
from llamaindex_llmrouter import RouterLLM
from shared_core import (
    AllModelsFailed,
    Always,
    ArtifactError,
    Candidate,
    ConfigError,
    Flow,
    FunctionEncoder,
    KNNRouter,
    ModelPool,
    NoEligibleModel,
    OutcomeTable,
    PoolError,
    Query,
    Router,
    RoutingDecision,
    RoutingEvent,
)
from shared_core.decision import Ask
from shared_core.errors import CostCapReached, DeadlineExceeded

HI = [Said("user", "hi")]
OK = Behaviour()

forms = pytest.mark.parametrize("form", FORMS)


class Alternating(Router):
    """Takes the next model every time."""

    turn = -1

    def flow(self, query: Query) -> Flow:
        eligible, rejected = self.pool.eligible(query)
        self.turn += 1
        first = self.turn % len(eligible)
        ranking = (*eligible[first:], *eligible[:first])
        return RoutingDecision(ranking, "Alternating", "baseline", "next", rejected=rejected)
        yield


class Hearing(Router):
    """Hears ``a`` before it decides, and takes that answer where it is long enough."""

    shortest = 0

    def flow(self, query: Query) -> Flow:
        (answer,) = yield Ask(("a",))
        if len(answer.text) >= self.shortest:
            return RoutingDecision(("a", "b"), "Hearing", "policy", "enough", answer=answer)
        return RoutingDecision(("b",), "Hearing", "policy", "too short")


def two(adapter: type[Chat], a: Behaviour = OK, b: Behaviour = OK, **options: Any) -> Chat:
    """A router that always takes ``a``."""
    return adapter.of(Always(["a", "b"]), {"a": a, "b": b}, **options)


def need(adapter: type[Chat], option: str) -> None:
    if option not in adapter.options:
        pytest.skip(f"this adapter has no option {option!r}")


@forms
async def test_the_chosen_model_answers_and_the_record_says_so(
    adapter: type[Chat], form: str
) -> None:
    chat = two(adapter)
    reply = await chat.reply(form, HI)
    assert reply.text == "hello from a"
    assert reply.record is not None
    assert (reply.record["model"], reply.record["ranking"]) == ("a", ["a", "b"])
    assert json.loads(json.dumps(reply.record)) == reply.record
    assert (len(chat.received("a")), len(chat.received("b"))) == (1, 0)


@forms
async def test_failover_before_anything_is_said(adapter: type[Chat], form: str) -> None:
    reply = await two(adapter, Behaviour(TimeoutError(f"with {SECRET}"))).reply(form, HI)
    assert reply.text == "hello from b"
    assert reply.record is not None
    assert (reply.record["model"], reply.record["cause"]) == ("b", "failover")
    assert "TimeoutError" in json.dumps(reply.record)
    assert SECRET not in json.dumps(reply.record)


@forms
async def test_a_model_under_two_names_is_not_asked_again_when_it_failed(
    adapter: type[Chat], form: str
) -> None:
    router = Always(["a", "again", "b"])
    doubles = {"a": Behaviour(TimeoutError()), "b": OK}
    chat = adapter.of(router, doubles, aliases={"again": "a"})
    reply = await chat.reply(form, HI)
    assert reply.text == "hello from b"
    assert reply.record is not None
    assert reply.record["failed"] == ["a: TimeoutError", "again: same_model"]
    assert len(chat.received("a")) == 1


@pytest.mark.parametrize("form", ["stream", "astream"])
async def test_no_failover_once_something_is_said(adapter: type[Chat], form: str) -> None:
    chat = two(adapter, Behaviour(TimeoutError("late"), late=True))
    with pytest.raises(TimeoutError, match="late"):
        await chat.reply(form, HI)
    assert not chat.received("b")


@forms
async def test_nobody_answers(adapter: type[Chat], form: str) -> None:
    chat = two(adapter, Behaviour(TimeoutError()), Behaviour(ValueError()))
    for _ in range(2):
        with pytest.raises(ValueError) as caught:  # noqa: PT011 - no message
            await chat.reply(form, HI)
        (note,) = caught.value.__notes__
        assert "a: TimeoutError; b: ValueError" in note
        assert isinstance(caught.value.__context__, AllModelsFailed)


@forms
async def test_failover_can_be_switched_off(adapter: type[Chat], form: str) -> None:
    chat = two(adapter, Behaviour(TimeoutError()), failover=False)
    with pytest.raises(TimeoutError):
        await chat.reply(form, HI)
    assert not chat.received("b")


@pytest.mark.parametrize("form", ["ask", "stream"])
async def test_an_interruption_is_no_failure(adapter: type[Chat], form: str) -> None:
    chat = two(adapter, Behaviour(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        await chat.reply(form, HI)
    assert not chat.received("b")


@pytest.mark.parametrize("form", ["aask", "astream"])
async def test_a_cancelled_call_is_no_failure(adapter: type[Chat], form: str) -> None:
    chat = two(adapter, Behaviour(hangs=True))
    task = asyncio.create_task(chat.reply(form, HI))
    await asyncio.wait((task,), timeout=0.1)
    assert chat.received("a")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not chat.received("b")


@forms
async def test_a_model_can_be_forced_and_is_never_replaced(adapter: type[Chat], form: str) -> None:
    chat = two(adapter)
    reply = await chat.reply(form, HI, forced="b")
    assert reply.record is not None
    assert (reply.text, reply.record["cause"]) == ("hello from b", "forced")
    with pytest.raises(PoolError, match="'x'"):
        await chat.reply(form, HI, forced="x")
    failing = two(adapter, OK, Behaviour(TimeoutError()))
    with pytest.raises(TimeoutError):
        await failing.reply(form, HI, forced="b")
    assert not failing.received("a")


def pool(**abilities: list[str]) -> ModelPool:
    return ModelPool([Candidate(name=name, abilities=can) for name, can in abilities.items()])


@forms
async def test_pictures_anywhere_go_to_a_model_that_sees(adapter: type[Chat], form: str) -> None:
    seeing = Always(pool(a=["tools"], b=["tools", "vision"]))
    chat = adapter.of(seeing, {"a": OK, "b": OK})
    history = [Said("user", "what is it?", picture=True)]
    first = await chat.reply(form, history)
    later = await chat.reply(form, [*history, first, Said("user", "and what colour?")])
    for reply in (first, later):
        assert reply.record is not None
        assert reply.record["model"] == "b"
        assert reply.record["rejected"] == {"a": "lacks vision"}


@forms
async def test_tools_go_to_a_model_that_calls_them(adapter: type[Chat], form: str) -> None:
    chat = adapter.of(Always(pool(a=[], b=["tools"])), {"a": OK, "b": OK})
    reply = await chat.reply(form, HI, tools=True)
    assert reply.record is not None
    assert reply.record["model"] == "b"
    assert "tools" in reply.record["rejected"]["a"]
    assert chat.query(HI).exclude == {}


@forms
async def test_when_nobody_can_serve_every_reason_is_told(adapter: type[Chat], form: str) -> None:
    chat = adapter.of(Always(pool(a=[], b=[])), {"a": OK, "b": OK})
    with pytest.raises(NoEligibleModel, match=r"a lacks vision; b lacks vision"):
        await chat.reply(form, [Said("user", "look", picture=True)])


@forms
async def test_a_long_conversation_goes_where_it_fits(adapter: type[Chat], form: str) -> None:
    small, large = Candidate(name="a", context_window=500), Candidate(name="b")
    chat = adapter.of(Always([small, large]), {"a": OK, "b": OK})
    reply = await chat.reply(form, [Said("user", "word " * 500), Said("user", "and?")])
    assert reply.record is not None
    assert "exceed its window of 500" in reply.record["rejected"]["a"]
    assert (await chat.reply(form, HI)).text == "hello from a"


@forms
async def test_a_wish_of_none_is_no_wish(adapter: type[Chat], form: str) -> None:
    chat = adapter.of(Always(["a", "b"]), {"a": OK, "b": OK})
    none = dict.fromkeys(("model", "tags", "cost_weight", "deadline", "max_cost"))
    assert (await chat.reply(form, HI, **none)).text == "hello from a"


@forms
@pytest.mark.parametrize(
    ("wish", "told"), [({"model": ["a"]}, "model is a name, not"), ({"tags": 3}, "tags are a set")]
)
async def test_a_wish_of_another_kind_is_told(
    adapter: type[Chat], form: str, wish: dict[str, Any], told: str
) -> None:
    chat = adapter.of(Always(["a", "b"]), {"a": OK, "b": OK})
    with pytest.raises(ConfigError, match=told):
        await chat.reply(form, HI, **wish)


@forms
async def test_a_router_may_hear_answers_first(adapter: type[Chat], form: str) -> None:
    chat = adapter.of(Hearing(["a", "b"]), {"a": OK, "b": OK})
    reply = await chat.reply(form, HI)
    assert (reply.text, reply.pieces) == ("hello from a", 1)
    assert (len(chat.received("a")), len(chat.received("b"))) == (1, 0)
    strict = Hearing(["a", "b"])
    strict.shortest = 1000
    reply = await adapter.of(strict, {"a": OK, "b": OK}).reply(form, HI)
    assert reply.text == "hello from b"


@forms
async def test_listeners_hear_what_happens_in_order(adapter: type[Chat], form: str) -> None:
    told: list[RoutingEvent] = []
    reply = await two(adapter, Behaviour(TimeoutError()), listeners=(told.append,)).reply(form, HI)
    assert [event.kind for event in told] == ["decided", "failed", "answered"]
    assert reply.record is not None
    assert {event.decision.id for event in told} == {reply.record["id"]}
    assert told[-1].decision.model == "b"


@pytest.mark.parametrize("form", ["stream", "astream"])
async def test_listeners_hear_that_a_stream_broke_off(adapter: type[Chat], form: str) -> None:
    told: list[RoutingEvent] = []
    chat = two(adapter, Behaviour(TimeoutError("late"), late=True), listeners=(told.append,))
    with pytest.raises(TimeoutError, match="late"):
        await chat.reply(form, HI)
    assert [event.kind for event in told] == ["decided", "answered", "failed"]
    assert str(told[-1].attempt) == "a: TimeoutError"


@forms
async def test_a_listener_that_fails_spoils_nothing(adapter: type[Chat], form: str) -> None:
    def failing(event: RoutingEvent) -> None:
        raise ValueError

    assert (await two(adapter, listeners=(failing,)).reply(form, HI)).text == "hello from a"


@forms
async def test_messages_arrive_as_they_were_said(adapter: type[Chat], form: str) -> None:
    chat = two(adapter, Behaviour(TimeoutError()))
    history = [Said("system", "be brief"), Said("user", "hi")]
    first = await chat.reply(form, history)
    await chat.reply(form, [*history, first, Said("user", "and?")], forced="b")
    assert chat.received("b")[-1] == ["be brief", "hi", "hello from b", "and?"]


def test_no_secret_is_shown(adapter: type[Chat]) -> None:
    assert SECRET not in two(adapter).shown()


# What only adapters with these options can do.


@forms
async def test_a_tool_loop_stays_with_its_model(adapter: type[Chat], form: str) -> None:
    need(adapter, "sticky")
    chat = adapter.of(Alternating(["a", "b"]), {"a": OK, "b": OK})
    history: list[Said | Reply] = [Said("user", "what weather?")]
    for expected in ("a", "b"):
        called = await chat.reply(form, history, tools=True)
        assert called.record is not None
        assert called.record["model"] == expected
        (call,) = called.calls
        result = Said("tool", "sunny", answers=call)
        for _ in range(2):
            again = await chat.reply(form, [*history, called, result], tools=True)
            assert again.record is not None
            assert (again.record["model"], again.record["cause"]) == (expected, "tool_loop")
        history += [called, result, Said("user", "And what will it be like in Lisbon?")]


@forms
async def test_a_router_within_a_router_stays_with_its_own_model_in_a_loop(
    adapter: type[Chat], form: str
) -> None:
    need(adapter, "sticky")
    inner = adapter.of(Alternating(["a", "b"]), {"a": OK, "b": OK})
    chat = adapter.of(Always(["b"]), {}, within={"b": inner})
    history: list[Said | Reply] = [Said("user", "what weather?")]
    called = await chat.reply(form, history, tools=True)
    history += [called, Said("tool", "sunny", answers=called.calls[0])]
    for _ in range(2):
        again = await chat.reply(form, history, tools=True)
        assert again.record is not None
        assert (again.record["model"], again.record["cause"]) == ("b", "tool_loop")
        within = again.record["inner"]
        assert (within["model"], within["cause"]) == ("a", "tool_loop")
    assert (len(inner.received("a")), len(inner.received("b"))) == (3, 0)


@forms
async def test_a_loop_is_left_when_its_model_cannot_go_on(adapter: type[Chat], form: str) -> None:
    need(adapter, "sticky")
    router = Alternating(pool(a=["tools"], b=["tools", "vision"]))
    chat = adapter.of(router, {"a": OK, "b": OK})
    asked = Said("user", "what weather?")
    called = await chat.reply(form, [asked], tools=True)
    result = Said("tool", "sunny", answers=called.calls[0])
    shown = Said("user", "this one", picture=True)
    reply = await chat.reply(form, [shown, asked, called, result], tools=True)
    assert reply.record is not None
    assert reply.record["model"] == "b"


@forms
async def test_follow_ups_stay_where_the_turn_is_what_counts(
    adapter: type[Chat], form: str
) -> None:
    need(adapter, "sticky")
    chat = adapter.of(Alternating(["a", "b"]), {"a": OK, "b": OK}, sticky="turn")
    history: list[Said | Reply] = [Said("user", "Write a sonnet.")]
    history.append(await chat.reply(form, history))
    stays = await chat.reply(form, [*history, Said("user", "continue")])
    assert stays.text == "hello from a"
    new = await chat.reply(form, [*history, Said("user", "Now explain quantum tunnelling.")])
    assert new.text == "hello from b"


@pytest.mark.parametrize("form", ["aask", "astream"])
async def test_a_model_that_hangs_is_left_in_time(adapter: type[Chat], form: str) -> None:
    need(adapter, "reliability")
    from shared_core.reliability import Limits, Reliability

    reliability = Reliability(limits=Limits(timeout=0.2))
    chat = two(adapter, Behaviour(hangs=True), reliability=reliability)
    began = time.monotonic()
    reply = await chat.reply(form, HI)
    assert reply.text == "hello from b"
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("form", ["aask", "astream"])
async def test_the_deadline_of_a_call_holds(adapter: type[Chat], form: str) -> None:
    need(adapter, "reliability")
    from shared_core.reliability import Reliability

    hanging = Behaviour(hangs=True)
    chat = two(adapter, hanging, hanging, reliability=Reliability(deadline=0.3))
    with pytest.raises(DeadlineExceeded):
        await chat.reply(form, HI)


@forms
async def test_a_call_can_bring_its_own_limits_and_tags(adapter: type[Chat], form: str) -> None:
    members = [
        Candidate(name="a", input_price=1.0, output_price=1.0),
        Candidate(name="b", input_price=9e6, output_price=9e6, tags=frozenset({"personal"})),
    ]
    chat = adapter.of(Always(ModelPool(members)), {"a": OK, "b": OK})
    assert (await chat.reply(form, HI)).text == "hello from a"
    assert (await chat.reply(form, HI, tags=frozenset({"personal"}))).text == "hello from b"
    with pytest.raises(CostCapReached):
        await chat.reply(form, HI, tags=frozenset({"personal"}), max_cost=0.01)
    with pytest.raises(ConfigError, match="deadline"):
        await chat.reply(form, HI, deadline=0)


@pytest.mark.parametrize("form", ["aask", "astream"])
async def test_a_call_can_bring_its_own_deadline(adapter: type[Chat], form: str) -> None:
    hanging = Behaviour(hangs=True)
    with pytest.raises(DeadlineExceeded):
        await two(adapter, hanging, hanging).reply(form, HI, deadline=0.2)


def test_a_saved_router_takes_the_encoder_that_is_not_saved(
    adapter: type[Chat], tmp_path: Path
) -> None:
    encoder = FunctionEncoder(lambda texts: [[len(text), 1.0] for text in texts], "lengths")
    table = OutcomeTable.from_rows(
        [{"query": "x" * n, "score.a": 1.0, "score.b": 0.0} for n in (1, 2, 3)]
    )
    router = KNNRouter(["a", "b"], encoder=encoder, k=1, shrinkage=0.0).fit(table)
    llm: Any = adapter.of(router, {"a": OK, "b": OK}).llm  # type: ignore[attr-defined]
    config = llm.to_config(tmp_path / "router")
    loaded = type(llm).from_artifact(tmp_path / "router", llm.models, encoder=encoder)
    assert loaded.router.encoder_ is encoder
    assert type(llm).from_config(config, llm.models, encoder=encoder).router.encoder_ is encoder
    with pytest.raises(ArtifactError, match="encoder=FunctionEncoder"):
        type(llm).from_artifact(tmp_path / "router", llm.models)


CONVERSATIONS: dict[str, list[Said]] = {
    "one": [Said("user", "What is 2 + 2?")],
    "system": [Said("system", "Be brief."), Said("user", "What is 2 + 2?")],
    "newest": [Said("user", "old question"), Said("user", "new question")],
    "follow-up": [Said("user", "Write a poem."), Said("user", "yes")],
    "noise": [Said("user", "<system-reminder>be careful</system-reminder>Sort this list.")],
    "picture": [Said("user", "look", picture=True), Said("user", "and now?")],
    "empty": [Said("user", "  ")],
    "result": [Said("user", "ask"), Said("tool", "result", answers="x")],
    "unicode": [Said("user", "多少钱？🙂")],
}


@pytest.mark.parametrize("name", CONVERSATIONS)
@pytest.mark.parametrize("tools", [False, True])
def test_both_adapters_judge_a_conversation_alike(name: str, tools: bool) -> None:
    need(LangChainChat, "sticky")
    both = (LangChainChat, LlamaIndexChat)
    queries = [two(one).query(CONVERSATIONS[name], tools=tools) for one in both]
    for aspect in ("text", "needs", "in_tool_loop", "is_follow_up", "exclude", "model", "previous"):
        assert getattr(queries[0], aspect) == getattr(queries[1], aspect), aspect
    if not tools:
        assert queries[0].tokens == queries[1].tokens


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (lambda cls: cls({"a": 1}, Always), "an instance, not the class Always"),
        (lambda cls: cls({"a": 1}, "folder"), r"read with Router\.load\('folder'\)"),
        (lambda cls: cls({"a": 1}, None), "a router is an instance of Router, not None"),
        (lambda cls: cls([1], Always(["a"])), "models is a mapping of names, not a list"),
    ],
)
@pytest.mark.parametrize("front", [ChatLLMRouter, RunnableLLMRouter, RouterLLM])
def test_what_is_no_router_or_no_mapping_is_told_of(front: Any, made: Any, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        made(front)
