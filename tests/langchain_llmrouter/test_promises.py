"""The router's run in a trace, v3 events, profiles, caches, options, turns: promise by promise."""

from __future__ import annotations

import asyncio
import copy
import gc
import json
import pickle
import threading
import time
import typing
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.chat_history import InMemoryChatMessageHistory
from langchain_core.globals import set_llm_cache
from langchain_core.language_models import BaseChatModel, FakeListChatModel
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.rate_limiters import BaseRateLimiter, InMemoryRateLimiter
from langchain_core.runnables import ConfigurableField, RunnableLambda, RunnableWithFallbacks
from langchain_core.runnables.history import RunnableWithMessageHistory
from langchain_core.tools import tool
from langchain_core.tracers.base import BaseTracer
from langchain_core.utils.function_calling import convert_to_openai_tool
from langchain_fakes import FakeProvider
from langchain_full_fake import FullFake
from pydantic import BaseModel, Field

from langchain_llmrouter import (
    Always,
    Candidate,
    ChatLLMRouter,
    ConfigError,
    ModelPool,
    NoEligibleModel,
    Random,
    Reliability,
    RunnableLLMRouter,
    TimedOut,
    query_of,
    routing_record,
)
from langchain_llmrouter.delegation import answer_of
from langchain_llmrouter.messages import turn_of
from langchain_llmrouter.profiles import facts_of, pool_profile
from shared_core.reliability import BreakerRule, Limits


def make(router: Any = None, **options: Any) -> ChatLLMRouter:
    models = {name: FakeProvider(name_of_model=name) for name in ("a", "b")}
    return ChatLLMRouter(
        models=options.pop("models", models), router=router or Always(["a", "b"]), **options
    )


class Traces(BaseTracer):
    """Keeps the finished trees of runs."""

    def __init__(self) -> None:
        super().__init__()
        self.roots: list[Any] = []

    def _persist_run(self, run: Any) -> None:
        self.roots.append(run)


async def consume(chat: Any, form: str, config: Any) -> None:
    if form == "v3":
        _ = chat.stream_events("hi", config, version="v3").output
    elif form == "av3":
        _ = await (await chat.astream_events("hi", config, version="v3")).output
    elif form == "route":
        chat.route("hi", config)
    elif form == "aroute":
        await chat.aroute("hi", config)
    elif form == "stream":
        list(chat.stream("hi", config))
    elif form == "astream":
        _ = [chunk async for chunk in chat.astream("hi", config)]
    else:
        _ = chat.invoke("hi", config) if form == "invoke" else await chat.ainvoke("hi", config)


@pytest.mark.parametrize("form", ["invoke", "ainvoke", "stream", "astream", "v3", "av3"])
@pytest.mark.parametrize("failing", [False, True])
async def test_one_chain_run_holds_the_answer_the_decision_and_the_models_run(
    form: str, failing: bool
) -> None:
    traces = Traces()
    models = {
        "a": FakeProvider(name_of_model="a", fail=ValueError() if failing else None),
        "b": FakeProvider(name_of_model="b"),
    }
    await consume(make(models=models), form, {"callbacks": [traces], "run_name": "mine"})
    while not traces.roots:  # callbacks of an asynchronous stream run on after its last piece
        await asyncio.sleep(0.01)
    (root,) = traces.roots
    assert (root.name, root.run_type) == ("mine", "chain")
    assert root.outputs["llm_router"]["model"] == ("b" if failing else "a")
    answer = root.outputs["output"]
    assert answer.text == ("hello from b" if failing else "hello from a")
    assert routing_record(answer) == (None if "v3" in form else root.outputs["llm_router"])
    *failed, last = root.child_runs
    assert (len(failed), last.run_type) == (int(failing), "llm")
    assert last.end_time is not None
    # LangChain tells one event's listeners side by side: of these two either may come first there.
    assert root.end_time >= last.end_time - timedelta(seconds=0.2 if form == "av3" else 0)
    assert not root.error


async def test_an_abandoned_stream_is_no_error() -> None:
    traces = Traces()
    pieces = make().stream("hi", {"callbacks": [traces]})
    next(pieces)
    pieces.close()
    assert traces.roots[-1].error is None
    assert traces.roots[-1].outputs["llm_router"]["model"] == "a"
    assert traces.roots[-1].outputs["output"].text == "hello "


@pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainDeprecationWarning")
@pytest.mark.parametrize("form", ["invoke", "ainvoke", "stream", "astream"])
@pytest.mark.parametrize(
    "kind", [ChatLLMRouter, RunnableLLMRouter, lambda *given: ChatLLMRouter(*given, record=False)]
)
async def test_a_history_is_kept_as_of_any_model(kind: Any, form: str) -> None:
    kept = InMemoryChatMessageHistory()
    router = kind({"a": FakeProvider(name_of_model="a")}, Always(["a"]))
    chat = RunnableWithMessageHistory(router, lambda session_id: kept)
    for _ in range(2):
        await consume(chat, form, {"configurable": {"session_id": "1"}})
    assert [message.text for message in kept.messages] == ["hi", "hello from a"] * 2


def test_the_end_of_the_run_tells_its_listeners_the_answer() -> None:
    told: list[Any] = []
    make().with_listeners(on_end=lambda run: told.append(run.outputs["output"])).invoke("hi")
    assert [one.text for one in told] == ["hello from a"]


