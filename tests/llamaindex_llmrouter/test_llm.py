"""RouterLLM answers as the chosen model does, in every form, and says who answered."""

from __future__ import annotations

import asyncio
import copy
import inspect
import json
import pickle
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_type_hints

import pytest
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    CompletionResponse,
    ImageBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from llama_index.core.callbacks import CallbackManager
from llama_index.core.extractors import SummaryExtractor
from llama_index.core.ingestion.pipeline import get_transformation_hash
from llama_index.core.llms import LLM, MockLLM
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.prompts import ChatPromptTemplate, PromptTemplate
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel

from llamaindex_llmrouter import (
    Always,
    Answer,
    Ask,
    Candidate,
    ConfigError,
    EnsembleRouter,
    Flow,
    FunctionEncoder,
    KNNRouter,
    ModelPool,
    NoEligibleModel,
    OutcomeTable,
    PoolError,
    Query,
    Reliability,
    Router,
    RouterLLM,
    RoutingDecision,
    RoutingEvent,
    StickyRouter,
    routing_record,
)

BASE = (
    "chat", "achat", "stream_chat", "astream_chat",
    "complete", "acomplete", "stream_complete", "astream_complete",
)  # fmt: skip
TOOLS = (
    "chat_with_tools", "achat_with_tools", "stream_chat_with_tools", "astream_chat_with_tools",
)  # fmt: skip
STRUCTURED = (
    "structured_predict", "astructured_predict",
    "stream_structured_predict", "astream_structured_predict",
)  # fmt: skip
PREDICT = ("predict", "apredict", "stream", "astream")

HI = [ChatMessage("hi")]
PROMPT = PromptTemplate("Context: {context}\nQuestion: {query_str}")


class Song(BaseModel):
    """A song."""

    title: str


def weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


VERBS = [
    {"query": text, "score.a": float("add" in text), "score.b": float("write" in text)}
    for text in ("add one and two", "add five", "write a song", "write a poem")
]
WEATHER = FunctionTool.from_defaults(weather)


async def replies(llm: LLM, form: str, *args: Any, **kwargs: Any) -> list[Any]:
    """What a method gives, whichever form it has: all pieces, or the only answer."""
    value = getattr(llm, form)(*args, **kwargs)
    if inspect.iscoroutine(value):
        value = await value
    if hasattr(value, "__aiter__"):
        return [piece async for piece in value]
    return list(value) if hasattr(value, "__next__") else [value]


