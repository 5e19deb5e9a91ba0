"""Routers that listen before they choose, as both adapters drive them, in every form."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from adapters import FORMS, Behaviour, Chat, Said
from openai_stub import OpenAIStub
from price_ladder import POOL, SURE, UNSURE, hybrid

from langchain_llmrouter import ChatLLMRouter
from langchain_llmrouter import routing_record as record_of_message
from llamaindex_llmrouter import RouterLLM
from llamaindex_llmrouter import routing_record as record_of_response
from shared_core import (
    Agreement,
    Answer,
    BestOfNRouter,
    CascadeRouter,
    EnsembleRouter,
    MeanEntropy,
    MeanLogprob,
    Query,
    Router,
    Scorer,
)

HI = [Said("user", "hi")]
IN_TOKENS, OUT_TOKENS = 7, 3  # of every answer of the doubles

forms = pytest.mark.parametrize("form", FORMS)


def said(logprob: float) -> dict[str, Behaviour]:
    """Every model answers with this mean log-probability, ``c`` surely."""
    return {name: Behaviour(logprobs=(logprob,) * 2) for name in "ab"} | {
        "c": Behaviour(logprobs=(SURE,))
    }


@forms
@pytest.mark.parametrize("scorer", [MeanLogprob(), MeanEntropy()])
@pytest.mark.parametrize(("logprob", "asked"), [(SURE, "a"), (-1.5, "abc")])
async def test_a_cascade_stops_where_the_provider_says_the_model_was_sure(
    adapter: type[Chat], form: str, scorer: Scorer, logprob: float, asked: str
) -> None:
    chat = adapter.of(CascadeRouter(POOL, scorer, 0.7), said(logprob))
    reply = await chat.reply(form, HI)
    assert reply.text == f"hello from {asked[-1]}"
    assert [len(chat.received(name)) for name in POOL] == [int(n in asked) for n in POOL]


@forms
async def test_without_logprobs_the_cascade_goes_to_the_end(adapter: type[Chat], form: str) -> None:
    chat = adapter.of(CascadeRouter(POOL, MeanLogprob(), 0.1), dict.fromkeys(POOL, Behaviour()))
    assert (await chat.reply(form, HI)).text == "hello from c"


@forms
@pytest.mark.parametrize(
    ("make", "logprob", "calls", "answers"),
    [
        (hybrid, SURE, {"a": 1}, "a"),
        (hybrid, UNSURE, {"a": 1, "b": 1, "c": 1}, "c"),
        (lambda: EnsembleRouter(POOL, Agreement(), k=3), SURE, {"a": 1, "b": 1, "c": 1}, "a"),
        (lambda: EnsembleRouter(POOL, MeanLogprob(), k=3), UNSURE, {"a": 1, "b": 1, "c": 1}, "c"),
        (lambda: BestOfNRouter(POOL, MeanLogprob(), n=3), SURE, {"a": 3}, "a"),
    ],
)
async def test_every_attempt_is_in_the_record_and_counted_once(
    adapter: type[Chat],
    form: str,
    make: Callable[[], Router],
    logprob: float,
    calls: dict[str, int],
    answers: str,
) -> None:
    chat = adapter.of(make(), said(logprob))
    reply = await chat.reply(form, HI)
    assert reply.text == f"hello from {answers}"
    assert {name: len(chat.received(name)) for name in calls} == calls
    assert reply.record is not None
    assert reply.record["model"] == answers
    attempts = reply.record["attempts"]
    assert sorted(one["model"] for one in attempts) == sorted(
        name for name, n in calls.items() for _ in range(n)
    )
    assert {one["outcome"] for one in attempts} == {"answered"}
    counted = [one for one in attempts if "in_tokens" in one]
    streamed = len(attempts) - len(counted)  # the last model's tokens, which only its stream tells
    assert streamed <= int("stream" in form)
    usage = reply.record["usage"]
    assert usage["in_tokens"] == IN_TOKENS * len(counted)
    assert usage["out_tokens"] == OUT_TOKENS * len(counted)
    assert usage["cost"] == pytest.approx(
        sum(10 * POOL[one["model"]].input_price / 1e6 for one in counted)
    )


@forms
async def test_a_hybrid_goes_on_where_an_asked_model_fails(adapter: type[Chat], form: str) -> None:
    chat = adapter.of(hybrid(), said(SURE) | {"a": Behaviour(TimeoutError())})
    reply = await chat.reply(form, HI)
    assert reply.record is not None
    outcomes = {one["model"]: one["outcome"] for one in reply.record["attempts"]}
    assert outcomes.pop("a") == "failed"
    assert set(outcomes.values()) == {"answered"}
    assert reply.text == f"hello from {reply.record['model']}"


@dataclass(frozen=True)
class Reading(Scorer):
    """Remembers what it was given to judge."""

    read: list[str] = field(default_factory=list)

    def score(self, query: Query, answer: Answer, others: Sequence[Answer] = ()) -> float:
        self.read.append(answer.text)
        return 1.0


@forms
async def test_tool_calls_are_part_of_what_is_judged(adapter: type[Chat], form: str) -> None:
    scorer = Reading()
    chat = adapter.of(CascadeRouter(POOL, scorer), dict.fromkeys(POOL, Behaviour()))
    reply = await chat.reply(form, HI, tools=True)
    assert reply.calls
    (read,) = scorer.read
    (call,) = json.loads(read.splitlines()[-1])
    assert call["name"] == "weather"
    assert set(call) == {"name", "args"}
    await chat.reply(form, HI)
    assert scorer.read[-1] == "hello from a"


@pytest.fixture
def servers() -> Iterator[dict[str, OpenAIStub]]:
    """One for each model; ``a`` is unsure of its words."""
    found = {name: OpenAIStub(name, logprobs=(SURE, SURE)) for name in POOL}
    found["a"].logprobs = (-1.5, -1.6)
    yield found
    for server in found.values():
        server.close()


def langchain_record(servers: dict[str, OpenAIStub], router: Router) -> Any:
    chat_openai = pytest.importorskip("langchain_openai").ChatOpenAI
    models = {
        name: chat_openai(
            model=name, base_url=one.url, api_key="x", max_retries=0, logprobs=True, top_logprobs=2
        )
        for name, one in servers.items()
    }
    return record_of_message(ChatLLMRouter(models, router).invoke("hi"))


def llamaindex_record(servers: dict[str, OpenAIStub], router: Router) -> Any:
    openai_like = pytest.importorskip("llama_index.llms.openai_like").OpenAILike
    models = {
        name: openai_like(
            model=name,
            api_base=one.url,
            api_key="x",
            is_chat_model=True,
            max_retries=0,
            logprobs=True,
            top_logprobs=2,
        )
        for name, one in servers.items()
    }
    return record_of_response(RouterLLM(models, router).complete("hi"))


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("record_of", [langchain_record, llamaindex_record])
@pytest.mark.parametrize("scorer", [MeanLogprob(), MeanEntropy()])
def test_openais_clients_leave_logprobs_where_they_are_found(
    servers: dict[str, OpenAIStub], record_of: Callable[..., Any], scorer: Scorer
) -> None:
    record = record_of(servers, CascadeRouter(POOL, scorer, 0.7))
    assert (record["model"], record["cause"]) == ("b", "heard")
    assert [one["model"] for one in record["attempts"]] == ["a", "b"]