def test_the_callers_run_id_is_the_routers_and_tags_and_metadata_are_the_models_too() -> None:
    import uuid

    traces, run_id = Traces(), uuid.uuid4()
    config: Any = {"callbacks": [traces], "run_id": run_id, "tags": ["t"], "metadata": {"m": 1}}
    make().invoke("hi", config)
    (root,) = traces.roots
    (child,) = root.child_runs
    assert root.id == run_id == child.parent_run_id
    assert "t" in child.tags
    assert child.extra["metadata"]["m"] == 1
    assert child.extra["metadata"]["llmrouter_model"] == "a"


@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_events_of_either_version_hold_the_text_once(version: Any) -> None:
    events = [event async for event in make().astream_events("hi", version=version)]
    pieces = [e["data"]["chunk"].text for e in events if e["event"] == "on_chat_model_stream"]
    assert "".join(pieces) == "hello from a"
    (ended,) = (e["data"]["output"] for e in events if e["event"] == "on_chain_end")
    answer = ended["output"] if version == "v2" else ended  # v1 looks into it by itself
    assert answer.text == "hello from a"


async def test_v3_events_hold_the_text_once_and_fail_over() -> None:
    down = {"a": FakeProvider(name_of_model="a", fail=ValueError("down"))}
    models = {"a": FakeProvider(name_of_model="a"), "b": FakeProvider(name_of_model="b")}
    for chat, text in ((make(), "hello from a"), (make(models=models | down), "hello from b")):
        stream = chat.stream_events("hi", version="v3")
        assert "".join(stream.text) == text == stream.output.text
        astream = await chat.astream_events("hi", version="v3")
        assert "".join([piece async for piece in astream.text]) == text
    with pytest.raises(ValueError, match="down"):
        make(models=dict.fromkeys(("a", "b"), down["a"])).stream_events("hi", version="v3")


class Whole(FakeProvider):
    """Cannot stream."""

    _stream = BaseChatModel._stream
    _astream = BaseChatModel._astream


@pytest.mark.parametrize("form", ["v3", "av3"])
@pytest.mark.parametrize("fails", [False, True])
async def test_models_that_tell_no_events_answer_whole(form: str, fails: bool) -> None:
    traces = Traces()
    backed = FakeProvider(name_of_model="b").with_fallbacks([FakeProvider(name_of_model="c")])
    models = {"a": Whole(name_of_model="a", fail=ValueError() if fails else None), "b": backed}
    limits = Limits(breaker=BreakerRule(failures=1))
    chat = make(models=models, reliability=Reliability(limits=limits))
    await consume(chat, form, {"callbacks": [traces]})
    (root,) = traces.roots
    assert root.outputs["output"].text == ("hello from b" if fails else "hello from a")
    assert [run.name for run in root.child_runs].count("Whole") == 1
    assert routing_record(chat.invoke("hi"))["failed"] == (["a: circuit_open"] if fails else [])  # type: ignore[index]