def arguments(form: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Arguments for any method: a plain question."""
    if form in STRUCTURED:
        return (Song, PROMPT), {"context": "none", "query_str": "which song?"}
    if form in PREDICT:
        return (PROMPT,), {"context": "none", "query_str": "which song?"}
    if form in TOOLS:
        return ([WEATHER], "what weather?"), {}
    return ("hi",) if "complete" in form else (HI,), {}


def plain(value: Any) -> Any:
    """A reply without our record, to compare with the target's own."""
    if not hasattr(value, "additional_kwargs"):
        return value
    extra = {name: v for name, v in value.additional_kwargs.items() if name != "llm_router"}
    return value.model_copy(update={"additional_kwargs": extra})


ALL_FORMS = (*BASE, *TOOLS, *STRUCTURED, *PREDICT)


@pytest.mark.parametrize("form", ALL_FORMS)
async def test_every_form_replies_exactly_as_the_chosen_model(
    form: str, make: Any, fake: Any
) -> None:
    args, kwargs = arguments(form)
    got = await replies(make(), form, *args, **kwargs)
    own = await replies(fake(name="a"), form, *args, **kwargs)
    assert [plain(reply) for reply in got] == own
    assert got


@pytest.mark.parametrize("form", [*BASE, *TOOLS])
async def test_every_response_carries_the_decision_and_no_message_does(
    form: str, make: Any
) -> None:
    args, kwargs = arguments(form)
    found = await replies(make(), form, *args, **kwargs)
    records = [routing_record(reply) for reply in found]
    assert all(record == records[0] for record in records)
    assert records[0] is not None
    assert records[0]["model"] == "a"
    assert records[0]["ranking"] == ["a", "b"]
    assert json.dumps(records[0])
    assert all("llm_router" not in m.message.additional_kwargs for m in found if "chat" in form)


async def test_streams_have_several_pieces(make: Any) -> None:
    for form in ("stream_chat", "astream_chat", "stream_complete", "astream_complete"):
        args, _ = arguments(form)
        assert [r.delta for r in await replies(make(), form, *args)] == ["hello", " from", " a"]


class Pieces:
    """An asynchronous iterator, and no more than that."""

    def __init__(self, pieces: list[Any]) -> None:
        self.pieces = iter(pieces)

    def __aiter__(self) -> Pieces:
        return self

    async def __anext__(self) -> Any:
        try:
            return next(self.pieces)
        except StopIteration:
            raise StopAsyncIteration from None


async def test_a_stream_may_be_a_mere_iterator(fake: Any) -> None:
    class Iterating(fake):  # type: ignore[misc]
        async def astream_chat(self, messages: Any, **kwargs: Any) -> Any:
            return Pieces([piece async for piece in await super().astream_chat(messages)])

    llm = RouterLLM({"a": Iterating(name="a")}, Always(["a"]))
    assert [piece.delta for piece in await replies(llm, "astream_chat", HI)] == [
        "hello",
        " from",
        " a",
    ]


@pytest.mark.parametrize("form", ALL_FORMS)
async def test_failover_before_the_first_piece(form: str, make: Any) -> None:
    args, kwargs = arguments(form)
    llm = make(a={"fail": TimeoutError("quoting sk-sentinel")})
    last = (await replies(llm, form, *args, **kwargs))[-1]
    if form in (*BASE, *TOOLS):
        record = routing_record(last)
        assert record is not None
        assert record["model"] == "b"
        assert record["cause"] == "failover"
        assert record["failed"] == ["a: TimeoutError"]
        assert "sk-sentinel" not in json.dumps(record)
    assert llm.models["b"].calls


@pytest.mark.parametrize(
    "form", ["stream_chat", "astream_chat", "stream_complete", "astream_complete"]
)
async def test_an_error_after_the_first_piece_passes_through(form: str, make: Any) -> None:
    args, _ = arguments(form)
    llm = make(a={"fail": TimeoutError("late"), "late": True})
    with pytest.raises(TimeoutError, match="late"):
        await replies(llm, form, *args)
    assert not llm.models["b"].calls


STREAMS = [form for form in (*BASE, *TOOLS) if "stream" in form]


def silent_at_first(fake: Any, **first: Any) -> Any:
    """A provider whose streams begin with a piece that has only what is given."""

    class Silent(fake):  # type: ignore[misc]
        def _pieces(self, response: ChatResponse) -> Iterator[ChatResponse]:
            yield ChatResponse(message=ChatMessage(role="assistant", **first), delta="")
            if self.late:
                raise self.fail
            yield from super()._pieces(response)

        def _parts(self, response: CompletionResponse) -> Iterator[CompletionResponse]:
            yield CompletionResponse(text="", delta="")
            if self.late:
                raise self.fail
            yield from super()._parts(response)

    return Silent


@pytest.mark.parametrize("form", STREAMS)
@pytest.mark.parametrize("first", [{}, {"content": ""}, {"blocks": [ThinkingBlock(content="")]}])
async def test_a_piece_that_says_nothing_is_no_first_word(
    form: str, first: dict[str, Any], fake: Any
) -> None:
    args, kwargs = arguments(form)
    double = silent_at_first(fake, **first)
    models = {"a": double(name="a", fail=TimeoutError(), late=True), "b": double(name="b")}
    found = await replies(RouterLLM(models, Always(["a", "b"])), form, *args, **kwargs)
    record = routing_record(found[-1])
    assert record is not None
    assert (record["model"], record["cause"]) == ("b", "failover")
    assert [plain(piece) for piece in found] == await replies(models["b"], form, *args, **kwargs)


@pytest.mark.parametrize("form", [form for form in STREAMS if "chat" in form])
@pytest.mark.parametrize(
    "first",
    [
        {"content": "Well"},
        {"blocks": [ThinkingBlock(content="hm")]},
        {"blocks": [ToolCallBlock(tool_name="weather", tool_kwargs={})]},
        {"additional_kwargs": {"tool_calls": [{}]}},
    ],
)
async def test_a_thought_and_a_call_are_first_words(
    form: str, first: dict[str, Any], fake: Any
) -> None:
    args, kwargs = arguments(form)
    double = silent_at_first(fake, **first)
    models = {"a": double(name="a", fail=TimeoutError(), late=True), "b": double(name="b")}
    with pytest.raises(TimeoutError):
        await replies(RouterLLM(models, Always(["a", "b"])), form, *args, **kwargs)


@pytest.mark.parametrize("form", ALL_FORMS)
async def test_nobody_answers(form: str, make: Any) -> None:
    args, kwargs = arguments(form)
    llm = make(a={"fail": TimeoutError()}, b={"fail": ValueError()})
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - no message
        await replies(llm, form, *args, **kwargs)
    assert "a: TimeoutError; b: ValueError" in caught.value.__notes__[0]


@pytest.mark.parametrize("form", ALL_FORMS)
@pytest.mark.parametrize("error", [KeyboardInterrupt, asyncio.CancelledError])
async def test_interruptions_are_no_failures(
    form: str, error: type[BaseException], make: Any
) -> None:
    args, kwargs = arguments(form)
    llm = make(a={"fail": error()})
    with pytest.raises(error):
        await replies(llm, form, *args, **kwargs)
    assert not llm.models["b"].calls


async def test_failover_can_be_limited_and_switched_off(make: Any) -> None:
    only = {"failover_on": (TimeoutError,)}
    with pytest.raises(ValueError, match="no"):
        make(a={"fail": ValueError("no")}, options=only).chat(HI)
    with pytest.raises(ValueError, match="no"):
        await make(a={"fail": ValueError("no")}, options={"failover": False}).achat(HI)


@pytest.mark.parametrize("form", ALL_FORMS)
async def test_a_call_can_be_forced(form: str, make: Any) -> None:
    args, kwargs = arguments(form)
    llm = make()
    await replies(llm, form, *args, **kwargs, llm_router_model="b")
    assert not llm.models["a"].calls
    assert all("llm_router_model" not in call for call in llm.models["b"].calls)
    with pytest.raises(PoolError, match="no model 'x' in the pool; there are a, b"):
        await replies(llm, form, *args, **kwargs, llm_router_model="x")


def test_a_structured_llm_passes_the_forced_model_on(make: Any) -> None:
    llm = make()
    answer = llm.as_structured_llm(Song).chat(HI, llm_router_model="b")
    assert answer.raw == Song(title="b")


def test_options_of_the_call_reach_the_model(make: Any) -> None:
    llm = make()
    llm.chat(HI, temperature=0.5)
    llm.chat_with_tools([WEATHER], "hi", [ChatMessage("before")], tool_required=True)
    plain_call, tool_call = llm.models["a"].calls
    assert plain_call["temperature"] == 0.5
    assert tool_call["tool_required"] is True
    assert [m.content for m in tool_call["asked"]] == ["before", "hi"]


def test_models_that_cannot_call_tools_are_spared_them(make: Any) -> None:
    llm = make(a={"calls_tools": False})
    record = routing_record(llm.chat_with_tools([WEATHER], "hi"))
    assert record is not None
    assert record["model"] == "b"
    assert record["rejected"] == {"a": "cannot call tools"}
    assert llm.route("hi").model == "a"
    assert llm.route("hi", tools=[WEATHER]).model == "b"
    assert llm.metadata.is_function_calling_model
    with pytest.raises(NoEligibleModel, match="a cannot call tools"):
        llm.chat_with_tools([WEATHER], "hi", llm_router_model="a")


def test_a_plain_llm_is_spared_tools_too(fake: Any) -> None:
    llm = RouterLLM({"a": MockLLM(), "b": fake(name="b")}, Always(["a", "b"]))
    answer = llm.chat_with_tools([WEATHER], "hi")
    assert llm.get_tool_calls_from_response(answer)[0].tool_kwargs == {"city": "b"}
    only = RouterLLM({"a": MockLLM()}, Always(["a"]))
    assert not only.metadata.is_function_calling_model
    with pytest.raises(NoEligibleModel, match="a cannot call tools"):
        only.chat_with_tools([WEATHER], "hi")


@pytest.mark.parametrize("form", TOOLS)
@pytest.mark.parametrize(
    ("args", "kwargs"), [((), {"tool_required": True}), ((None, False, False, True), {})]
)
async def test_a_required_tool_call_goes_to_a_model_that_can_be_made_to(
    form: str, args: tuple[Any, ...], kwargs: dict[str, Any], make: Any
) -> None:
    able = {"a": ["tools"], "b": ["tools", "tool_choice"]}
    llm = make(router=Always([Candidate(name=n, abilities=can) for n, can in able.items()]))
    record = routing_record((await replies(llm, form, [WEATHER], "hi", *args, **kwargs))[-1])
    assert record is not None
    assert record["rejected"] == {"a": "lacks tool_choice"}
    assert llm.models["b"].calls[0]["tool_required"] is True


@pytest.mark.parametrize("form", TOOLS)
async def test_a_plain_llm_is_spared_chats_with_no_tools_too(form: str, fake: Any) -> None:
    llm = RouterLLM({"a": MockLLM(), "b": fake(name="b", calls_tools=False)}, Always(["a", "b"]))
    for _ in range(6):  # as many failures as would keep ``a`` from being asked at all
        record = routing_record((await replies(llm, form, [], "hi"))[-1])
        assert record is not None
        assert (record["model"], record["failed"]) == ("b", [])
        assert record["rejected"] == {"a": "has no chat with tools"}
    record = routing_record(llm.chat(HI))
    assert record is not None
    assert record["model"] == "a"
    with pytest.raises(NoEligibleModel, match="a has no chat with tools"):
        await replies(llm, form, [], "hi", llm_router_model="a")


def test_tool_calls_are_read_by_the_model_that_made_them(make: Any) -> None:
    llm = make()
    response = llm.chat_with_tools([WEATHER], "hi", llm_router_model="b")
    (call,) = llm.get_tool_calls_from_response(response)
    assert call.tool_id == "call-weather read by b"
    with pytest.raises(ConfigError, match="the response is of no model of a router"):
        llm.get_tool_calls_from_response(llm.models["a"].chat(HI))
    empty = response.model_copy(update={"message": ChatMessage(), "additional_kwargs": {}})
    assert llm.get_tool_calls_from_response(empty, error_on_no_tool_call=False) == []


def test_prepared_arguments_stay_with_the_model_that_prepared_them(make: Any) -> None:
    llm = make(a={"calls_tools": False})
    prepared = llm._prepare_chat_with_tools([WEATHER], "hi")
    assert prepared["llm_router_model"] == "b"
    record = routing_record(llm.chat(**prepared))
    assert record is not None
    assert record["model"] == "b"


@pytest.mark.parametrize("form", ["predict_and_call", "apredict_and_call"])
async def test_predict_and_call_runs_the_tool(form: str, make: Any) -> None:
    (answer,) = await replies(make(), form, [WEATHER], "what weather?")
    assert answer.response == "sunny in a"


def test_structured_output_is_the_models_own(fake: Any) -> None:
    class Native(fake):  # type: ignore[misc]
        def structured_predict(self, output_cls: Any, prompt: Any, *args: Any, **kw: Any) -> Any:
            return output_cls(title="native")

    llm = RouterLLM({"a": Native(name="a")}, Always(["a"]))
    song = llm.structured_predict(Song, PROMPT, context="", query_str="?")
    assert song == Song(title="native")


@pytest.mark.parametrize("form", STRUCTURED)
async def test_integrations_may_take_their_keywords_by_name_only(form: str, fake: Any) -> None:
    class Older(fake):  # type: ignore[misc]
        pass

    def by_name(self: Any, *args: Any, llm_kwargs: Any = None, **kwargs: Any) -> Any:
        return getattr(fake, form)(self, *args, llm_kwargs={**llm_kwargs, "more": 1}, **kwargs)

    setattr(Older, form, by_name)
    llm = RouterLLM({"a": Older(name="a")}, Always(["a"]))
    args, kwargs = arguments(form)
    await replies(llm, form, *args, llm_kwargs={"temperature": 0.5}, **kwargs)
    (call,) = llm.models["a"].calls
    assert (call["temperature"], call["more"]) == (0.5, 1)


async def test_the_question_in_a_prompt_is_what_is_judged(make: Any) -> None:
    judged: list[Query] = []

    class Noting(Always):
        def flow(self, query: Query) -> Flow:
            judged.append(query)
            return super().flow(query)

    llm = make(router=Noting(["a", "b"]))
    llm.predict(PROMPT, context="x" * 3000, query_str="which song?")
    await llm.astructured_predict(Song, PROMPT.partial_format(query_str="why?"), context="")
    llm.predict(ChatPromptTemplate([ChatMessage("Say {word}")]), word="hello")
    assert [query.text for query in judged] == ["which song?", "why?", "Say hello"]
    assert [query.needs for query in judged] == [set(), {"structured_output"}, set()]
    assert judged[0].input_tokens > 1000


def test_pictures_go_to_models_that_see(make: Any) -> None:
    pool = ModelPool([Candidate(name="a", abilities=[]), Candidate(name="b", abilities=["vision"])])
    llm = make(router=Always(pool))
    message = ChatMessage([TextBlock(text="what is it?"), ImageBlock(url="https://x.test/i.png")])
    record = routing_record(llm.chat([message]))
    assert record is not None
    assert record["model"] == "b"
    assert record["rejected"] == {"a": "lacks vision"}


def test_messages_of_the_user_are_left_as_they_are(make: Any) -> None:
    messages = [ChatMessage("be brief", role=MessageRole.SYSTEM), ChatMessage("hi")]
    before = [message.model_dump() for message in messages]
    make(a={"fail": TimeoutError()}).chat(messages)
    assert [message.model_dump() for message in messages] == before


def test_a_response_that_a_model_keeps_is_left_as_it_is(fake: Any) -> None:
    kept = fake(name="a").chat(HI)

    class Caching(fake):  # type: ignore[misc]
        def chat(self, messages: Any, **kwargs: Any) -> Any:
            return kept

    llm = RouterLLM({"a": Caching(name="a")}, Always(["a"]))
    assert routing_record(llm.chat(HI)) is not None
    assert routing_record(kept) is None


class Cascade(Router):
    """Hears ``a``, and takes ``b`` when the answer is too short; remembers what it heard."""

    def __init__(self, pool: Any, shortest: int) -> None:
        super().__init__(pool)
        self.shortest = shortest
        self.heard: list[Answer] = []

    def flow(self, query: Query) -> Flow:
        (answer,) = yield Ask(("a",))
        self.heard.append(answer)
        if len(answer.text) >= self.shortest:
            return RoutingDecision(("a", "b"), "Cascade", "policy", "enough", answer=answer)
        return RoutingDecision(("b",), "Cascade", "policy", "too short")


@pytest.mark.parametrize("form", ALL_FORMS)
async def test_routers_that_hear_answers_first(form: str, make: Any) -> None:
    args, kwargs = arguments(form)
    good = make(router=Cascade(["a", "b"], shortest=0))
    assert len(await replies(good, form, *args, **kwargs)) == 1
    assert not good.models["b"].calls
    short = make(router=Cascade(["a", "b"], shortest=1000))
    await replies(short, form, *args, **kwargs)
    assert short.models["b"].calls


async def test_an_answer_heard_whole_is_streamed_as_one_piece(make: Any) -> None:
    router = Cascade(["a", "b"], shortest=0)
    (piece,) = make(router=router).stream_chat(HI)
    assert piece.delta == piece.message.content == "hello from a"
    (answer,) = router.heard
    assert (answer.in_tokens, answer.out_tokens) == (7, 3)


OPENAI_USAGE = {"prompt_tokens": 11, "completion_tokens": 4}
OTHER_USAGE = {"input_tokens": 11, "output_tokens": 4}


@pytest.mark.parametrize("form", ["chat", "acomplete"])
@pytest.mark.parametrize(
    ("beside", "raw"),
    [
        (OPENAI_USAGE, None),
        ({}, {"usage": OPENAI_USAGE}),
        ({}, {"usage": OTHER_USAGE}),
        ({}, SimpleNamespace(usage=SimpleNamespace(**OTHER_USAGE))),
        ({"prompt_tokens": None}, {"usage": OTHER_USAGE}),
    ],
)
async def test_tokens_are_counted_wherever_an_integration_leaves_them(
    form: str, beside: Any, raw: Any, fake: Any
) -> None:
    class Counting(fake):  # type: ignore[misc]
        def _chat(self, *args: Any, **kwargs: Any) -> Any:
            response = super()._chat(*args, **kwargs)
            return response.model_copy(update={"raw": raw, "additional_kwargs": beside})

        def _complete(self, *args: Any, **kwargs: Any) -> Any:
            response = super()._complete(*args, **kwargs)
            return response.model_copy(update={"raw": raw, "additional_kwargs": beside})

    pool = ModelPool([Candidate(name="a", input_price=1.0, output_price=2.0)])
    (reply,) = await replies(
        RouterLLM({"a": Counting(name="a")}, Always(pool)), form, *arguments(form)[0]
    )
    record = routing_record(reply)
    assert record is not None
    assert record["usage"] == {"in_tokens": 11, "out_tokens": 4, "cost": pytest.approx(19e-6)}


def calling(fake: Any, beside: bool, arguments: str) -> Any:
    """Says nothing and calls one tool, in a block or beside the message."""
    block = ToolCallBlock(tool_call_id="1", tool_name="add", tool_kwargs=json.loads(arguments))
    legacy = {"tool_calls": [{"id": "1", "function": {"name": "add", "arguments": arguments}}]}
    told = {"additional_kwargs": legacy} if beside else {"blocks": [block]}

    class Calling(fake):  # type: ignore[misc]
        def _message(self, messages: Any, tools: Any) -> ChatMessage:
            return ChatMessage(role=MessageRole.ASSISTANT, **told)

    return Calling(name="x")


@pytest.mark.parametrize("beside", [False, True])
def test_a_vote_over_tool_calls_is_won_by_the_call_that_most_make(beside: bool, fake: Any) -> None:
    said = {"a": '{"x": 6, "y": 6}', "b": '{"x": 1, "y": 2}', "c": '{"y": 2, "x": 1}'}
    models = {name: calling(fake, beside, arguments) for name, arguments in said.items()}
    prices = [Candidate(name=n, input_price=i, output_price=i) for i, n in enumerate("abc")]
    record = routing_record(RouterLLM(models, EnsembleRouter(prices)).chat(HI))
    assert record is not None
    assert record["model"] == "b"
    assert record["quality"]["a"] < record["quality"]["b"] == record["quality"]["c"]


async def test_dry_runs_call_nobody(make: Any) -> None:
    llm = make()
    assert llm.route(HI).model == "a"
    assert (await llm.aroute("hi", tools=[WEATHER])).model == "a"
    assert llm.route("hi", llm_router_model="b").cause == "forced"
    assert not llm.models["a"].calls


async def test_dry_runs_leave_no_trace(make: Any) -> None:
    llm, of_it = make(options={"sticky": "conversation"}), {"llm_router_conversation": "1"}
    assert llm.route("what if?", llm_router_model="b", **of_it).model == "b"
    assert (await llm.aroute("what if?", llm_router_model="b", **of_it)).model == "b"
    assert routing_record(llm.complete("hi", **of_it))["model"] == "a"
    assert llm.route("and now?", **of_it).cause == "sticky"


def test_a_text_is_no_chat(make: Any) -> None:
    with pytest.raises(ConfigError, match="for one text there is complete"):
        make().chat("hi")


def test_metadata_is_what_holds_for_every_model(make: Any) -> None:
    llm = make(
        a={"window": 8000, "num_output": -1},
        b={"window": 4000, "num_output": 200, "is_chat": False, "calls_tools": False},
    )
    about = llm.metadata
    assert (about.context_window, about.num_output) == (4000, 200)
    assert not about.is_chat_model
    assert about.is_function_calling_model
    assert about.model_name == "llmrouter"
    known = ModelPool([Candidate(name="a", context_window=1000), Candidate(name="b")])
    assert make(router=Always(known)).metadata.context_window == 1000
    silent = make(a={"num_output": -1}, b={"num_output": -1})
    assert silent.metadata.num_output == -1


def test_models_and_pool_have_to_match(fake: Any) -> None:
    with pytest.raises(ConfigError, match=r"chooses among a, b; models has a, c"):
        RouterLLM({"a": fake(name="a"), "c": fake(name="c")}, Always(["a", "b"]))
    with pytest.raises(ConfigError, match="models has none"):
        RouterLLM({}, Always(["a"]))
    with pytest.raises(ConfigError, match="a is a str, no LlamaIndex LLM"):
        RouterLLM({"a": "gpt"}, Always(["a"]))  # type: ignore[dict-item]


def test_options_that_do_not_exist_or_belong_elsewhere(fake: Any) -> None:
    with pytest.raises(ConfigError, match="no option failovr; it has"):
        RouterLLM({"a": fake(name="a")}, Always(["a"]), failovr=True)
    with pytest.raises(ConfigError, match="set system_prompt on the models"):
        RouterLLM({"a": fake(name="a")}, Always(["a"]), system_prompt="Be brief.")


def test_no_secret_leaves_through_the_router(make: Any, fake: Any) -> None:
    llm = make()
    assert "sk-sentinel" in repr(fake(name="a"))
    shown = (repr(llm), str(llm), llm.to_dict(), llm.to_json(), llm.json(), llm.to_payload())
    assert "sk-sentinel" not in str(shown)
    assert "sk-sentinel" not in str(llm.model_dump())
    assert "sk-sentinel" not in repr(llm.as_structured_llm(Song).to_dict())


def kept_under(llm: LLM) -> str:
    """What an ``IngestionCache`` keeps the answers of this LLM under."""
    return get_transformation_hash([], SummaryExtractor(llm=llm))


def test_caches_know_the_same_llm_again(tmp_path: Path, make: Any) -> None:
    KNNRouter(["a", "b"]).fit(OutcomeTable.from_rows(VERBS)).save(tmp_path / "router")
    one, again = (make(router=Router.load(tmp_path / "router")) for _ in range(2))
    assert kept_under(one) == kept_under(again)
    assert json.loads(one.to_json()) == json.loads(again.to_json())


def test_caches_tell_one_llm_from_another(make: Any, fake: Any) -> None:
    class Unsaveable(Always):
        def __init__(self, pool: Any, of: Any) -> None:
            super().__init__(pool)

    priced = [Candidate(name="a", input_price=1.0), Candidate(name="b")]
    routers = (
        Always(["b", "a"]),
        Always(["a", "b"], "b"),
        Always(priced),
        StickyRouter(Always(["a", "b"])),
    )
    llms = [
        make(),
        RouterLLM({name: fake(name=f"new {name}") for name in "ab"}, Always(["a", "b"])),
        make(options={"sticky": "off"}),
        *(make(router=router) for router in routers),
        make(b={"num_output": 50}),
        *(make(router=learned(by_verb, shrinkage)) for shrinkage in (0.0, 1.0)),
        *(make(router=Unsaveable(["a", "b"], of)) for of in (print, len)),
        *(
            RouterLLM({"a": make(router=router), "b": fake(name="b")}, Always(["a", "b"]))
            for router in routers
        ),
    ]
    assert len(set(map(kept_under, llms))) == len(llms)
    changed = make()
    before = kept_under(changed)
    changed.router = routers[0]
    assert kept_under(changed) == kept_under(llms[3]) != before
    changed.models["b"].num_output = 50  # type: ignore[attr-defined]
    assert kept_under(changed) != kept_under(llms[3])


def test_models_are_kept_by_identity(fake: Any) -> None:
    class Locked(fake):  # type: ignore[misc]
        lock: Any = None

    mine = Locked(name="a", lock=threading.RLock())
    llm = RouterLLM({"a": mine}, Always(["a"]))
    assert llm.models["a"] is mine
    assert llm.model_copy().models["a"] is mine


def assigned(llm: RouterLLM, **fields: Any) -> RouterLLM:
    for name, value in fields.items():
        setattr(llm, name, value)
    return llm


def copied(llm: RouterLLM, **fields: Any) -> RouterLLM:
    return llm.model_copy(update=fields)


def copied_deep(llm: RouterLLM, **fields: Any) -> RouterLLM:
    return llm.model_copy(update=fields, deep=True)


changes = pytest.mark.parametrize("changed", [assigned, copied, copied_deep])


@changes
def test_a_field_changed_later_counts(changed: Any, make: Any, fake: Any) -> None:
    llm = make(a={"fail": TimeoutError()})
    assert llm.chat(HI).message.content == "hello from b"
    told: list[RoutingEvent] = []
    new = changed(llm, models={n: fake(name=f"new {n}") for n in "ab"}, listeners=(told.append,))
    assert new.chat(HI).message.content == "hello from new a"
    assert told
    new = changed(new, router=Always(["b", "a"]))
    assert new.chat(HI).message.content == "hello from new b"
    assert new.route("hi").model == "b"
    new.models["b"].fail = ValueError("down")
    with pytest.raises(ValueError, match="down"):
        changed(new, failover=False).chat(HI)


@changes
def test_a_change_is_checked_as_the_constructor_does(changed: Any, make: Any, fake: Any) -> None:
    with pytest.raises(ConfigError, match="set system_prompt on the models"):
        changed(make(), system_prompt="Be brief.")
    with pytest.raises(ConfigError, match="mode is one of"):
        changed(make(), sticky="always")
    with pytest.raises(ConfigError, match="models has x"):
        changed(make(), models={"x": fake(name="x")}).chat(HI)


@changes
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("failover", "nope"),
        ("failover_on", ValueError),
        ("listeners", print),
        ("reliability", None),
        ("callback_manager", "mine"),
        ("router", KNNRouter),
        ("models", ["a", "b"]),
        ("models", {"a": "gpt", "b": "gpt"}),
    ],
)
def test_what_makes_no_sense_changes_nothing(
    changed: Any, name: str, value: Any, make: Any
) -> None:
    llm = make()
    before = getattr(llm, name)
    with pytest.raises(ValueError, match=rf"{name}|no LlamaIndex LLM|a router is an instance"):
        changed(llm, **{name: value})
    if name in ("models", "router"):
        assert getattr(llm, name) is before
    with pytest.raises(ValueError, match=rf"{name}|no LlamaIndex LLM|a router is an instance"):
        RouterLLM(**{"models": llm.models, "router": llm.router, name: value})


