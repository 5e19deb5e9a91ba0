"""Every public method: answer, raw payload and events are those of the chosen model itself."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage, ImageBlock, TextBlock
from llama_index.core.llms import LLM, MockLLM
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.mock import MockFunctionCallingLLM
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool
from llamaindex_fakes import FakeProvider
from pydantic import BaseModel

from llamaindex_llmrouter import Always, RouterLLM, routing_record


class Song(BaseModel):
    """A song."""

    title: str = "untitled"


def weather(city: str = "Porto") -> str:
    """The weather in a city."""
    return f"sunny in {city}"


TOOLS = [FunctionTool.from_defaults(weather)]
PROMPT = PromptTemplate("Context: {context}\nQuestion: {query_str}")
SEEN = ChatMessage([TextBlock(text="what is it?"), ImageBlock(url="https://x.test/i.png")])
ASKED = {"context": "none", "query_str": "which song?"}

CALLS: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    **dict.fromkeys(("chat", "achat", "stream_chat", "astream_chat"), (([SEEN],), {})),
    **dict.fromkeys(
        ("complete", "acomplete", "stream_complete", "astream_complete"), (("hi",), {})
    ),
    **dict.fromkeys(
        (
            "chat_with_tools",
            "achat_with_tools",
            "stream_chat_with_tools",
            "astream_chat_with_tools",
        ),
        ((TOOLS, "what weather?"), {"allow_parallel_tool_calls": True}),
    ),
    **dict.fromkeys(
        (
            "structured_predict",
            "astructured_predict",
            "stream_structured_predict",
            "astream_structured_predict",
        ),
        ((Song, PROMPT), ASKED),
    ),
    **dict.fromkeys(("predict", "apredict", "stream", "astream"), ((PROMPT,), ASKED)),
    **dict.fromkeys(("predict_and_call", "apredict_and_call"), ((TOOLS, "what weather?"), {})),
}
"""Public method -> arguments."""

MODELS: dict[str, Callable[[], LLM]] = {
    "fake": lambda: FakeProvider(name="a"),
    "function calling": lambda: MockFunctionCallingLLM(is_chat_model=True),
    "plain": lambda: MockLLM(max_tokens=3),
}


async def replies(llm: Any, form: str, *args: Any, **kwargs: Any) -> list[Any]:
    """All pieces, or the only answer."""
    value = getattr(llm, form)(*args, **kwargs)
    value = await value if inspect.iscoroutine(value) else value
    if hasattr(value, "__aiter__"):
        return [piece async for piece in value]
    return list(value) if hasattr(value, "__next__") else [value]


def shown(value: Any) -> str:
    """A reply or event whole, without our record and what is random in it."""
    if getattr(value, "additional_kwargs", {}).get("llm_router"):
        extra = {k: v for k, v in value.additional_kwargs.items() if k != "llm_router"}
        value = value.model_copy(update={"additional_kwargs": extra})
    told = (
        {k: v for k, v in vars(value).items() if k not in ("id_", "span_id", "timestamp", "tags")}
        if isinstance(value, BaseModel)
        else value
    )
    return re.sub(r"[0-9a-f]{32}|object at 0x\w+", "…", f"{type(value).__name__} {told}")


def told_events(heard: Any) -> list[str]:
    """Events so far but ours; then they are forgotten."""
    found = [shown(event) for event in heard.events if "Routing" not in event.class_name()]
    heard.events.clear()
    return found


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("form", CALLS)
async def test_every_method_is_the_chosen_models_own(form: str, model: str, heard: Any) -> None:
    if model == "plain" and ("tools" in form or "call" in form or "structured" in form):
        pytest.skip("a plain LLM is handed no tools, and this one writes no JSON")
    args, kwargs = CALLS[form]
    own_model = MODELS[model]()
    own = await replies(own_model, form, *args, **kwargs)
    own_events = told_events(heard)
    llm = RouterLLM({"a": MODELS[model](), "b": MODELS[model]()}, Always(["a", "b"]))
    got = await replies(llm, form, *args, **kwargs)
    decisions = [event for event in heard.events if "Routing" in event.class_name()]
    assert len(decisions) == 1
    assert list(map(shown, got)) == list(map(shown, own))
    assert told_events(heard) == own_events
    assert getattr(got[-1], "raw", None) == getattr(own[-1], "raw", None)


@pytest.mark.parametrize("form", [form for form, (args, _) in CALLS.items() if PROMPT in args])
async def test_a_prompts_functions_are_called_once_in_a_call(form: str) -> None:
    given: list[dict[str, Any]] = []

    def context(**args: Any) -> str:
        given.append(args)
        return f"found {len(given)}"

    prompt = PromptTemplate("{context}: {query_str}", function_mappings={"context": context})
    models = {"a": FakeProvider(name="a", fail=ValueError()), "b": FakeProvider(name="b")}
    llm = RouterLLM(models, Always(models))
    for number in (1, 2):
        args = (Song, prompt) if "structured" in form else (prompt,)
        await replies(llm, form, *args, query_str="which song?")
        assert given == [{"query_str": "which song?"}] * number
        assert f"found {number}: which song?" in str(models["b"].calls[-1]["asked"])
    assert prompt.function_mappings == {"context": context}


@pytest.mark.parametrize("form", [form for form in CALLS if "chat" in form or "complete" in form])
async def test_every_response_of_a_core_double_says_who_answered(form: str) -> None:
    args, kwargs = CALLS[form]
    llm = RouterLLM({"a": MODELS["function calling"]()}, Always(["a"]))
    for reply in await replies(llm, form, *args, **kwargs):
        record = routing_record(reply)
        assert record is not None
        assert record["model"] == "a"


@pytest.mark.parametrize("form", ["chat", "achat", "complete", "stream_chat", "astream_chat"])
async def test_a_structured_llm_answers_as_the_chosen_models(form: str, heard: Any) -> None:
    args = ("hi",) if form == "complete" else ([ChatMessage("hi")],)
    own = await replies(FakeProvider(name="a").as_structured_llm(Song), form, *args)
    own_events = told_events(heard)
    llm = RouterLLM({"a": FakeProvider(name="a")}, Always(["a"]))
    got = await replies(llm.as_structured_llm(Song), form, *args)
    assert [reply.raw for reply in got] == [reply.raw for reply in own]
    events = told_events(heard)
    assert len(events) == len(own_events)


def test_tool_calls_are_read_as_the_model_reads_them() -> None:
    llm = RouterLLM({"a": MODELS["function calling"]()}, Always(["a"]))
    response = llm.chat_with_tools(TOOLS, "what weather?")
    (call,) = llm.get_tool_calls_from_response(response)
    assert (call.tool_name, call.tool_kwargs) == ("weather", {"city": "Porto"})


def test_no_public_method_is_forgotten() -> None:
    plumbing = {
        "as_query_component", "as_structured_llm", "class_name", "convert_chat_messages",
        "extend_messages", "get_tool_calls_from_response", "metadata",
    }  # fmt: skip
    own = set(vars(BaseModel)) | {"from_dict", "from_json", "to_dict", "to_json", "to_payload"}
    validators = {
        "check_callback_manager", "check_prompts", "custom_model_dump", "set_completion_to_prompt",
        "set_messages_to_prompt",
    }  # fmt: skip
    methods = {
        name
        for base in FunctionCallingLLM.__mro__
        if base.__module__.startswith("llama_index.core") and base is not BaseModel
        for name, value in vars(base).items()
        if name[0] != "_" and inspect.isfunction(inspect.unwrap(getattr(value, "__func__", value)))
    }
    assert methods - own - plumbing <= set(CALLS) | validators