def test_a_stream_of_events_that_is_left_is_closed_at_once() -> None:
    closed = threading.Event()

    class Slow(FakeProvider):
        def _stream(self, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
            try:
                while True:
                    time.sleep(0.3)
                    yield ChatGenerationChunk(message=AIMessageChunk("late"))
            finally:
                closed.set()

    models = {"a": Slow(name_of_model="a"), "b": FakeProvider(name_of_model="b")}
    gc.disable()
    try:
        stream = make(models=models, timeout=0.1).stream_events("hi", version="v3")
        assert stream.output.text == "hello from b"
        assert closed.wait(20)
    finally:
        gc.enable()


def test_who_told_events_reads_the_results_of_its_tools() -> None:
    chat = make(FirstTime(["a", "b"]), models={n: FullFake(model=n) for n in ("a", "b")})
    called = chat.bind_tools([add]).stream_events("What about '1'?", version="v3").output
    read = ToolMessage("3", tool_call_id=called.tool_calls[0]["id"])
    answer = chat.invoke([HumanMessage("What about '1'?"), called, read])
    assert routing_record(answer)["cause"] == "tool_loop"  # type: ignore[index]
    assert answer.response_metadata["model_name"] == "a"


@tool(extras={"cache_control": {"type": "ephemeral"}})
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


class Binding(FakeProvider):
    """Notes what it is asked to bind."""

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        self.calls.append({"bound": tools, **kwargs})
        return self


def test_tools_reach_the_model_as_they_were_given() -> None:
    models = {"a": Binding(name_of_model="a"), "b": Binding(name_of_model="b")}
    bound = make(models=models).bind_tools(
        [add, {"google_search": {}}], tool_choice="add", strict=True
    )
    assert all(isinstance(one, dict) for one in bound.kwargs["tools"])
    bound.invoke("hi")
    call = models["a"].calls[0]
    assert call["bound"] == [add, {"google_search": {}}]
    assert (call["tool_choice"], call["strict"]) == ("add", True)
    assert models["b"].calls == []


@pytest.mark.parametrize(
    "later", [{}, {"tool_choice": "none"}, {"tool_choice": None}, {"tools": []}, {"stop": ["."]}]
)
def test_what_is_given_after_tools_were_bound_comes_first(later: dict[str, Any]) -> None:
    routed, direct = FullFake(model="m"), FullFake(model="m")
    for chat in (make(Always(["m"]), models={"m": routed}), direct):
        chat.bind_tools([add], tool_choice="any").bind(**later).invoke("hi")
    assert routed.asked == direct.asked


def test_a_later_tool_choice_is_what_the_call_needs() -> None:
    able = {"tools"}
    pool = ModelPool([Candidate(name=name, abilities=able) for name in ("a", "b")])
    bound = make(Always(pool)).bind_tools([add], tool_choice="any")
    with pytest.raises(NoEligibleModel, match="lacks tool_choice"):
        bound.invoke("hi")
    assert bound.invoke("hi", tool_choice="auto").text == "hello from a"


def test_the_router_is_a_good_member_of_fallbacks() -> None:
    down = {n: FakeProvider(name_of_model=n, fail=ValueError()) for n in ("a", "b")}
    backup = FakeProvider(name_of_model="backup")
    first = make(models=down).with_fallbacks([backup]).bind_tools([add])
    assert isinstance(first, RunnableWithFallbacks)
    assert first.invoke("hi").text == "hello from backup"
    down_alone = FakeProvider(name_of_model="x", fail=ValueError())
    assert down_alone.with_fallbacks([make()]).bind_tools([add]).invoke("hi").text == "hello from a"


def test_type_hints_can_be_resolved() -> None:
    for owner in (ChatLLMRouter, RunnableLLMRouter):
        for name, member in vars(owner).items():
            if callable(member) and not name.startswith(("_", "model_")):
                typing.get_type_hints(member)


PICTURE = {"type": "image", "base64": "aaaa", "mime_type": "image/png"}


@pytest.mark.parametrize(
    ("content", "abilities"),
    [
        ("hi", ()),
        ([{"type": "text", "text": "hi"}, PICTURE], ("vision",)),
        ([{"type": "image_url", "image_url": {"url": "data:…"}}], ("vision",)),
        ([{"type": "audio", "base64": "a", "mime_type": "audio/wav"}], ("audio",)),
        ([{"type": "input_audio", "input_audio": {}}], ("audio",)),
        ([{"type": "file", "base64": "a", "mime_type": "application/pdf"}], ("pdf",)),
        ([{"type": "file", "base64": "a", "mime_type": "image/png"}], ("vision",)),
        ([{"type": "file", "base64": "a", "mime_type": "text/plain"}], ()),
        ([{"type": "document", "source": {"media_type": "application/pdf"}}], ("pdf",)),
        ([{"type": "tool_result", "tool_use_id": "1", "content": [PICTURE]}], ("vision",)),
        ([{"type": "tool_result", "tool_use_id": "1", "content": None}], ()),
        ([{"type": "video", "base64": "a", "mime_type": "video/mp4"}], ("vision",)),
        ([{"type": "media", "data": "a", "mime_type": "image/png"}], ("vision",)),
        ([{"type": "media", "data": "a", "mime_type": "application/pdf"}], ("pdf",)),
        ([{"image": {"format": "png", "source": {"bytes": b"a"}}}], ("vision",)),
        ([{"type": "non_standard", "value": PICTURE}], ("vision",)),
        ([{"type": "image_generation_call", "result": "a"}], ("vision",)),
    ],
)
def test_what_content_needs(content: Any, abilities: tuple[str, ...]) -> None:
    assert turn_of(HumanMessage(content)).abilities == abilities


LONG = "A" * 100_000


@pytest.mark.parametrize(
    "block",
    [
        {"type": "video", "base64": LONG, "mime_type": "video/mp4"},
        {"type": "media", "data": LONG, "mime_type": "image/png"},
        {"image": {"format": "png", "source": {"bytes": LONG.encode()}}},
        {"type": "non_standard", "value": {"type": "new", "inside": [{"data": LONG}]}},
        {"type": "new", "url": f"data:image/png;base64,{LONG}"},
        {"type": "image_generation_call", "result": LONG, "id": "ig", "status": "completed"},
    ],
)
def test_media_are_never_sized_as_text(block: dict[str, Any]) -> None:
    assert turn_of(HumanMessage([block])).size < 5_000


@pytest.mark.parametrize(
    "block",
    [
        {"type": "file", "base64": LONG, "mime_type": "text/plain"},
        {"type": "text-plain", "base64": LONG, "mime_type": "text/plain"},
        {"type": "document", "source": {"media_type": "text/plain", "data": LONG}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain",
                                        "data": LONG[:75_000]}},
        {"type": "file", "source_type": "text", "mime_type": "text/plain", "text": LONG[:75_000]},
    ],
)  # fmt: skip
def test_a_text_file_is_as_large_as_its_text(block: dict[str, Any]) -> None:
    turn = turn_of(HumanMessage([block]))
    assert (turn.abilities, turn.text) == ((), "")
    assert turn.size == turn_of(HumanMessage(LONG[:75_000])).size


@pytest.mark.parametrize("record", [None, "x", {}])
def test_a_foreign_record_in_a_history_is_no_author(record: Any) -> None:
    said = AIMessage("ho", response_metadata={"llm_router": record})
    assert turn_of(said).model is None


