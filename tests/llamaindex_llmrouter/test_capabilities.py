"""What the router reports of its pool is true, and its settings come back as they were."""

from __future__ import annotations

import inspect
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.base.llms.types import AudioBlock, ChatMessage, DocumentBlock, ImageBlock
from llama_index.core.llms import MockLLM
from llama_index.core.prompts import PromptTemplate
from llama_index.core.response_synthesizers import get_response_synthesizer
from llama_index.core.schema import NodeWithScore, TextNode
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel, Field

from llamaindex_llmrouter import (
    Always,
    Candidate,
    ConfigError,
    ModelPool,
    NoEligibleModel,
    RouterLLM,
)
from llamaindex_llmrouter.messages import count_tokens
from shared_core.errors import DeadlineExceeded
from shared_core.reliability import Reliability


@pytest.mark.parametrize(
    ("mode", "declared", "windows", "expected"),
    [
        ("conservative", None, (8000, 4000), 4000),
        ("union", None, (8000, 4000), 8000),
        ("conservative", 1000, (8000, 4000), 1000),
        ("conservative", 9000, (8000, 10_000), 9000),
        ("union", 9000, (8000, 4000), 9000),
    ],
)
def test_the_window(
    mode: str, declared: int | None, windows: tuple[int, int], expected: int, make: Any
) -> None:
    pool = ModelPool([Candidate(name="a", context_window=declared), Candidate(name="b")])
    llm = make(
        router=Always(pool),
        options={"metadata_mode": mode},
        a={"window": windows[0]},
        b={"window": windows[1]},
    )
    assert llm.metadata.context_window == expected


@pytest.mark.parametrize(
    ("mode", "a", "b", "expected"),
    [
        ("conservative", (4096, 1024), (128_000, 256), (4096, 1024)),
        ("conservative", (8192, 512), (128_000, 32_000), (8192, 512)),
        ("conservative", (4000, 200), (4100, 1000), (4000, 900)),
        ("conservative", (4000, -1), (8000, 200), (4000, 256)),
        ("conservative", (4000, -1), (8000, -1), (4000, -1)),
        ("union", (8192, 512), (128_000, 32_000), (128_000, 32_000)),
        ("union", (8000, 512), (8000, 256), (8000, 512)),
    ],
)
def test_a_prompt_packed_by_the_metadata_leaves_room_for_any_answer(
    mode: str, a: tuple[int, int], b: tuple[int, int], expected: tuple[int, int], make: Any
) -> None:
    models = {name: {"window": w, "num_output": n} for name, (w, n) in (("a", a), ("b", b))}
    about = make(options={"metadata_mode": mode}, **models).metadata
    assert (about.context_window, about.num_output) == expected


def test_the_largest_window_is_legal_because_only_models_that_fit_are_asked(make: Any) -> None:
    llm = make(options={"metadata_mode": "union"}, a={"window": 500}, b={"window": 9000})
    long = [ChatMessage("word " * 1000)]
    assert llm.chat(long).message.content == "hello from b"
    assert llm.chat([ChatMessage("hi")]).message.content == "hello from a"
    with pytest.raises(NoEligibleModel, match="exceed its window of 9000"):
        llm.chat([ChatMessage("word " * 9000)])


@pytest.mark.parametrize("words", ["the boat sails on ", "o barco não está aí ", "船在海上航行"])
def test_a_window_that_llama_index_fills_is_not_too_small(make: Any, words: str) -> None:
    llm = make(a={"window": 4000}, b={"window": 4000})
    nodes = [NodeWithScore(node=TextNode(text=words * 400)) for _ in range(6)]
    packed = get_response_synthesizer(llm=llm, response_mode="compact").synthesize("where?", nodes)
    alone = get_response_synthesizer(llm=llm.models["a"], response_mode="compact")
    asked = len(llm.models["a"].calls)
    assert str(packed) == str(alone.synthesize("where?", nodes)) == "hello from a"
    assert asked == len(llm.models["a"].calls) - asked > 1


class Song(BaseModel):
    """A song."""

    title: str


def test_room_for_the_answer_counts(make: Any) -> None:
    llm = make(a={"window": 500}, b={"window": 9000})
    hi, prompt, limit = [ChatMessage("hi")], PromptTemplate("hi"), {"max_tokens": 1000}
    assert llm.chat(hi, **limit).message.content == "hello from b"
    assert llm.structured_predict(Song, prompt, llm_kwargs=limit).title == "b"
    assert llm.as_structured_llm(Song).chat(hi, **limit).raw == Song(title="b")


