"""Events, spans and callbacks: what happens is told once, by the model that answers."""

from __future__ import annotations

import asyncio
import copy
import inspect
from collections.abc import Iterator
from typing import Any

import pytest
from llama_index.core import Settings
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.callbacks import CallbackManager, CBEventType, LlamaDebugHandler
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool

from llamaindex_llmrouter import (
    Always,
    Limits,
    Reliability,
    RouterLLM,
    RoutingDecisionEvent,
    routing_record,
)

CHAT_PAIR = ["LLMChatStartEvent", "LLMChatEndEvent"]
COMPLETION_PAIR = ["LLMCompletionStartEvent", "LLMCompletionEndEvent"]
PROMPT = PromptTemplate("Say {word}")


def noop(word: str) -> str:
    """Does nothing."""
    return word


FORMS: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(("chat", "achat", "stream_chat", "astream_chat"), ([ChatMessage("hi")],)),
    **dict.fromkeys(("complete", "acomplete", "stream_complete", "astream_complete"), ("hi",)),
    **dict.fromkeys(
        (
            "chat_with_tools",
            "achat_with_tools",
            "stream_chat_with_tools",
            "astream_chat_with_tools",
        ),
        ([FunctionTool.from_defaults(noop)], "hi"),
    ),
}


async def consume(llm: RouterLLM, form: str) -> Any:
    """The last reply of any form."""
    value = getattr(llm, form)(*FORMS[form])
    if inspect.iscoroutine(value):
        value = await value
    if hasattr(value, "__aiter__"):
        return [piece async for piece in value][-1]
    return list(value)[-1] if hasattr(value, "__next__") else value


@pytest.mark.parametrize("form", FORMS)
async def test_one_pair_of_events_and_one_decision(form: str, make: Any, heard: Any) -> None:
    last = await consume(make(), form)
    pair = COMPLETION_PAIR if "complete" in form else CHAT_PAIR
    assert heard.names(*pair, "RoutingDecisionEvent") == ["RoutingDecisionEvent", *pair]
    (event,) = heard.named("RoutingDecisionEvent")
    told_later = ("attempts", "usage")
    record = {**(routing_record(last) or {}), **{key: event.decision[key] for key in told_later}}
    assert event.decision == record
    if form.endswith(("chat", "complete")):  # the others have no span in LlamaIndex
        assert event.span_id.startswith(f"RouterLLM.{form}-")


@pytest.mark.parametrize("form", ["predict", "apredict", "stream", "astream"])
async def test_one_pair_for_a_prompt(form: str, make: Any, heard: Any) -> None:
    value = getattr(make(), form)(PROMPT, word="hi")
    value = await value if inspect.iscoroutine(value) else value
    if hasattr(value, "__aiter__"):
        assert "".join([piece async for piece in value]) == "hello from a"
    elif form == "stream":
        assert "".join(value) == "hello from a"
    assert heard.names(*CHAT_PAIR) == CHAT_PAIR
    assert len(heard.named("LLMPredictStartEvent")) == 1
    assert len(heard.named("RoutingDecisionEvent")) == 1


def test_failover_is_one_decision_and_a_second_start(make: Any, heard: Any) -> None:
    record = routing_record(make(a={"fail": TimeoutError()}).chat([ChatMessage("hi")]))
    assert record is not None
    (event,) = heard.named("RoutingDecisionEvent")
    assert isinstance(event, RoutingDecisionEvent)
    assert event.decision["id"] == record["id"]
    assert event.model_dump()["class_name"] == "RoutingDecisionEvent"
    starts = heard.named("LLMChatStartEvent")
    assert [start.model_dict["model_name"] for start in starts] == ["a", "b"]
    assert len(heard.named("LLMChatEndEvent")) == 1


@pytest.mark.parametrize("form", ["chat", "stream_chat", "astream_chat"])
async def test_the_models_span_lies_within_the_routers(form: str, make: Any, heard: Any) -> None:
    from llama_index.core.instrumentation import get_dispatcher  # type: ignore[attr-defined]
    from llama_index.core.instrumentation.span_handlers import SimpleSpanHandler

    spans = SimpleSpanHandler()
    get_dispatcher().add_span_handler(spans)
    try:
        await consume(make(), form)
    finally:
        get_dispatcher().span_handlers.remove(spans)
    parents = {span.id_.split("-")[0]: span.parent_id for span in spans.completed_spans}
    assert parents[f"FakeProvider.{form}"].startswith(f"RouterLLM.{form}-")


@pytest.fixture
def settings() -> Iterator[Any]:
    """The global settings, put back afterwards."""
    before = (Settings._llm, Settings._callback_manager)
    yield Settings
    Settings._llm, Settings._callback_manager = before


def llm_events(handler: LlamaDebugHandler) -> int:
    return len(handler.get_event_pairs(CBEventType.LLM))


def test_a_callback_manager_set_later_sees_the_models_events(make: Any, settings: Any) -> None:
    settings.llm = make()
    for _ in range(2):
        debug = LlamaDebugHandler(print_trace_on_end=False)
        settings.callback_manager = CallbackManager([debug])
        settings.llm.chat([ChatMessage("hi")])
        list(settings.llm.stream_complete("hi"))
        assert llm_events(debug) == 2