def test_roles_calls_and_results_are_read_in_either_providers_format() -> None:
    called = AIMessage([{"type": "tool_use", "id": "1", "name": "add", "input": {"a": 1}}])
    result = {"type": "tool_result", "tool_use_id": "1", "content": "three"}
    assert turn_of(called).calls == ("1",)
    assert turn_of(HumanMessage([result])).role == "tool"
    assert turn_of(HumanMessage([result])).answers == "1"
    asked = [HumanMessage("add"), called, HumanMessage([result])]
    assert query_of(asked).in_tool_loop
    assert query_of(asked).text == "add"
    assert not query_of(
        [*asked, HumanMessage([result, {"type": "text", "text": "so?"}])]
    ).in_tool_loop
    assert turn_of(SystemMessage("x")).role == "system"
    assert turn_of(ToolMessage("x", tool_call_id="7")).answers == "7"


def profiled(**profile: Any) -> FakeProvider:
    return FakeProvider(name_of_model="m", profile=profile)


def test_facts_come_from_profile_and_class() -> None:
    full = facts_of(profiled(max_input_tokens=9, image_inputs=True, audio_inputs=False))
    assert full["context_window"] == 9
    assert "vision" in full["abilities"]
    assert not {"vision", "audio"} & full["unknown_abilities"]
    assert {"tools", "pdf"} <= full["unknown_abilities"]
    bare = facts_of(FakeListChatModel(responses=["x"]))
    assert not {"tools", "tool_choice", "structured_output"} & (
        bare["abilities"] | bare["unknown_abilities"]
    )
    assert "structured_output" in facts_of(profiled(tool_calling=True))["abilities"]
    bound = (
        profiled(image_inputs=True)
        .bind(stop=["x"])
        .with_fallbacks([FakeProvider(name_of_model="x")])
    )
    assert "vision" in facts_of(bound)["abilities"]
    assert facts_of(RunnableLambda(str))["abilities"] == set()


@pytest.mark.parametrize(("mode", "window", "output"), [("conservative", 10, 3), ("union", 20, 5)])
def test_the_pools_profile_is_honest(mode: Any, window: int, output: int) -> None:
    models: Any = {
        "a": profiled(max_input_tokens=10, max_output_tokens=5, image_inputs=True,
                      structured_output=True, pdf_inputs=False),
        "b": profiled(max_input_tokens=20, max_output_tokens=3, image_inputs=False,
                      structured_output=False, pdf_inputs=False),
    }  # fmt: skip
    chat = make(models=models, profile_mode=mode)
    assert chat.profile == {
        "max_input_tokens": window,
        "max_output_tokens": output,
        "image_inputs": True,
        "pdf_inputs": False,
        "structured_output": False,
    }
    both = dict.fromkeys(("a", "b"), models["a"])
    assert make(models=both).profile["structured_output"] is True  # type: ignore[index]
    unknown = {"a": models["a"], "b": FakeProvider(name_of_model="b")}
    pool = ModelPool(["a", "b"]).completed({name: facts_of(m) for name, m in unknown.items()})
    assert "structured_output" not in pool_profile(pool, unknown, "conservative")


def test_what_is_set_on_a_candidate_wins_over_its_profile() -> None:
    models = {"a": profiled(image_inputs=False), "b": profiled(image_inputs=True)}
    asked = [HumanMessage([PICTURE])]
    assert make(models=models).route(asked).ranking == ("b",)
    told = ModelPool([Candidate(name="a", abilities={"vision"}), "b"])
    assert make(Always(told), models=models).route(asked).model == "a"


def test_an_assumption_is_told() -> None:
    reason = make().route([HumanMessage([PICTURE])]).reason
    assert "not known whether a has vision" in reason
    assert "not known" not in make().route("hi").reason


def test_the_window_counts_tools_and_reserved_output() -> None:
    models = {"a": profiled(max_input_tokens=300), "b": profiled(max_input_tokens=9000)}
    chat = make(models=models)
    assert chat.invoke("hi", max_tokens=100).response_metadata["llm_router"]["model"] == "a"
    assert "exceed its window" in chat.route("hi", max_tokens=299).rejected["a"]
    tools = [add.model_copy(update={"description": "long " * 300})]
    assert routing_record(chat.bind_tools(tools).invoke("hi"))["ranking"] == ["b"]  # type: ignore[index]
    with pytest.raises(NoEligibleModel, match=r"a .* exceed its window of 300; b .* of 9000"):
        chat.invoke("hi", max_tokens=9000)


class Long(BaseModel):
    """Takes a while to describe."""

    field: str = Field(description="long " * 300)


@pytest.mark.parametrize(
    "asked",
    [
        lambda chat: chat.with_structured_output(Long, include_raw=True),
        lambda chat: chat.with_structured_output(convert_to_openai_tool(Long), include_raw=True),
        lambda chat: chat.bind(response_format=Long),
        lambda chat: chat.bind(response_format=Long.model_json_schema()),
    ],
)
def test_the_window_counts_a_structure_to_answer_in(asked: Any) -> None:
    models = {"a": profiled(max_input_tokens=300), "b": profiled(max_input_tokens=9000)}
    answer = asked(make(models=models)).invoke("hi")
    answer = answer["raw"] if isinstance(answer, dict) else answer
    assert "exceed its window of 300" in routing_record(answer)["rejected"]["a"]  # type: ignore[index]