class Saga(BaseModel):
    """A song that takes a while to describe."""

    title: str = Field(description="word " * 400)


async def test_a_structure_to_answer_in_counts(make: Any) -> None:
    llm, prompt = make(a={"window": 300}, b={"window": 9000}), PromptTemplate("hi")
    assert llm.structured_predict(Song, prompt).title == "a"
    assert llm.structured_predict(Saga, prompt).title == "b"
    assert (await llm.astructured_predict(Saga, prompt)).title == "b"
    assert llm.as_structured_llm(Saga).complete("hi").raw.title == "b"
    roomy = make(a={"window": 600}, b={"window": 9000})  # enough by LlamaIndex' own count
    assert roomy.structured_predict(Saga, prompt).title == "a"


LONG = "word " * 2000
CALLS: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(("chat", "achat", "astream_chat"), ([ChatMessage(LONG)],)),
    **dict.fromkeys(("complete", "acomplete", "astream_complete", "route", "aroute"), (LONG,)),
    **dict.fromkeys(("chat_with_tools", "achat_with_tools"), ([], LONG)),
    **dict.fromkeys(("apredict", "astream"), (PromptTemplate(LONG),)),
    "astructured_predict": (Song, PromptTemplate(LONG)),
}


async def call(llm: RouterLLM, form: str, **options: Any) -> None:
    called = getattr(llm, form)(*CALLS[form], **options)
    if inspect.iscoroutine(called):
        await called