def test_without_a_callback_manager_there_is_the_default(make: Any) -> None:
    llm = make()
    llm.callback_manager = None
    llm.models["a"].callback_manager = None
    assert llm.chat(HI).message.content == "hello from a"


def test_a_change_forgets_no_more_than_it_must(make: Any) -> None:
    llm = make()
    kept = {name: getattr(llm, name) for name in ("_authors", "_known", "_deciding")}
    llm.failover = False
    llm.callback_manager = CallbackManager()
    assert all(getattr(llm, name) is value for name, value in kept.items())


def test_a_deep_copy_has_the_same_models_and_its_own_memory(make: Any) -> None:
    llm = make(router=learned(by_verb))
    llm.chat(HI)
    other = copy.deepcopy(llm)
    assert other.chat(HI) is not None
    assert other.router is llm.router
    assert other.models["a"] is llm.models["a"]
    assert other.models is not llm.models
    assert other._authors is not llm._authors


def heard(event: RoutingEvent) -> None:
    """A listener that can be pickled."""


ROUTERS: dict[str, Callable[[], Router]] = {
    "always": lambda: Always(["a", "b"]),
    "learned": lambda: KNNRouter(["a", "b"]).fit(OutcomeTable.from_rows(VERBS)),
    "sticky": lambda: StickyRouter(KNNRouter(["a", "b"]).fit(OutcomeTable.from_rows(VERBS))),
}