def test_a_history_that_may_fit_is_asked_rather_than_refused() -> None:
    chat = make(models={name: profiled(max_input_tokens=8000) for name in "ab"})
    history = [HumanMessage("The boat sails on, and nobody is at the helm. " * 700)]
    assert len(history[0].text) / 5 < 8000 < chat.get_num_tokens_from_messages(history)
    record = routing_record(chat.invoke(history))
    assert record is not None
    assert "not known whether a has room" in record["reason"]


def test_failover_never_reaches_a_model_that_cannot_serve() -> None:
    models = {
        "a": FakeProvider(
            name_of_model="a", fail=ValueError("down"), profile={"image_inputs": True}
        ),
        "b": FakeProvider(name_of_model="b", profile={"image_inputs": False}),
    }
    with pytest.raises(ValueError, match="down"):
        make(models=models).invoke([HumanMessage([PICTURE])])
    assert models["b"].calls == []


def test_tokens_are_counted_offline() -> None:
    chat = make()
    messages = [HumanMessage("one two three"), AIMessage("four")]
    assert chat.get_num_tokens_from_messages(messages) >= 1.25 * len("one two threefour") / 4
    assert chat.get_num_tokens_from_messages(messages, [add]) > 20
    counting = make(custom_get_token_ids=lambda text: list(range(len(text.split()))))
    assert counting.get_num_tokens_from_messages(messages) == 4
    assert counting.get_num_tokens("a b") == 2


class Sum(BaseModel):
    """A sum."""

    total: str


class Sized(InMemoryCache):
    """A cache that is falsy while it is empty."""

    def __len__(self) -> int:
        return len(self._cache)


@pytest.mark.parametrize("same", [False, True])
def test_a_global_cache_that_is_asked_for_must_be_there(same: bool) -> None:
    models: Any = {
        name: FakeProvider(name_of_model="same" if same else name) for name in ("a", "b")
    }
    with pytest.raises(ValueError, match="cache"):
        make(models=models, cache=True).invoke("hi")


@pytest.mark.parametrize("where", ["global", "own"])
def test_a_cache_tells_twins_apart(where: str) -> None:
    shared = Sized()
    models: Any = {
        name: FakeProvider(name_of_model="same", metadata={"at": name}) for name in ("a", "b")
    }
    set_llm_cache(shared if where == "global" else None)
    try:
        chat = make(models=models, cache=None if where == "global" else shared)
        for name in ("a", "b", "a", "b"):
            chat.invoke("hi", model=name)
        assert [len(chat.models[name].calls) for name in ("a", "b")] == [1, 1]
    finally:
        set_llm_cache(None)


def test_a_model_under_two_names_is_one_model_with_a_cache_too() -> None:
    down, router = FakeProvider(name_of_model="a", fail=ValueError("down")), Always(["a", "b"])
    chat = make(router, models={"a": down, "b": down}, cache=InMemoryCache())
    with pytest.raises(ValueError, match="down"):
        chat.invoke("hi")
    assert len(down.calls) == 1


def test_an_answer_from_a_cache_costs_nothing() -> None:
    pool = ModelPool([Candidate(name="a", input_price=10, output_price=30)])
    chat = make(Always(pool), models={"a": FakeProvider(name_of_model="a")}, cache=InMemoryCache())
    paid, free = (chat.invoke("hi").response_metadata["llm_router"] for _ in range(2))
    assert paid["attempts"][0]["cost"] > 0
    assert free["attempts"][0]["cost"] == 0


def test_a_models_own_cache_stays() -> None:
    own = InMemoryCache()
    models: Any = {"a": FakeProvider(name_of_model="a", cache=own), "b": FullFake(model="b")}
    chat = make(models=models, cache=InMemoryCache())
    assert chat.models["a"].cache is own
    assert chat.models["b"].cache is not None


def test_inherited_options_do_what_they_say() -> None:
    chat = make(disable_streaming=True)
    assert [chunk.text for chunk in chat.stream("hi")] == ["hello from a"]
    assert len(list(make(streaming=False).stream("hi"))) == 1
    assert make(output_version="v1").invoke("hi").content == [
        {"type": "text", "text": "hello from a"}
    ]
    limiter = InMemoryRateLimiter(requests_per_second=0.001, max_bucket_size=2)
    limiter.available_tokens = 1
    limited = make(rate_limiter=limiter)
    limited.invoke("hi")
    assert limiter.available_tokens < 1
    with pytest.raises(ConfigError, match="output_version cannot be set on a, a RunnableLambda"):
        make(models=dict.fromkeys(("a", "b"), RunnableLambda(str)), output_version="v1")


def copied(chat: ChatLLMRouter, **changed: Any) -> ChatLLMRouter:
    return chat.model_copy(update=changed)


def assigned(chat: ChatLLMRouter, **changed: Any) -> ChatLLMRouter:
    for name, value in changed.items():
        setattr(chat, name, value)
    return chat


def configured(chat: ChatLLMRouter, **changed: Any) -> Any:
    fields = {name: ConfigurableField(id=name) for name in changed}
    return chat.configurable_fields(**fields).with_config(configurable=changed)


CHANGING = pytest.mark.parametrize("change", [copied, assigned, configured])