@pytest.mark.parametrize("form", CALLS)
async def test_tokens_are_counted_where_the_estimate_decides_and_not_on_the_loop(
    form: str, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    where: list[threading.Thread] = []

    def counting(*args: Any) -> int:
        where.append(threading.current_thread())
        return count_tokens(*args)

    monkeypatch.setattr("llamaindex_llmrouter.intake.count_tokens", counting)
    for windows, is_counted in (
        ((1000, 100_000), False),
        ((3000, 100_000), True),
        ((9000, 9000), False),
    ):
        llm = make(a={"window": windows[0]}, b={"window": windows[1]})
        await call(llm, form)
        assert len(where) == is_counted
        if where:
            assert (where.pop() is threading.main_thread()) == (form[0] != "a")


def test_a_limit_that_is_no_number_is_left_to_the_model(make: Any) -> None:
    llm = make(a={"window": 500}, b={"window": 9000})
    assert llm.chat([ChatMessage("hi")], max_tokens="1000").message.content == "hello from a"
    assert llm.models["a"].calls[0]["max_tokens"] == "1000"


def test_a_window_nobody_declared_is_told_and_excludes_nobody(fake: Any) -> None:
    models = {"a": MockLLM(is_chat_model=True), "b": fake(name="b", window=8000)}
    with pytest.warns(UserWarning, match="no context window is declared for a"):
        llm = RouterLLM(models, Always(["a", "b"]))
    assert llm.route([ChatMessage("word " * 4000)]).model == "a"
    declared = [Candidate(name="a", context_window=8000), Candidate(name="b")]
    assert RouterLLM(models, Always(declared)).metadata.context_window == 8000


@pytest.mark.parametrize(
    ("block", "ability"),
    [
        (ImageBlock(url="https://x.test/i.png"), "vision"),
        (AudioBlock(audio=b"x", format="mp3"), "audio"),
        (DocumentBlock(data=b"%PDF-", document_mimetype="application/pdf"), "pdf"),
    ],
)
@pytest.mark.parametrize("form", ["chat", "achat", "stream_chat", "astream_chat"])
async def test_blocks_go_to_models_that_can_read_them(
    block: Any, ability: str, form: str, make: Any
) -> None:
    pool = [Candidate(name="a", abilities=[]), Candidate(name="b", abilities=[ability])]
    llm = make(router=Always(pool), b={"window": 9000})
    value = getattr(llm, form)([ChatMessage([block])])
    value = await value if form[0] == "a" else value
    if hasattr(value, "__aiter__"):
        _ = [piece async for piece in value]
    elif form == "stream_chat":
        list(value)
    (call,) = llm.models["b"].calls
    assert call["asked"][0].blocks == [block]
    assert not llm.models["a"].calls


def test_a_required_tool_call_goes_where_calls_can_be_required(make: Any) -> None:
    def noop() -> str:
        """Does nothing."""
        return ""

    pool = [
        Candidate(name="a", abilities=["tools"]),
        Candidate(name="b", abilities=["tools", "tool_choice"]),
    ]
    llm = make(router=Always(pool))
    tools = [FunctionTool.from_defaults(noop)]
    llm.chat_with_tools(tools, "hi")
    llm.chat_with_tools(tools, "hi", tool_required=True)
    assert [len(llm.models[name].calls) for name in "ab"] == [1, 1]


def test_a_candidate_cannot_claim_tools_that_its_llm_has_not(make: Any) -> None:
    def noop() -> str:
        """Does nothing."""
        return ""

    pool = [Candidate(name="a", abilities=["tools"]), Candidate(name="b")]
    llm = make(router=Always(pool), a={"calls_tools": False})
    decision = llm.route("hi", tools=[FunctionTool.from_defaults(noop)])
    assert decision.rejected == {"a": "cannot call tools"}


def test_settings_are_json_without_secrets_and_come_back(make: Any, tmp_path: Path) -> None:
    llm = make(options={"sticky": "conversation", "failover": False, "metadata_mode": "union"})
    told = json.dumps(llm.to_config(tmp_path / "router"))
    assert "sk-sentinel" not in told
    again = RouterLLM.from_config(json.loads(told), llm.models)
    assert again.to_config(tmp_path / "again")["options"] == json.loads(told)["options"]
    assert (again.sticky, again.failover, again.metadata_mode) == ("conversation", False, "union")
    assert isinstance(again.router, Always)
    assert again.chat([ChatMessage("hi")]).message.content == "hello from a"
    assert RouterLLM.from_config(json.loads(told), llm.models, sticky="off").sticky == "off"
    with pytest.raises(ConfigError, match="models has a:"):
        RouterLLM.from_config(json.loads(told), {"a": llm.models["a"]})


async def test_a_call_has_a_deadline_a_budget_and_a_trade_off(make: Any) -> None:
    llm = make(a={"hangs": True}, b={"hangs": True})
    with pytest.raises(DeadlineExceeded):
        await llm.achat([ChatMessage("hi")], llm_router_deadline=0.1)
    assert all(not set(call) & {"llm_router_deadline"} for call in llm.models["a"].calls)
    request = llm._chat_request([ChatMessage("hi")], {"llm_router_max_cost": 0.5, "top_p": 1})[0]
    assert request.query().max_cost == 0.5


@pytest.mark.parametrize("form", CALLS)
@pytest.mark.parametrize("wish", ["llm_router_modle", "llmrouter_model", "llmrouter_tags"])
async def test_a_misspelt_wish_is_told_of(form: str, wish: str, make: Any) -> None:
    with pytest.raises(ConfigError, match=f"^{wish}: a call can set llm_router_model"):
        await call(make(), form, **{wish: "a"})


def test_a_misspelt_wish_in_a_structured_call_is_told_of(make: Any) -> None:
    with pytest.raises(ConfigError, match="llmrouter_tags: a call can set"):
        make().as_structured_llm(Song).chat([ChatMessage("hi")], llmrouter_tags=["eu"])


def test_a_conversation_is_known_by_an_id(make: Any) -> None:
    with pytest.raises(ConfigError, match="llm_router_conversation is an id, not the list"):
        make().complete("hi", llm_router_conversation=["1"])


async def test_the_router_has_a_deadline_for_every_call(make: Any) -> None:
    options = {"reliability": Reliability(deadline=0.1)}
    llm = make(options=options, a={"hangs": True}, b={"hangs": True})
    with pytest.raises(DeadlineExceeded):
        await llm.achat([ChatMessage("hi")])


def test_a_conversation_is_stayed_with_by_its_id(make: Any) -> None:
    llm = make(options={"sticky": "conversation"})
    llm.chat([ChatMessage("hi")], llm_router_model="b", llm_router_conversation="one")
    assert llm.route("what else?", llm_router_conversation="one").model == "b"
    assert llm.route("what else?", llm_router_conversation="two").model == "a"
    assert not [k for call in llm.models["b"].calls for k in call if k.startswith("llm_router")]


def test_modes_that_do_not_exist(make: Any) -> None:
    with pytest.raises(ConfigError, match="mode is one of off, tool_loop, turn, conversation"):
        make(options={"sticky": "always"})
    with pytest.raises(ConfigError, match="metadata_mode is conservative or union"):
        make(options={"metadata_mode": "largest"})
