"""What the standard suite does not look at: one run, usage once, text once, the decision once."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler, get_usage_metadata_callback
from langchain_core.globals import set_llm_cache
from langchain_core.load import dumps
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableBinding, RunnableLambda, RunnableWithFallbacks
from langchain_core.tools import tool
from langchain_fakes import FakeProvider

from langchain_llmrouter import (
    AllModelsFailed,
    Always,
    Candidate,
    ChatLLMRouter,
    ConfigError,
    Flow,
    ModelPool,
    NoEligibleModel,
    PoolError,
    Query,
    Router,
    RoutingDecision,
    RunnableLLMRouter,
    routing_record,
)
from shared_core.decision import Ask
from shared_core.reliability import Reliability

FORMS = ("invoke", "ainvoke", "stream", "astream", "batch", "abatch")


def make(router: Router | None = None, **fakes: Any) -> ChatLLMRouter:
    """A router that always takes ``a``, over fakes ``a`` and ``b`` with the fields given."""
    models = {name: FakeProvider(name_of_model=name, **fakes.get(name, {})) for name in ("a", "b")}
    return ChatLLMRouter(models=models, router=router or Always(["a", "b"]))


async def ask(chat: Any, form: str, prompt: Any = "hi", **kwargs: Any) -> AIMessage:
    """The answer in any of the six forms; pieces of a stream are added up."""
    if form in ("invoke", "batch"):
        return (
            chat.invoke(prompt, **kwargs) if form == "invoke" else chat.batch([prompt], **kwargs)[0]
        )
    if form in ("ainvoke", "abatch"):
        found = await (
            chat.ainvoke(prompt, **kwargs) if form == "ainvoke" else chat.abatch([prompt], **kwargs)
        )
        return found[0] if form == "abatch" else found
    chunks = (
        list(chat.stream(prompt, **kwargs))
        if form == "stream"
        else [c async for c in chat.astream(prompt, **kwargs)]
    )
    total = chunks[0]
    for chunk in chunks[1:]:
        total += chunk
    return total


@pytest.mark.parametrize("form", FORMS)
async def test_every_form_answers_with_the_chosen_model(form: str) -> None:
    answer = await ask(make(), form)
    assert answer.text == "hello from a"
    assert answer.usage_metadata == {"input_tokens": 7, "output_tokens": 3, "total_tokens": 10}
    assert answer.response_metadata["model_name"] == "a"
    record = routing_record(answer)
    assert record is not None
    assert record["model"] == "a"
    assert record["ranking"] == ["a", "b"]


@pytest.mark.parametrize("form", ["stream", "astream"])
async def test_exactly_one_chunk_carries_the_decision(form: str) -> None:
    chat = make()
    chunks = list(chat.stream("hi")) if form == "stream" else [c async for c in chat.astream("hi")]
    assert len(chunks) >= 4
    assert sum(routing_record(chunk) is not None for chunk in chunks) == 1
    assert all(isinstance(chunk, AIMessageChunk) for chunk in chunks)


@pytest.mark.parametrize("form", FORMS)
async def test_usage_is_counted_once_in_a_chain(form: str) -> None:
    chain = RunnableLambda(lambda text: text) | make()
    with get_usage_metadata_callback() as counted:
        await ask(chain, form)
    assert {name: usage["total_tokens"] for name, usage in counted.usage_metadata.items()} == {
        "a": 10
    }


class Runs(BaseCallbackHandler):
    """Notes every model run and token it is told of."""

    def __init__(self) -> None:
        self.started: list[dict[str, Any]] = []
        self.tokens: list[str] = []

    def on_chat_model_start(self, serialized: Any, messages: Any, **kwargs: Any) -> None:
        self.started.append(kwargs)

    def on_llm_new_token(self, token: str, **kwargs: Any) -> None:
        self.tokens.append(token)


@pytest.mark.parametrize("form", FORMS)
async def test_the_chosen_models_run_is_the_only_one(form: str) -> None:
    runs = Runs()
    await ask(make(), form, config={"callbacks": [runs], "tags": ["mine"], "metadata": {"m": 1}})
    (run,) = runs.started
    assert run["metadata"]["ls_provider"] == "fakeprovider"
    assert run["metadata"]["llmrouter_model"] == "a"
    assert run["metadata"]["m"] == 1
    assert "mine" in run["tags"]


async def test_streamed_tokens_reach_callbacks_once() -> None:
    runs = Runs()
    await ask(make(), "stream", config={"callbacks": [runs]})
    assert "".join(runs.tokens) == "hello from a"


def test_own_callbacks_and_tags_reach_the_models_run() -> None:
    runs = Runs()
    models = {"a": FakeProvider(name_of_model="a")}
    chat = ChatLLMRouter(models=models, router=Always(["a"]), callbacks=[runs], tags=["own"])
    chat.invoke("hi")
    assert [run["tags"] for run in runs.started] == [["own"]]


async def test_streamed_events_hold_each_token_once() -> None:
    events = [e async for e in make().astream_events("hi", version="v2")]
    text = "".join(e["data"]["chunk"].text for e in events if e["event"] == "on_chat_model_stream")
    assert text == "hello from a"


@pytest.fixture
def global_cache() -> Iterator[None]:
    set_llm_cache(InMemoryCache())
    yield
    set_llm_cache(None)


@pytest.mark.usefixtures("global_cache")
def test_a_cache_never_crosses_models() -> None:
    chat = make()
    first = chat.invoke("hi", model="a")
    again = chat.invoke("hi", model="a")
    other = chat.invoke("hi", model="b")
    assert (first.text, again.text, other.text) == ("hello from a", "hello from a", "hello from b")
    assert len(chat.models["a"].calls) == 1
    assert routing_record(first)["id"] != routing_record(again)["id"]  # type: ignore[index]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("how", ["argument", "config"])
async def test_a_call_can_be_forced_to_a_model(form: str, how: str) -> None:
    config = {"configurable": {"llmrouter_model": "b"}}
    kwargs: dict[str, Any] = {"model": "b"} if how == "argument" else {"config": config}
    answer = await ask(make(), form, **kwargs)
    assert answer.text == "hello from b"
    assert routing_record(answer)["cause"] == "forced"  # type: ignore[index]


def test_forcing_an_unknown_model_is_an_error() -> None:
    with pytest.raises(PoolError, match="no model 'x' in the pool; there are a, b"):
        make().invoke("hi", model="x")


@pytest.mark.parametrize("form", FORMS)
async def test_a_failing_model_is_replaced_by_the_next(form: str) -> None:
    chat = make(a={"fail": ValueError("key sk-sentinel is wrong")})
    answer = await ask(chat, form)
    assert answer.text == "hello from b"
    record = routing_record(answer)
    assert record is not None
    assert (record["cause"], record["failed"]) == ("failover", ["a: ValueError"])
    assert "sk-sentinel" not in str(record)


@pytest.mark.parametrize("form", ["stream", "astream"])
async def test_a_failure_after_the_first_chunk_passes_through(form: str) -> None:
    chat = make(a={"fail": ValueError("cut"), "late": True})
    with pytest.raises(ValueError, match="cut"):
        await ask(chat, form)
    assert chat.models["b"].calls == []


class Whispers(FakeProvider):
    """Begins its streams with a chunk without words, as many models do, and then fails."""

    first: dict[str, Any]

    def _stream(self, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        yield ChatGenerationChunk(message=AIMessageChunk(**self.first))
        raise ValueError


@pytest.mark.parametrize("form", ["stream", "astream", "v3", "av3"])
@pytest.mark.parametrize(
    "first",
    [
        {"content": ""},
        {"content": [{"type": "text", "text": "", "index": 0}]},
        {"content": [{"type": "reasoning", "id": "rs", "summary": [], "index": 0}]},
        {"content": "", "additional_kwargs": {"reasoning_content": ""}},
    ],
)
async def test_a_model_that_has_said_nothing_yet_is_replaced(
    form: str, first: dict[str, Any]
) -> None:
    models = {"a": Whispers(name_of_model="a", first=first), "b": FakeProvider(name_of_model="b")}
    chat = ChatLLMRouter(models, Always(models))
    if form == "v3":
        assert chat.stream_events("hi", version="v3").output.text == "hello from b"
    elif form == "av3":
        assert (await (await chat.astream_events("hi", version="v3"))).text == "hello from b"
    else:
        assert (await ask(chat, form)).text == "hello from b"


@pytest.mark.parametrize(
    "first",
    [
        {"content": [{"type": "reasoning", "summary": [{"text": "Well"}], "index": 0}]},
        {"content": [{"type": "image", "base64": "aaaa"}]},
        {"content": ["Well"]},
        {"content": "", "additional_kwargs": {"reasoning_content": "Well"}},
    ],
)
async def test_a_model_that_has_said_something_is_not_replaced(first: dict[str, Any]) -> None:
    models = {"a": Whispers(name_of_model="a", first=first), "b": FakeProvider(name_of_model="b")}
    with pytest.raises(ValueError):  # noqa: PT011 - no message
        await ask(ChatLLMRouter(models, Always(models)), "stream")


@pytest.mark.parametrize("form", ["chat", "structured", "chain", "v3"])
async def test_closing_a_stream_closes_the_models_at_once(form: str) -> None:
    closed: list[str] = []

    class Endless(FakeProvider):
        async def _astream(self, *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:
            try:
                while True:
                    yield ChatGenerationChunk(message=AIMessageChunk("word "))
                    await asyncio.sleep(0)
            finally:
                closed.append("model")

        def with_structured_output(self, schema: Any, **kwargs: Any) -> Any:
            return self

    models = {"a": Endless(name_of_model="a")}
    chat: Any = ChatLLMRouter(models, Always(models))
    if form == "v3":
        pieces = await chat.astream_events("hi", version="v3")
        await anext(aiter(pieces))
    else:
        if form == "structured":
            chat = chat.with_structured_output({})
        if form == "chain":
            chat = RunnableLLMRouter(runnables=models, router=Always(models))
        pieces = chat.astream("hi")
        await anext(pieces)
    await pieces.aclose()
    assert closed == ["model"]


@pytest.mark.parametrize("form", FORMS)
async def test_when_all_fail_the_last_error_is_raised_and_names_all(form: str) -> None:
    cause = OSError("the line")
    last = KeyError("two")
    last.__cause__ = cause
    chat = make(a={"fail": ValueError("one")}, b={"fail": last})
    with pytest.raises(KeyError, match="two") as caught:
        await ask(chat, form)
    assert caught.value is last
    assert last.__cause__ is cause
    assert "a: ValueError; b: KeyError" in "".join(traceback.format_exception(last))
    assert isinstance(last.__context__, AllModelsFailed)
    assert [attempt.model for attempt in last.__context__.attempts] == ["a", "b"]


@pytest.mark.parametrize("form", ["invoke", "stream"])
async def test_an_interrupt_is_no_failure(form: str) -> None:
    chat = make(a={"fail": KeyboardInterrupt()})
    with pytest.raises(KeyboardInterrupt):
        await ask(chat, form)
    assert chat.models["b"].calls == []


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("options", [{}, {"timeout": 5.0}])
async def test_a_signal_of_langgraphs_is_no_failure(form: str, options: dict[str, Any]) -> None:
    errors = pytest.importorskip("langgraph.errors")
    models = {name: FakeProvider(name_of_model=name) for name in ("a", "b")}
    models["a"].fail = errors.GraphInterrupt()
    with pytest.raises(errors.GraphInterrupt):
        await ask(ChatLLMRouter(models, Always(models), **options), form)
    assert models["b"].calls == []


@pytest.mark.parametrize("form", ["ainvoke", "astream"])
async def test_cancellation_is_no_failure(form: str) -> None:
    chat = make(a={"hangs": True})
    asking = asyncio.create_task(ask(chat, form))
    while not chat.models["a"].calls:
        await asyncio.sleep(0.01)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert chat.models["b"].calls == []


def test_batch_routes_each_input_and_can_return_exceptions() -> None:
    pool = ModelPool(
        [Candidate(name="a", context_window=50), Candidate(name="b", context_window=500)]
    )
    chat = make(Always(pool, "a"))
    answers = chat.batch(["hi", "long " * 100, "x" * 9999], return_exceptions=True)
    assert [getattr(answer, "text", None) for answer in answers] == [
        "hello from a",
        "hello from b",
        None,
    ]
    assert isinstance(answers[2], NoEligibleModel)


async def test_route_is_a_dry_run() -> None:
    chat = make()
    assert chat.route("hi").model == (await chat.aroute("hi")).model == "a"
    assert chat.models["a"].calls == []


def test_pictures_and_tools_are_needs() -> None:
    pool = ModelPool([Candidate(name="a", abilities=frozenset()), Candidate(name="b")])
    chat = make(Always(pool, "a"))
    picture = HumanMessage([{"type": "image", "base64": "aaaa", "mime_type": "image/png"}])
    assert chat.route([picture]).rejected == {"a": "lacks vision"}
    assert chat.bind_tools([add]).invoke("add").text == "hello from b"


def test_the_newest_human_text_is_judged() -> None:
    judged: list[Query] = []

    class Listening(Always):
        def flow(self, query: Query) -> Flow:
            judged.append(query)
            return super().flow(query)

    chat = make(Listening(["a", "b"]))
    chat.invoke(
        [SystemMessage("be short"), HumanMessage("old"), AIMessage("yes"), HumanMessage("new")]
    )
    chat.invoke([SystemMessage("only this")])
    assert [query.text for query in judged] == ["new", "only this"]


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


async def test_tools_are_bound_by_the_chosen_model() -> None:
    chat = make()
    bound = chat.bind_tools([add], tool_choice="any")
    assert isinstance(bound, RunnableBinding)
    for form in FORMS[:2]:
        assert [call["name"] for call in (await ask(bound, form)).tool_calls] == ["add"]
    assert chat.models["a"].calls[0]["tools"][0]["function"]["name"] == "add"


def test_fallbacks_survive_bind_tools() -> None:
    backup = FakeProvider(name_of_model="backup")
    assert isinstance(make().with_fallbacks([backup]).bind_tools([add]), RunnableWithFallbacks)


def test_works_in_a_chain_with_prompt_and_parser() -> None:
    chain = ChatPromptTemplate.from_template("Say {what}") | make() | StrOutputParser()
    assert chain.invoke({"what": "hello"}) == "hello from a"
    assert "".join(chain.stream({"what": "hello"})) == "hello from a"


def test_a_limit_that_is_no_number_is_the_models_to_refuse() -> None:
    pool = ModelPool([Candidate(name=name, input_price=1.0, output_price=1.0) for name in "ab"])
    chat = make(Always(pool))
    chat.invoke("hi", max_tokens="many")
    assert chat.models["a"].calls[0]["max_tokens"] == "many"


def test_settings_reach_the_model_and_calls_override_them() -> None:
    models = {"a": FakeProvider(name_of_model="a")}
    chat = ChatLLMRouter(models=models, router=Always(["a"]), temperature=0.5, max_tokens=9)
    chat.invoke("hi", stop=["."], max_tokens=3)
    call = models["a"].calls[0]
    assert (call["temperature"], call["max_tokens"], call["stop"]) == (0.5, 3, ["."])


class AskFirst(Router):
    """Hears ``a`` before it decides for it: a cascade that is always content."""

    def flow(self, query: Query) -> Flow:
        (answer,) = yield Ask(("a",))
        return RoutingDecision(("a",), "AskFirst", "policy", "heard it", answer=answer)


@pytest.mark.parametrize("form", FORMS)
async def test_an_answer_heard_while_deciding_is_not_asked_for_again(form: str) -> None:
    chat = make(AskFirst(["a", "b"]))
    answer = await ask(chat, form)
    assert answer.text == "hello from a"
    assert len(chat.models["a"].calls) == 1
    assert routing_record(answer)["router"] == "AskFirst"  # type: ignore[index]


def test_a_chunk_that_was_heard_whole_is_streamed_as_it_is() -> None:
    said = AIMessageChunk("hello", chunk_position="last")
    models = {name: RunnableLambda(lambda _: said) for name in ("a", "b")}
    assert [one.text for one in ChatLLMRouter(models, AskFirst(["a", "b"])).stream("hi")] == [
        "hello"
    ]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("router", [Always(["a", "b"]), AskFirst(["a", "b"])])
async def test_a_model_that_answers_with_no_message_is_named(form: str, router: Router) -> None:
    models = {name: FakeProvider(name_of_model=name) | StrOutputParser() for name in ("a", "b")}
    with pytest.raises(ConfigError, match="a answered with text; ChatLLMRouter takes"):
        await ask(ChatLLMRouter(models, router), form)


def test_a_dry_run_of_a_router_that_must_ask_says_so() -> None:
    with pytest.raises(ConfigError, match="decides only after hearing a"):
        make(AskFirst(["a", "b"])).route("hi")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"polcy": 1}, "no option polcy"),
        ({"model": "a"}, r"bind\(model='a'\) forces a"),
        ({"max_retries": 1, "reliability": Reliability(deadline=1)}, "give either reliability"),
        ({"models": {"a": FakeProvider(name_of_model="a")}}, "give one model for each name"),
        ({"models": {"a": "gpt", "b": "gpt"}}, r"no LangChain model .*init_chat_model\('gpt'\)"),
    ],
)
def test_wrong_arguments_are_told_plainly(options: dict[str, Any], told: str) -> None:
    fakes = {name: FakeProvider(name_of_model=name) for name in ("a", "b")}
    with pytest.raises(ConfigError, match=told):
        ChatLLMRouter(**({"models": fakes, "router": Always(["a", "b"])} | options))


def test_an_option_without_effect_warns() -> None:
    with pytest.warns(UserWarning, match="api_key has no effect on a router"):
        ChatLLMRouter(
            models={"a": FakeProvider(name_of_model="a")}, router=Always(["a"]), api_key="k"
        )


def test_no_secret_is_shown() -> None:
    chat = make()
    shown = repr(chat) + str(chat._identifying_params) + dumps(chat) + chat.model_dump_json()
    assert "sk-sentinel" not in shown


async def test_encoding_does_not_block_the_event_loop() -> None:
    class Slow(Always):
        def flow(self, query: Query) -> Flow:
            time.sleep(0.3)
            return super().flow(query)

    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    ticking = asyncio.create_task(tick())
    await make(Slow(["a", "b"])).ainvoke("hi")
    ticking.cancel()
    assert ticks > 5


def test_events_tell_what_happened() -> None:
    events: list[tuple[str, str]] = []
    models = {
        "a": FakeProvider(name_of_model="a", fail=ValueError()),
        "b": FakeProvider(name_of_model="b"),
    }
    listeners = [lambda event: events.append((event.kind, event.decision.model))]
    ChatLLMRouter(models=models, router=Always(["a", "b"]), listeners=listeners).invoke("hi")
    assert events == [("decided", "a"), ("failed", "a"), ("answered", "b")]


def test_structured_output_is_the_chosen_models_own() -> None:
    class Own(FakeProvider):
        def with_structured_output(self, schema: Any, **kwargs: Any) -> Any:
            return RunnableLambda(lambda _: {"by": self.name_of_model, **kwargs})

    models = {"a": Own(name_of_model="a"), "b": Own(name_of_model="b")}
    chat = ChatLLMRouter(models=models, router=Always(["a", "b"]))
    structured = chat.with_structured_output({"title": "T"}, method="json_mode")
    assert structured.invoke("hi") == {"by": "a", "include_raw": False, "method": "json_mode"}
    assert list(structured.stream("hi"))[-1]["by"] == "a"


@pytest.mark.parametrize(("schema", "options"), [(5, {}), ("str", {}), (dict, {"bogus": 1})])
def test_a_structure_that_no_model_takes_is_told_of_at_once(schema: Any, options: Any) -> None:
    with pytest.raises(ConfigError, match=r"(?s)in this structure: a: .*; b: "):
        make().with_structured_output(schema, **options)