@pytest.mark.parametrize("router", ROUTERS)
def test_a_pickled_one_is_as_it_was(router: str, make: Any) -> None:
    options = {"sticky": "conversation", "failover": False, "listeners": (heard,)}
    options |= {"reliability": Reliability(deadline=5), "failover_on": (TimeoutError,)}
    llm = make(router=ROUTERS[router](), options=options)
    llm.chat(HI, llm_router_conversation="1")
    again = pickle.loads(pickle.dumps(llm))
    assert {name: getattr(again, name) for name in options} == options
    assert kept_under(again) == kept_under(llm)
    assert again.complete("add two").text == llm.complete("add two").text


def test_what_cannot_be_pickled_is_not_left_out(make: Any) -> None:
    with pytest.raises((AttributeError, pickle.PicklingError), match="lambda"):
        pickle.dumps(make(options={"listeners": (lambda event: None,)}))


@pytest.mark.filterwarnings("ignore::pydantic.json_schema.PydanticJsonSchemaWarning")
def test_it_has_a_json_schema_as_any_llm() -> None:
    properties = RouterLLM.model_json_schema()["properties"]
    assert {"sticky", "failover", "metadata_mode"} <= set(properties)
    assert not {"models", "router"} & set(properties)


def test_a_router_can_be_a_model_of_a_router(make: Any, fake: Any) -> None:
    inner = make()
    outer = RouterLLM({"inner": inner, "c": fake(name="c")}, Always(["inner", "c"]))
    response = outer.chat_with_tools([WEATHER], "hi")
    (call,) = outer.get_tool_calls_from_response(response)
    assert call.tool_id == "call-weather read by a"