@CHANGING
def test_changed_options_have_their_effect(change: Any) -> None:
    runs = Traces()
    models = {"a": FakeProvider(name_of_model="a", fail=ValueError("down"))}
    models["b"] = FakeProvider(name_of_model="b")
    chat = make(models=models, temperature=0.1)
    changed = change(chat, temperature=0.9, record=False, tags=["new"], metadata={"m": 1})
    answer = changed.invoke("hi", {"callbacks": [runs]})
    assert routing_record(answer) is None
    assert models["b"].calls[-1]["temperature"] == 0.9
    assert runs.roots[0].tags == ["new"]
    assert runs.roots[0].extra["metadata"]["m"] == 1
    with pytest.raises(ValueError, match="down"):
        change(chat, failover=False).invoke("hi")


def test_a_copy_leaves_the_original_as_it_was() -> None:
    chat = make(temperature=0.1)
    copied(chat, temperature=0.9, record=False, failover=False)
    assert routing_record(chat.invoke("hi")) is not None
    assert chat.models["a"].calls[-1]["temperature"] == 0.1


@CHANGING
def test_copies_share_breakers_and_conversations(change: Any) -> None:
    models = {"a": FakeProvider(name_of_model="a", fail=ValueError("down"))}
    models["b"] = FakeProvider(name_of_model="b")
    limits = Limits(breaker=BreakerRule(failures=2))
    chat = make(models=models, cache=InMemoryCache(), reliability=Reliability(limits=limits))
    for place in range(4):
        change(chat, temperature=place / 10).invoke(f"question {place}")
    assert len(models["a"].calls) == 2
    alternating = make(FirstTime(["a", "b"]), record=False)
    said = change(alternating, temperature=0.5).invoke("Write a poem.")
    asked = [HumanMessage("Write a poem."), said, HumanMessage("continue")]
    assert change(alternating, temperature=0.6).invoke(asked).text == "hello from a"


@CHANGING
@pytest.mark.parametrize(
    "option",
    [
        {"timeout": 50.0},
        {"max_retries": 1},
        {"failover": True, "failover_on": (Exception, KeyError)},
        {"listeners": (str,)},
        {"cache": False},
        {"sticky": "tool_loop"},
    ],
)
def test_what_is_known_of_a_model_outlives_a_change(change: Any, option: dict[str, Any]) -> None:
    models = {"a": FakeProvider(name_of_model="a", fail=ValueError("down"))}
    models["b"] = FakeProvider(name_of_model="b")
    chat = make(models=models)
    for place in range(5):
        chat.invoke(f"question {place}")
    assert len(models["a"].calls) == 5
    changed = change(chat, **option)
    assert routing_record(changed.invoke("hi"))["failed"] == ["a: circuit_open"]  # type: ignore[index]
    assert len(models["a"].calls) == 5


@CHANGING
@pytest.mark.parametrize(
    "option", [{"timeout": 50.0}, {"failover": False}, {"listeners": (str,)}, {"cache": False}]
)
def test_a_conversation_outlives_a_change(change: Any, option: dict[str, Any]) -> None:
    config: Any = {"configurable": {"thread_id": "1"}}
    chat = make(FirstTime(["a", "b"]), sticky="conversation")
    assert chat.invoke("hi", config).text == "hello from a"
    changed = change(chat, **option)
    for _ in range(2):
        assert changed.invoke("more", config).text == "hello from a"


@pytest.mark.parametrize("kind", [ChatLLMRouter, RunnableLLMRouter])
@pytest.mark.parametrize(
    ("option", "told"),
    [
        ({"failover_on": ValueError}, "failover_on is a tuple"),
        ({"reliability": None}, "reliability is a Reliability"),
    ],
)
def test_a_change_that_means_nothing_is_told_plainly(
    kind: Any, option: dict[str, Any], told: str
) -> None:
    router = kind({"a": FakeProvider(name_of_model="a")}, Always(["a"]))
    with pytest.raises(ConfigError, match=told):
        copied(router, **option).invoke("hi")


def test_a_changed_cache_reaches_the_models_also_of_a_router_within() -> None:
    models = {"b": FakeProvider(name_of_model="b")}
    inner = make(Always(["b"]), models=models)
    for chat in (
        make(Always(["inner"]), models={"inner": inner}, cache=InMemoryCache()),
        copied(inner, cache=InMemoryCache()),
        assigned(make(Always(["b"]), models=models), cache=InMemoryCache()),
    ):
        models["b"].calls.clear()
        assert [chat.invoke("hi").text for _ in range(2)] == ["hello from b"] * 2
        assert len(models["b"].calls) == 1


@pytest.mark.parametrize("form", ["invoke", "ainvoke", "stream", "astream"])
@pytest.mark.parametrize("kind", [ChatLLMRouter, RunnableLLMRouter])
async def test_a_model_that_is_named_is_none_of_a_router_within(kind: Any, form: str) -> None:
    traces, within = Traces(), {"within": make(), "other": FakeProvider(name_of_model="c")}
    config: Any = {"configurable": {"llmrouter_model": "within"}, "callbacks": [traces]}
    await consume(kind(within, Always(["other", "within"])), form, config)
    assert traces.roots[0].child_runs[0].outputs["llm_router"]["model"] == "a"


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda chat: pickle.loads(pickle.dumps(chat))]
)
def test_a_router_whose_models_can_be_copied_can_be_copied(duplicate: Any) -> None:
    chat = make(models={name: FullFake(model=name) for name in ("a", "b")}, temperature=0.5)
    twin = duplicate(chat)
    assert twin.invoke("hi").text == "hello from a"
    assert twin.models["a"].asked[0]["temperature"] == 0.5
    assert chat.models["a"].asked == []


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda chain: pickle.loads(pickle.dumps(chain))]
)
def test_what_holds_a_router_can_be_copied(duplicate: Any) -> None:
    models = {"a": FullFake(model="a")}
    chat = ChatLLMRouter(models, Always(models)).with_structured_output(Sum, include_raw=True)
    runnable = RunnableLLMRouter(models, Always(models))
    for chain in (chat, runnable):
        chain.invoke("'1'")
        said = duplicate(chain).invoke("'1'")
        assert (said["raw"] if chain is chat else said).response_metadata["model_name"] == "a"
    assert len(models["a"].asked) == 2