async def test_a_model_with_handlers_keeps_them(fake: Any) -> None:
    own, routers = (LlamaDebugHandler(print_trace_on_end=False) for _ in range(2))
    models = {
        "a": fake(name="a", callback_manager=CallbackManager([own])),
        "b": fake(name="b"),
    }
    llm = RouterLLM(models, Always(["a", "b"]), callback_manager=CallbackManager([routers]))
    await llm.achat([ChatMessage("hi")])
    assert (llm_events(own), llm_events(routers)) == (1, 0)
    await llm.achat([ChatMessage("hi")], llm_router_model="b")
    assert (llm_events(own), llm_events(routers)) == (1, 1)


def counted() -> tuple[LlamaDebugHandler, dict[str, Any]]:
    """A handler, and options of a router that reports to it."""
    debug = LlamaDebugHandler(print_trace_on_end=False)
    return debug, {"callback_manager": CallbackManager([debug])}


def test_routers_that_share_models_each_see_their_own_calls(fake: Any, settings: Any) -> None:
    models = {"a": fake(name="a"), "b": fake(name="b")}
    for _ in range(3):
        debug, options = counted()
        llm = RouterLLM(models, Always(["a", "b"]), **options)
        for _ in range(2):
            llm.chat([ChatMessage("hi")])
        assert llm_events(debug) == 2
    debug, options = counted()
    settings.llm = RouterLLM(models, Always(["a", "b"]))
    settings.callback_manager = options["callback_manager"]
    settings.llm.chat([ChatMessage("hi")])
    assert llm_events(debug) == 1


def test_what_a_model_was_given_since_is_its_own(fake: Any) -> None:
    models = {"a": fake(name="a")}
    RouterLLM(models, Always(["a"]), **counted()[1]).chat([ChatMessage("hi")])
    own, given = counted()
    models["a"].callback_manager = given["callback_manager"]
    other, options = counted()
    RouterLLM(models, Always(["a"]), **options).chat([ChatMessage("hi")])
    assert (llm_events(own), llm_events(other)) == (1, 0)


def test_a_handler_added_to_a_models_own_manager_is_its_own(fake: Any, settings: Any) -> None:
    settings._callback_manager = None  # else the models share its list
    models = {"a": fake(name="a")}
    router, options = counted()
    llm = RouterLLM(models, Always(["a"]), **options)
    own, _ = counted()
    models["a"].callback_manager.add_handler(own)
    llm.chat([ChatMessage("hi")])
    assert (llm_events(own), llm_events(router)) == (1, 0)


def test_calls_that_no_router_makes_are_the_models_own(fake: Any) -> None:
    models = {"a": fake(name="a")}
    router, options = counted()
    llm = RouterLLM(models, Always(["a"]), **options)
    llm.chat([ChatMessage("hi")])
    models["a"].chat([ChatMessage("hi")])
    copy.deepcopy(models["a"]).chat([ChatMessage("hi")])
    assert llm_events(router) == 1


def test_what_a_model_took_over_from_the_settings_is_not_its_own(fake: Any, settings: Any) -> None:
    old, options = counted()
    settings.callback_manager = options["callback_manager"]
    settings.llm = RouterLLM({"a": fake(name="a")}, Always(["a"]))
    settings.llm.chat([ChatMessage("hi")])
    new, options = counted()
    settings.callback_manager = options["callback_manager"]
    settings.llm.chat([ChatMessage("hi")])
    assert (llm_events(old), llm_events(new)) == (1, 1)


def test_a_global_handler_is_no_models_own(fake: Any, monkeypatch: Any) -> None:
    everywhere, _ = counted()
    monkeypatch.setattr("llama_index.core.global_handler", everywhere)
    models = {"a": fake(name="a")}
    monkeypatch.setattr("llama_index.core.global_handler", None)  # two of a kind are refused
    router, options = counted()
    monkeypatch.setattr("llama_index.core.global_handler", everywhere)
    llm = RouterLLM(models, Always(["a"]), **options)
    llm.chat([ChatMessage("hi")])
    assert llm_events(router) == 1


def test_routers_within_a_router_report_to_the_outer(make: Any) -> None:
    inner = make()
    outer, options = counted()
    RouterLLM({"inner": inner}, Always(["inner"]), **options).chat([ChatMessage("hi")])
    inner.chat([ChatMessage("hi")])
    assert llm_events(outer) == 1


@pytest.mark.parametrize("reliability", [Reliability(), Reliability(limits=Limits(timeout=30))])
@pytest.mark.parametrize("form", [form for form in FORMS if "tools" not in form])
async def test_routers_that_call_a_model_at_once_each_see_their_own_calls(
    form: str, reliability: Reliability, fake: Any
) -> None:
    models = {"a": fake(name="a")}
    seen, llms = [], []
    for _ in range(2):
        debug, options = counted()
        seen.append(debug)
        llms.append(RouterLLM(models, Always(["a"]), reliability=reliability, **options))
    is_async = inspect.iscoroutinefunction(getattr(RouterLLM, form))
    calls = [
        consume(llm, form) if is_async else asyncio.to_thread(asyncio.run, consume(llm, form))
        for llm in llms * 20
    ]
    await asyncio.gather(*calls)
    assert list(map(llm_events, seen)) == [20, 20]