def test_it_is_a_function_calling_llm(make: Any) -> None:
    assert isinstance(make(), FunctionCallingLLM)
    assert RouterLLM.class_name() == "RouterLLM"


@pytest.mark.parametrize("form", [*ALL_FORMS, "route", "aroute", "get_tool_calls_from_response"])
def test_types_of_public_methods_can_be_read(form: str) -> None:
    assert "return" in get_type_hints(getattr(RouterLLM, form))


def test_listeners_hear_what_happens(make: Any) -> None:
    told: list[RoutingEvent] = []
    make(a={"fail": TimeoutError()}, options={"listeners": (told.append,)}).chat(HI)
    assert [event.kind for event in told] == ["decided", "failed", "answered"]


def learned(embed: Callable[[list[str]], list[list[float]]], shrinkage: float = 0.0) -> KNNRouter:
    """Learned that ``a`` adds and ``b`` writes."""
    rows = [
        {"query": text, "score.a": float(adds), "score.b": float(not adds)}
        for text, adds in (("add 1", True), ("add 2", True), ("write 1", False), ("write 2", False))
    ]
    router = KNNRouter(["a", "b"], encoder=FunctionEncoder(embed, "test"), k=1, shrinkage=shrinkage)
    return router.fit(OutcomeTable.from_rows(rows))