def test_models_are_given_once() -> None:
    chat, others = make(), {name: FullFake(model=name) for name in ("a", "b")}
    with pytest.raises(ValueError, match="frozen"):
        chat.models = others
    assert copied(chat, models=others).invoke("hi").response_metadata["model_provider"] == (
        "full-fake"
    )
    with pytest.raises(ConfigError, match="give one model for each name"):
        copied(chat, models={"a": others["a"]}).invoke("hi")


def test_retries_and_timeouts_are_per_candidate() -> None:
    class Flaky(FakeProvider):
        def _generate(self, messages: Any, *args: Any, **kwargs: Any) -> Any:
            if not self.calls:
                self.calls.append({})
                raise ConnectionError
            return super()._generate(messages, *args, **kwargs)

    models = {"a": Flaky(name_of_model="a"), "b": FakeProvider(name_of_model="b")}
    assert make(models=models, max_retries=1).invoke("hi").text == "hello from a"
    models = {"a": Flaky(name_of_model="a"), "b": FakeProvider(name_of_model="b")}
    assert make(models=models).invoke("hi").text == "hello from b"


async def test_a_hanging_model_is_left_in_time() -> None:
    models = {
        "a": FakeProvider(name_of_model="a", hangs=True),
        "b": FakeProvider(name_of_model="b"),
    }
    answer = await make(models=models, timeout=0.1).ainvoke("hi")
    assert answer.text == "hello from b"
    assert routing_record(answer)["failed"] == ["a: TimedOut"]  # type: ignore[index]


class Slowing(BaseRateLimiter):
    """Keeps every call waiting, and counts them."""

    n_calls = 0

    def acquire(self, *, blocking: bool = True) -> bool:
        self.n_calls += 1
        time.sleep(0.2)
        return True

    async def aacquire(self, *, blocking: bool = True) -> bool:
        self.n_calls += 1
        await asyncio.sleep(0.2)
        return True


@pytest.mark.parametrize("form", ["invoke", "ainvoke", "stream", "astream", "v3", "av3"])
async def test_a_rate_limit_is_kept_and_waiting_for_it_is_no_failure(form: str) -> None:
    limiter = Slowing()
    chat = make(rate_limiter=limiter, timeout=0.1)
    await consume(chat, form, None)
    assert limiter.n_calls == 1
    assert [len(model.calls) for model in chat.models.values()] == [1, 0]


