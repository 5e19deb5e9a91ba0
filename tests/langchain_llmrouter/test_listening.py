"""Routers that listen before they choose, behind a LangChain chat model."""

from __future__ import annotations

import json
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler, get_usage_metadata_callback
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_fakes import FakeProvider

from langchain_llmrouter import ChatLLMRouter, routing_record
from langchain_llmrouter.delegation import answer_of
from shared_core import (
    Agreement,
    CascadeRouter,
    EnsembleRouter,
    Judge,
    ModelPool,
    ReferenceMatch,
    RoutingEvent,
)

POOL = ModelPool(
    {"name": name, "input_price": i, "output_price": i} for i, name in enumerate("abc")
)
NEVER = ReferenceMatch({"hi": "something else"})
AT_ONCE = ReferenceMatch({"hi": "hello from a"})


async def ask(chat: ChatLLMRouter, form: str) -> Any:
    """The whole message, in any form of calling."""
    if form == "invoke":
        return chat.invoke("hi")
    if form == "ainvoke":
        return await chat.ainvoke("hi")
    if form == "stream":
        chunks = list(chat.stream("hi"))
    else:
        chunks = [chunk async for chunk in chat.astream("hi")]
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    return whole


@pytest.mark.parametrize("form", ["invoke", "ainvoke", "stream", "astream"])
@pytest.mark.parametrize(
    ("router", "answers", "asked"),
    [
        (CascadeRouter(POOL, AT_ONCE), "a", 1),
        (CascadeRouter(POOL, NEVER), "c", 3),
        (EnsembleRouter(POOL, Agreement(), k=3), "a", 3),
        (EnsembleRouter(POOL, AT_ONCE, k=2), "a", 2),
    ],
)
async def test_every_attempt_is_in_the_record_and_paid_once(
    form: str, router: Any, answers: str, asked: int
) -> None:
    models = {name: FakeProvider(name_of_model=name) for name in POOL}
    with get_usage_metadata_callback() as counted:
        message = await ask(ChatLLMRouter(models, router), form)
    record = routing_record(message) or {}
    assert message.text == f"hello from {answers}"
    assert record["model"] == answers
    assert [len(model.calls) for model in models.values()].count(1) == asked
    assert [attempt["outcome"] for attempt in record["attempts"]] == ["answered"] * asked
    assert sum(one["total_tokens"] for one in counted.usage_metadata.values()) == 10 * asked
    heard = asked if record["cause"] == "heard" and answers == "a" else asked - 1
    assert record["usage"]["in_tokens"] >= 7 * heard


@pytest.mark.parametrize("form", ["invoke", "ainvoke"])
async def test_the_callers_tags_stay_on_what_is_only_heard(form: str) -> None:
    tags: list[Any] = []

    class Watching(BaseCallbackHandler):
        def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
            tags.append(kwargs["tags"])

    models = {name: FakeProvider(name_of_model=name, callbacks=[Watching()]) for name in POOL}
    chat: Any = ChatLLMRouter(models, CascadeRouter(POOL, NEVER)).with_config(tags=["mine"])
    await ask(chat, form)
    assert [set(one) for one in tags] == [{"mine", "nostream"}, {"mine", "nostream"}, {"mine"}]


def calling(**arguments: Any) -> FakeProvider:
    """Says nothing and calls one tool."""
    call = {"name": "add", "args": arguments, "id": "call-1"}

    class Calling(FakeProvider):
        def _generate(self, *args: Any, **kwargs: Any) -> ChatResult:
            message = AIMessage("", tool_calls=[call])
            return ChatResult(generations=[ChatGeneration(message=message)])

    return Calling(name_of_model="x")


def test_a_vote_over_tool_calls_is_won_by_the_call_that_most_make() -> None:
    models = {"a": calling(x=6, y=6), "b": calling(x=1, y=2), "c": calling(y=2, x=1)}
    message = ChatLLMRouter(models, EnsembleRouter(POOL, Agreement(), k=3)).invoke("hi")
    record = routing_record(message) or {}
    assert record["model"] == "b"
    quality = record["quality"]
    assert quality["a"] < quality["b"] == quality["c"]


def test_calls_that_cannot_be_read_are_judged_as_they_stand() -> None:
    said = AIMessage(
        "", invalid_tool_calls=[{"name": "add", "args": "{x", "id": "1", "error": "e"}]
    )
    assert json.loads(answer_of("a", said).text) == [{"name": "add", "args": "{x"}]


class Grades(FakeProvider):
    """Finds every answer perfect."""

    def _generate(self, messages: Any, *args: Any, **kwargs: Any) -> ChatResult:
        self.calls.append({"messages": messages})
        return ChatResult(generations=[ChatGeneration(message=AIMessage("10"))])


@pytest.mark.parametrize("form", ["v3", "av3"])
@pytest.mark.parametrize(
    ("router", "answers", "runs"),
    [
        (CascadeRouter(POOL, AT_ONCE), "a", 1),
        (CascadeRouter(POOL, NEVER), "c", 3),
        (CascadeRouter(POOL, Judge("c"), longest=2), "a", 2),
        (EnsembleRouter(POOL, Agreement(), k=3), "a", 3),
    ],
)
async def test_events_are_of_the_model_that_an_invoke_chooses(
    form: str, router: Any, answers: str, runs: int
) -> None:
    told: list[RoutingEvent] = []
    heard = Runs()
    models = {name: FakeProvider(name_of_model=name) for name in POOL}
    if isinstance(router.scorer, Judge):
        models["c"] = Grades(name_of_model="c")
    chat, config = ChatLLMRouter(models, router, listeners=(told.append,)), {"callbacks": [heard]}
    if form == "v3":
        stream = chat.stream_events("hi", config, version="v3")
        text, whole = "".join(stream.text), stream.output
    else:
        stream = await chat.astream_events("hi", config, version="v3")
        text, whole = "".join([piece async for piece in stream.text]), await stream
    assert text == whole.text == f"hello from {answers}"
    assert whole.usage_metadata["total_tokens"] == 10
    assert told[-1].decision.model == answers
    assert {one.outcome for one in told[-1].decision.attempts} == {"answered"}
    assert (heard.told[0], heard.told[-1]) == ("chain began", "chain ended")
    assert sorted(heard.told[1:-1]) == ["model began"] * runs + ["model ended"] * runs


class Runs(BaseCallbackHandler):
    """Notes how runs begin and end."""

    run_inline = True

    def __init__(self) -> None:
        self.told: list[str] = []

    def on_chain_start(self, *args: Any, **kwargs: Any) -> None:
        self.told.append("chain began")

    def on_chain_end(self, *args: Any, **kwargs: Any) -> None:
        self.told.append("chain ended")

    def on_chain_error(self, *args: Any, **kwargs: Any) -> None:
        self.told.append("chain failed")

    def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
        self.told.append("model began")

    def on_llm_end(self, *args: Any, **kwargs: Any) -> None:
        self.told.append("model ended")

    def on_llm_error(self, *args: Any, **kwargs: Any) -> None:
        self.told.append("model failed")