def by_verb(texts: list[str]) -> list[list[float]]:
    return [[float("add" in text), float("write" in text), 0.01] for text in texts]


def test_a_saved_router_routes(tmp_path: Path, fake: Any) -> None:
    KNNRouter(["a", "b"]).fit(OutcomeTable.from_rows(VERBS)).save(tmp_path / "router")
    llm = RouterLLM.from_artifact(
        tmp_path / "router", {"a": fake(name="a"), "b": fake(name="b")}, failover=False
    )
    assert routing_record(llm.complete("hi")) is not None
    assert llm.failover is False


def test_a_learned_router_chooses_by_the_newest_user_message(make: Any) -> None:
    llm = make(router=learned(by_verb))
    history = [ChatMessage("add 3"), ChatMessage("6", role="assistant"), ChatMessage("write it")]
    assert llm.chat(history).message.content == "hello from b"
    assert llm.chat(history[:2]).message.content == "hello from a"


@pytest.mark.parametrize("form", ["achat", "astream_chat", "acomplete", "aroute"])
async def test_a_slow_encoder_does_not_block_the_event_loop(form: str, make: Any) -> None:
    def slow(texts: list[str]) -> list[list[float]]:
        time.sleep(0.3)
        return by_verb(texts)

    llm = make(router=learned(slow))
    ticks: list[float] = []

    async def tick() -> None:
        while True:
            ticks.append(time.perf_counter())
            await asyncio.sleep(0.01)

    ticking = asyncio.create_task(tick())
    await replies(llm, form, "write it" if form in ("acomplete", "aroute") else HI)
    ticking.cancel()
    assert len(ticks) >= 8