@pytest.mark.parametrize("limits", [{"timeout": 0.1}, {"reliability": Reliability(deadline=0.1)}])
@pytest.mark.parametrize("form", ["v3", "av3"])
async def test_the_pieces_of_v3_are_timed_too(form: str, limits: dict[str, Any]) -> None:
    class Slow(FakeProvider):
        def _stream(self, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
            yield ChatGenerationChunk(message=AIMessageChunk("well"))
            time.sleep(0.5)
            yield ChatGenerationChunk(message=AIMessageChunk("then"))

        async def _astream(self, *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:
            yield ChatGenerationChunk(message=AIMessageChunk("well"))
            await asyncio.sleep(0.5)
            yield ChatGenerationChunk(message=AIMessageChunk("then"))

    chat = make(models={name: Slow(name_of_model=name) for name in ("a", "b")}, **limits)
    with pytest.raises(TimedOut):
        await consume(chat, form, None)


def test_a_configuration_goes_round_and_holds_no_secret(tmp_path: Path) -> None:
    chat = make(Random(["a", "b"], seed=3), temperature=0.3, sticky="conversation", stop=["x"])
    config = json.loads(json.dumps(chat.to_config(tmp_path / "router")))
    assert "sk-sentinel" not in str(config)
    again = ChatLLMRouter.from_config(config, chat.models)
    assert (again.temperature, again.sticky, again.stop) == (0.3, "conversation", ["x"])
    assert [again.route(str(i)).model for i in range(9)] == [
        chat.route(str(i)).model for i in range(9)
    ]


def test_one_call_is_traded_off_by_its_config() -> None:
    seen: list[float | None] = []

    class Watching(Always):
        def flow(self, query: Any) -> Any:
            seen.append(query.cost_weight)
            return super().flow(query)

    chat = make(Watching(["a", "b"]))
    chat.invoke("hi", {"configurable": {"llmrouter_cost_weight": 0.5}})
    chat.with_config(configurable={"llmrouter_cost_weight": 2.0}).invoke("hi")
    assert seen == [0.5, 2.0]
    told = {spec.id.removeprefix("llmrouter_") for spec in chat.config_specs}
    assert told == {"model", "cost_weight", "deadline", "max_cost", "tags"}


MISSPELT = pytest.mark.parametrize(
    ("key", "told"),
    [
        ("llmrouter_tag", "it is called llmrouter_tags"),
        ("llm_router_tags", "it is called llmrouter_tags"),
        ("llmrouter_cost_weigth", "it is called llmrouter_cost_weight"),
        ("llm_router_conversation", "there are llmrouter_model, .*llmrouter_tags, thread_id"),
    ],
)


@MISSPELT
@pytest.mark.parametrize("form", ["invoke", "ainvoke", "stream", "astream", "route", "aroute"])
@pytest.mark.parametrize("kind", [ChatLLMRouter, RunnableLLMRouter])
async def test_a_wish_that_is_misspelt_is_never_dropped(
    kind: Any, form: str, key: str, told: str
) -> None:
    model = FakeProvider(name_of_model="a")
    router, config = kind({"a": model}, Always(["a"])), {"configurable": {key: ["eu"]}}
    with pytest.raises(ConfigError, match=f"no {key} can be set for a call: {told}"):
        await consume(router, form, config)
    assert model.calls == []


def test_keys_of_others_are_let_through() -> None:
    others = {"llm": 1, "router_tags": 2, "langgraph_llmrouter_tag": 3, "thread_id": None}
    assert make().invoke("hi", {"configurable": {**others, "llmrouter_tags": None}})


class FirstTime(Always):
    """Takes ``a`` the first time it is asked, then ``b``."""

    asked = 0

    def flow(self, query: Any) -> Any:
        self.asked += 1
        self.model = "a" if self.asked == 1 else "b"
        return super().flow(query)


def test_a_conversation_is_remembered_by_its_thread_where_messages_do_not_tell() -> None:
    chat = make(FirstTime(["a", "b"]), sticky="conversation")
    config: Any = {"configurable": {"thread_id": "1"}}
    assert chat.invoke("hi", config).text == "hello from a"
    assert chat.route("hi", config).model == "a"
    assert chat.invoke("more", config).text == "hello from a"
    assert chat.invoke("more", {"configurable": {"thread_id": "2"}}).text == "hello from b"


def test_a_dry_run_leaves_no_trace() -> None:
    chat = make(FirstTime(["a", "b"]), sticky="conversation")
    config: Any = {"configurable": {"thread_id": "1"}}
    assert chat.route("hi", config).model == "a"
    assert chat.invoke("hi", config).text == "hello from b"


def test_a_short_follow_up_stays_with_its_model() -> None:
    chat = make(FirstTime(["a", "b"]))
    said = chat.invoke("Write a poem.")
    asked = [HumanMessage("Write a poem."), said, HumanMessage("continua")]
    assert chat.invoke(asked).text == "hello from a"
    assert routing_record(chat.invoke(asked))["cause"] == "sticky"  # type: ignore[index]
    fresh = [*asked[:2], HumanMessage("Now prove Fermat's last theorem.")]
    assert chat.invoke(fresh).text == "hello from b"


async def test_several_answers_to_a_prompt_are_not_paid_for_and_dropped() -> None:
    chat, asked = make(), [[HumanMessage("hi")]]
    with pytest.raises(ConfigError, match="one answer to a prompt, not n=2"):
        chat.generate(asked, n=2)
    with pytest.raises(ConfigError, match="one answer to a prompt, not n=2"):
        await chat.agenerate(asked, n=2)
    assert len(chat.generate(asked, n=1).generations[0]) == 1


def test_handlers_hear_every_token_once_in_generate() -> None:
    class Counting(BaseCallbackHandler):
        models = 0

        def on_chat_model_start(self, *_: Any, **__: Any) -> None:
            self.models += 1

    counting = Counting()
    result = make().generate([[HumanMessage("hi")], [HumanMessage("ho")]], callbacks=[counting])
    assert [one[0].text for one in result.generations] == ["hello from a"] * 2
    assert counting.models == 2


@pytest.mark.parametrize("form", ["generate", "agenerate"])
async def test_generate_tells_what_the_model_told(form: str) -> None:
    chat, asked = make(), [[HumanMessage("hi")]]
    result = chat.generate(asked) if form == "generate" else await chat.agenerate(asked)
    ((generation,),) = result.generations
    assert generation.generation_info == {**chat.models["a"]._metadata(), "logprobs": None}
    assert result.llm_output == {}


@pytest.mark.parametrize("form", ["invoke", "stream"])
def test_without_records_an_answer_is_just_the_models_own(form: str) -> None:
    model, traces = FakeProvider(name_of_model="a"), Traces()
    chat = make(Always(["a"]), models={"a": model}, record=False)

    def said(by: Any, **config: Any) -> list[Any]:
        told = getattr(by, form)("hi", config)
        messages = [told] if form == "invoke" else list(told)
        return [message.model_copy(update={"id": None}) for message in messages]

    assert said(chat, callbacks=[traces]) == said(model)
    assert traces.roots[0].outputs["llm_router"]["model"] == "a"


def test_what_was_read_from_a_cache_is_counted() -> None:
    usage = {"input_tokens": 9, "output_tokens": 2, "total_tokens": 11}
    told = AIMessage("hi", usage_metadata=usage | {"input_token_details": {"cache_read": 7}})
    assert (answer_of("a", told).in_tokens, answer_of("a", told).cached_tokens) == (9, 7)
