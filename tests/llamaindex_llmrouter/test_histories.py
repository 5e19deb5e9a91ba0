"""A conversation that changes providers: ids and thinking are repaired, in copies."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import (
    ChatMessage,
    CitationBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.tools import FunctionTool
from llamaindex_fakes import FakeProvider

from llamaindex_llmrouter import Always, RouterLLM
from llamaindex_llmrouter.histories import readable

STRANGE = "functions.weather:0" + "x" * 40
SAFE = re.compile(r"[a-zA-Z0-9]{9}")


class OtherProvider(FakeProvider):
    """Of another provider: signs its thoughts, and has tool-call ids that only it takes."""

    def _message(self, messages: Any, tools: Any) -> ChatMessage:
        message = super()._message(messages, tools)
        thought = ThinkingBlock(content="hm", additional_information={"signature": "abc"})
        blocks = [
            block.model_copy(update={"tool_call_id": STRANGE})
            if isinstance(block, ToolCallBlock)
            else block
            for block in message.blocks
        ]
        return message.model_copy(update={"blocks": [thought, *blocks]})

    def get_tool_calls_from_response(self, *args: Any, **kwargs: Any) -> list[ToolSelection]:
        found = super().get_tool_calls_from_response(*args, **kwargs)
        return [call.model_copy(update={"tool_id": STRANGE}) for call in found]


def weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


WEATHER = FunctionTool.from_defaults(weather)


def two_providers(**options: Any) -> RouterLLM:
    models = {
        "a": OtherProvider(name="a"),
        "b": FakeProvider(name="b"),
        "c": OtherProvider(name="c"),
    }
    return RouterLLM(models, Always(["a", "b", "c"]), **options)


def loop_of(llm: RouterLLM) -> list[ChatMessage]:
    """A question, a tool call of model a, and its result."""
    asked = ChatMessage("what weather?")
    called = llm.chat_with_tools([WEATHER], chat_history=[asked], llm_router_model="a").message
    result = ChatMessage("sunny", role="tool", additional_kwargs={"tool_call_id": STRANGE})
    return [asked, called, result]


FORMS = ("chat_with_tools", "achat_with_tools", "stream_chat_with_tools", "chat", "astream_chat")


async def received(llm: RouterLLM, form: str, history: list[ChatMessage], model: str) -> Any:
    """What the model got of the history, in any form."""
    arguments = (
        {"tools": [WEATHER], "chat_history": history} if "tools" in form else {"messages": history}
    )
    value = getattr(llm, form)(**arguments, llm_router_model=model)
    value = await value if form[0] == "a" else value
    if hasattr(value, "__aiter__"):
        _ = [piece async for piece in value]
    elif "stream" in form:
        list(value)
    return llm.models[model].calls[-1]["asked"]


@pytest.mark.parametrize("form", FORMS)
async def test_another_provider_gets_its_kind_of_ids_and_no_thoughts(form: str) -> None:
    llm = two_providers()
    history = loop_of(llm)
    before = [message.model_dump() for message in history]
    got = await received(llm, form, history, "b")
    (call,) = got[1].blocks
    assert SAFE.fullmatch(call.tool_call_id)
    assert got[2].additional_kwargs == {"tool_call_id": call.tool_call_id}
    assert got[1].additional_kwargs == {}
    assert got[0] is history[0]
    assert [message.model_dump() for message in history] == before


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("model", ["a", "c"])
async def test_the_same_provider_gets_the_history_as_it_is(form: str, model: str) -> None:
    llm = two_providers()
    history = loop_of(llm)
    got = await received(llm, form, history, model)
    assert all(one is other for one, other in zip(got, history, strict=True))


async def test_ids_are_the_same_every_time_and_different_for_every_call() -> None:
    llm = two_providers()
    history = [*loop_of(llm), ChatMessage("fine", role="assistant"), *loop_of(llm)]
    first, second = [await received(llm, "chat", history, "b") for _ in range(2)]
    assert first == second
    ids = [message.blocks[0].tool_call_id for message in (first[1], first[5])]
    assert len(set(ids)) == 2
    results = [message.additional_kwargs["tool_call_id"] for message in (first[2], first[6])]
    assert results == ids


async def test_of_unknown_authors_only_strange_ids_are_repaired() -> None:
    history = loop_of(two_providers())
    got = await received(two_providers(), "chat", history, "b")
    assert SAFE.fullmatch(got[1].blocks[0].tool_call_id)
    plain = ToolCallBlock(tool_call_id="call_1", tool_name="weather", tool_kwargs={})
    other = [history[0], ChatMessage(role="assistant", blocks=[plain])]
    assert (await received(two_providers(), "chat", other, "b"))[1] is other[1]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("model", ["a", "b"])
async def test_signed_thoughts_of_unknown_authors_are_sent_in_an_open_loop_only(
    form: str, model: str
) -> None:
    thought = ThinkingBlock(content="hm", additional_information={"signature": "abc"})
    called = ToolCallBlock(tool_call_id="call_1", tool_name="weather", tool_kwargs={})
    result = ChatMessage("sunny", role="tool", additional_kwargs={"tool_call_id": "call_1"})
    history = [
        ChatMessage("what weather?"),
        ChatMessage(role="assistant", blocks=[thought, called]),
        result,
    ]
    got = await received(two_providers(), form, history, model)
    assert all(one is other for one, other in zip(got, history, strict=True))
    answer = ChatMessage(role="assistant", blocks=[thought, TextBlock(text="Sunny.")])
    got = await received(two_providers(), form, [*history, answer, ChatMessage("why?")], model)
    assert [[block.block_type for block in message.blocks] for message in got[1:4]] == [
        ["tool_call"],
        ["text"],
        ["text"],
    ]
    assert got[1].blocks[0].tool_call_id == got[2].additional_kwargs["tool_call_id"]


@pytest.mark.parametrize("form", [form for form in FORMS if "tools" in form])
async def test_a_result_that_is_the_newest_message_answers_the_renamed_call(form: str) -> None:
    llm = two_providers()
    asked, called, result = loop_of(llm)
    before = result.model_dump()
    value = getattr(llm, form)([WEATHER], result, [asked, called], llm_router_model="b")
    value = await value if form[0] == "a" else value
    if "stream" in form:
        list(value)
    got = llm.models["b"].calls[-1]["asked"]
    assert SAFE.fullmatch(got[1].blocks[0].tool_call_id)
    assert got[2].additional_kwargs == {"tool_call_id": got[1].blocks[0].tool_call_id}
    assert result.model_dump() == before


async def test_failover_inside_a_tool_loop_repairs_too() -> None:
    llm = two_providers(failover=True)
    history = loop_of(llm)
    llm.models["a"].fail = TimeoutError()
    answer = llm.chat_with_tools([WEATHER], chat_history=history)
    assert answer.additional_kwargs["llm_router"]["cause"] == "failover"
    assert answer.message.content == "hello from b"
    assert SAFE.fullmatch(llm.models["b"].calls[-1]["asked"][1].blocks[0].tool_call_id)


def test_a_call_without_an_id_gives_none_to_what_is_no_result() -> None:
    called = ToolCallBlock(tool_call_id=None, tool_name="weather", tool_kwargs={})
    result, question = ChatMessage("sunny", role="tool"), ChatMessage("and now?")
    history = [ChatMessage(role="assistant", blocks=[called]), result, question]
    told = readable(history, [True, False, False])
    assert told[1].additional_kwargs == {"tool_call_id": told[0].blocks[0].tool_call_id}
    assert told[2] is question


async def test_an_answer_is_known_by_what_it_quotes_too() -> None:
    class Quoting(OtherProvider):
        def _message(self, messages: Any, tools: Any) -> ChatMessage:
            message = super()._message(messages, tools)
            about = {"source": "s", "title": "t", "additional_location_info": {}}
            quoted = CitationBlock(cited_content=TextBlock(text="sunny"), **about)
            return message.model_copy(update={"blocks": [quoted, *message.blocks]})

    models = {"a": Quoting(name="a"), "b": FakeProvider(name="b"), "c": OtherProvider(name="c")}
    llm = RouterLLM(models, Always(["a", "b", "c"]))
    history = loop_of(llm)
    got = await received(llm, "chat_with_tools", history, "b")
    assert [block.block_type for block in got[1].blocks] == ["citation", "tool_call"]
    got = await received(llm, "chat_with_tools", history, "a")
    assert got[1] is history[1]


async def test_an_agent_that_changes_models_between_questions() -> None:
    llm = two_providers(sticky="off")
    agent = FunctionAgent(tools=[WEATHER], llm=llm)
    memory = ChatMemoryBuffer.from_defaults(token_limit=3000)
    await agent.run("what weather?", memory=memory)
    llm._deciding.model = "b"
    assert str(await agent.run("and now?", memory=memory)) == "hello from b"
    sent = llm.models["b"].calls[0]["asked"]
    assert not [b for m in sent for b in m.blocks if isinstance(b, ThinkingBlock)]
    ids = [b.tool_call_id for m in sent for b in m.blocks if isinstance(b, ToolCallBlock)]
    results = [m.additional_kwargs["tool_call_id"] for m in sent if m.role == MessageRole.TOOL]
    assert ids == results
    assert all(map(SAFE.fullmatch, ids))


def test_calls_that_stand_beside_the_message_become_blocks() -> None:
    legacy = {
        "tool_calls": [
            {"id": "x:1", "function": {"name": "weather", "arguments": '{"city": "Porto"}'}},
            {"id": "x:2", "function": {"name": "weather", "arguments": "not json"}},
            "rubbish",
        ],
        "reasoning_content": "hm",
    }
    message = ChatMessage("wait", role="assistant", additional_kwargs=legacy)
    result = ChatMessage("sunny", role="tool", additional_kwargs={"tool_call_id": "x:2"})
    called, answered = readable([message, result], [True, False])
    text, first, second = called.blocks
    assert text == TextBlock(text="wait")
    assert (first.tool_kwargs, second.tool_kwargs) == ({"city": "Porto"}, "not json")
    assert answered.additional_kwargs["tool_call_id"] == second.tool_call_id
    assert called.additional_kwargs == {}


calls = st.lists(st.text(max_size=50), max_size=3)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(calls, st.booleans()), max_size=8))
@example([(["None"], True), ([], False)])
def test_calls_and_results_always_match(turns: list[tuple[list[str], bool]]) -> None:
    messages, foreign = [], []
    for ids, is_foreign in turns:
        blocks = [ToolCallBlock(tool_call_id=i, tool_name="t") for i in ids]
        messages.append(ChatMessage(role="assistant", blocks=blocks))
        messages += [
            ChatMessage("r", role="tool", additional_kwargs={"tool_call_id": i}) for i in ids
        ]
        foreign += [is_foreign, *(False for _ in ids)]
    told = readable(messages, foreign)
    current: list[str] = []
    for message, is_foreign, original in zip(told, foreign, messages, strict=True):
        if message.role == MessageRole.ASSISTANT:
            current = [block.tool_call_id for block in message.blocks]
            assert all(map(SAFE.fullmatch, current)) if is_foreign else message is original
        else:
            assert message.additional_kwargs["tool_call_id"] in current


def test_openai_receives_nothing_of_ours() -> None:
    openai_like = pytest.importorskip("llama_index.llms.openai_like")
    sent: list[dict[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(json.loads(request.content))
        said = {"role": "assistant", "content": "hello"}
        choice = {"index": 0, "message": said, "finish_reason": "stop"}
        usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
        told = {"id": "1", "object": "chat.completion", "created": 1, "model": "m"}
        return httpx.Response(200, json={**told, "choices": [choice], "usage": usage})

    openai = openai_like.OpenAILike(
        model="m",
        api_base="http://127.0.0.1:1/v1",
        api_key="sk-sentinel",
        is_chat_model=True,
        is_function_calling_model=True,
        context_window=8000,
        http_client=httpx.Client(transport=httpx.MockTransport(answer)),
    )
    models = {"a": OtherProvider(name="a"), "openai": openai}
    llm = RouterLLM(models, Always(["a", "openai"]))
    history = [*loop_of(llm), llm.chat([ChatMessage("hi")]).message, ChatMessage("and?")]
    response = llm.chat_with_tools(
        [WEATHER], chat_history=history, llm_router_model="openai", llm_router_conversation="c-1"
    )
    assert response.message.content == "hello"
    assert "sk-sentinel" not in str((llm.to_dict(), repr(llm), llm.to_payload()))
    (body,) = sent
    assert set(body) <= {"messages", "model", "tools", "tool_choice", "stream", "temperature",
                         "parallel_tool_calls", "max_tokens"}  # fmt: skip
    assert not re.search("llm_router|llmrouter|signature", json.dumps(body))
    called, result = body["messages"][1:3]
    assert called["tool_calls"][0]["id"] == result["tool_call_id"]
    assert len(result["tool_call_id"]) <= 40
    raw = openai.chat([ChatMessage("hi")])
    routed = llm.chat([ChatMessage("hi")], llm_router_model="openai")
    assert routed.raw == raw.raw
    assert llm.chat([ChatMessage("hi")], llm_router_model="openai").message == raw.message
