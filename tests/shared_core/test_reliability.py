"""Time limits, retries, breakers, places, hedging and the cost cap, in every form of calling."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import math
import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from http import HTTPStatus
from queue import Empty, SimpleQueue
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from price_ladder import ABLE, POOL, SURE, UNSURE, hybrid

from shared_core import (
    AllModelsFailed,
    Always,
    Answer,
    Ask,
    BreakerRule,
    Candidate,
    CascadeRouter,
    ConfigError,
    CostCapReached,
    DeadlineExceeded,
    EnsembleRouter,
    Judge,
    Limits,
    MeanLogprob,
    ModelPool,
    NoEligibleModel,
    Query,
    Reliability,
    Retry,
    Router,
    RoutingDecision,
    TimedOut,
)
from shared_core.attempt import told_of
from shared_core.calls import loop, threads
from shared_core.calls.books import Books, Entry
from shared_core.calls.health import Place
from shared_core.calls.pursuit import TYPICAL_OUTPUT
from shared_core.calls.workers import Workers, taken
from shared_core.decision import Flow
from shared_core.dispatch import Dispatcher
from shared_core.reliability import is_fault_of_query, is_transient

HANG = 30.0
PAIR = ModelPool([POOL["a"], POOL["b"]])


def busy(retry_after: float) -> Exception:
    """What a provider says that wants to be asked later."""
    error = RuntimeError()
    error.status_code = 503  # type: ignore[attr-defined]
    error.response = SimpleNamespace(headers={"retry-after": str(retry_after)})  # type: ignore[attr-defined]
    return error


def refused() -> Exception:
    """What a provider says to a query that makes no sense to it."""
    error = RuntimeError()
    error.status_code = 400  # type: ignore[attr-defined]
    return error


class Provider:
    """Plays models: each name has a list of what happens, the last again and again."""

    def __init__(self, **scripts: Any) -> None:
        self.scripts = scripts
        self.asked: list[str] = []
        self.cancelled: list[str] = []
        self.free = threading.Event()
        self.logprob = -0.1

    def _next(self, model: str) -> Any:
        self.asked.append(model)
        script = self.scripts.get(model, ["ok"])
        return script[min(self.asked.count(model), len(script)) - 1]

    def _result(self, model: str, step: Any) -> Answer:
        if isinstance(step, BaseException):
            raise step
        if isinstance(step, Answer):
            return step
        logprob = self.logprob
        return Answer(model, f"{model} {step}", in_tokens=10, out_tokens=5, logprob=logprob)

    def call(self, model: str, prompt: str | None = None) -> Answer:
        step = self._next(model)
        if step == "hang":
            self.free.wait(HANG)
        return self._result(model, step)

    async def acall(self, model: str, prompt: str | None = None) -> Answer:
        step = self._next(model)
        if step == "hang":
            try:
                await asyncio.sleep(HANG)
            except asyncio.CancelledError:
                self.cancelled.append(model)
                raise
        return self._result(model, step)

    def stream(self, model: str) -> Iterator[str]:
        step = self._next(model)
        if step == "hang":
            self.free.wait(HANG)
        yield self._result(model, step).text
        if step in ("breaks", "refuses"):
            raise ConnectionError if step == "breaks" else refused()
        if step == "half":
            self.free.wait(HANG)
        yield "."

    async def astream(self, model: str) -> AsyncIterator[str]:
        step = self._next(model)
        if step == "hang":
            await asyncio.sleep(HANG)
        yield self._result(model, step).text
        if step in ("breaks", "refuses"):
            raise ConnectionError if step == "breaks" else refused()
        if step == "half":
            await asyncio.sleep(HANG)
        yield "."


def run_sync(dispatcher: Dispatcher, query: Query, provider: Provider) -> RoutingDecision:
    return dispatcher.run(query, provider.call)[0]


def run_async(dispatcher: Dispatcher, query: Query, provider: Provider) -> RoutingDecision:
    return asyncio.run(dispatcher.arun(query, provider.acall))[0]


def run_stream(dispatcher: Dispatcher, query: Query, provider: Provider) -> RoutingDecision:
    return list(dispatcher.stream(query, provider.call, provider.stream))[-1].decision


def run_astream(dispatcher: Dispatcher, query: Query, provider: Provider) -> RoutingDecision:
    async def last() -> RoutingDecision:
        pieces = dispatcher.astream(query, provider.acall, provider.astream)
        return [piece async for piece in pieces][-1].decision

    return asyncio.run(last())


every_form = pytest.mark.parametrize("run", [run_sync, run_async, run_stream, run_astream])


@pytest.fixture
def provider() -> Iterator[type[Provider]]:
    """Makes providers whose hanging calls end with the test."""
    made: list[Provider] = []

    class Freed(Provider):
        def __init__(self, **scripts: Any) -> None:
            super().__init__(**scripts)
            made.append(self)

    yield Freed
    for one in made:
        one.free.set()


def dispatcher(router: Router | None = None, **reliability: Any) -> Dispatcher:
    limits = {
        name: reliability.pop(name)
        for name in ("timeout", "retry", "breaker", "places")
        if name in reliability
    }
    policy = Reliability(limits=Limits(**limits), **reliability)
    return Dispatcher(router or Always(POOL), reliability=policy)


@every_form
def test_a_model_that_hangs_is_left_and_the_next_answers(run: Any, provider: Any) -> None:
    models = provider(a=["hang"])
    decision = run(dispatcher(timeout=0.05), Query("hi"), models)
    assert decision.model == "b"
    assert [str(one) for one in decision.failed] == ["a: TimedOut"]
    assert models.asked == ["a", "b"]


@every_form
def test_the_deadline_ends_the_call_with_one_clear_error(run: Any, provider: Any) -> None:
    models = provider(a=["hang"], b=["hang"], c=["hang"])
    began = time.perf_counter()
    with pytest.raises(DeadlineExceeded) as caught:
        run(dispatcher(timeout=0.1), Query("hi", deadline=0.25), models)
    assert time.perf_counter() - began < 2.0
    assert isinstance(caught.value, TimeoutError)
    assert {attempt.model for attempt in caught.value.attempts} == {"a", "b", "c"}


@every_form
def test_a_retry_rule_asks_the_same_model_again(run: Any, provider: Any) -> None:
    models = provider(a=[ConnectionError(), "ok"])
    made = dispatcher(retry=Retry(attempts=3, first=0.001))
    decision = run(made, Query("hi"), models)
    assert (decision.model, decision.cause) == ("a", "baseline")
    assert [one.outcome for one in decision.attempts] == ["failed", "answered"]
    assert models.asked == ["a", "a"]


def test_only_errors_that_may_pass_are_retried(provider: Any) -> None:
    models = provider(a=[ValueError(), "ok"])
    made = dispatcher(retry=Retry(attempts=3, first=0.001))
    assert run_sync(made, Query("hi"), models).model == "b"
    assert models.asked == ["a", "b"]


def test_pauses_grow_and_are_bounded() -> None:
    retry = Retry(attempts=9, first=1.0, factor=2.0, longest=4.0)
    pauses = [[retry.pause(n, TimeoutError()) or 0 for _ in range(200)] for n in (1, 2, 3, 8)]
    assert [max(one) <= most for one, most in zip(pauses, (1, 2, 4, 4), strict=True)] == [True] * 4
    assert max(pauses[2]) > 2
    assert retry.pause(1, limited(retry_after="17")) == 17.0
    assert retry.pause(9, TimeoutError()) is None


@pytest.mark.parametrize("first", [0.0, 1.0])
def test_pauses_stay_bounded_after_ever_so_many_attempts(first: float) -> None:
    pause = Retry(attempts=9999, first=first, longest=4.0).pause(2000, TimeoutError())
    assert pause is not None
    assert 0 <= pause <= 4 * first


class Unreadable(ConnectionError):
    """As of libraries whose errors have a response only once there is one."""

    @property
    def response(self) -> Any:
        raise RuntimeError("there is no response yet")


@every_form
def test_an_error_that_cannot_be_read_is_a_failure_like_others(run: Any, provider: Any) -> None:
    models = provider(a=[Unreadable()])
    decision = run(dispatcher(retry=Retry(attempts=2, first=0.001)), Query("hi"), models)
    assert (decision.model, models.asked) == ("b", ["a", "a", "b"])


def limited(**headers: Any) -> Exception:
    """The error of a provider that asks not to be called for a while."""
    error = RuntimeError()
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    error.response = SimpleNamespace(status_code=429, headers=told)  # type: ignore[attr-defined]
    return error


@pytest.mark.parametrize(
    ("told", "least", "most"),
    [
        ({"retry_after": "17"}, 17, 17),
        ({"Retry_After": "17"}, 17, 17),
        ({"retry_after": format_datetime(datetime.now(UTC) + timedelta(hours=2))}, 60, 7200),
        ({"retry_after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0, 1),
        ({"retry_after": "Wed, 21 Oct 99999999999 07:28:00 GMT"}, 0, 1),
        *(({"retry_after": garbled}, 0, 1) for garbled in ("soon", "nan", "-5", "", None, [])),
        ({"retry_after": 10**400}, 0, 1),
    ],
)
def test_a_provider_that_says_when_to_come_back_is_heeded(
    told: Any, least: float, most: float
) -> None:
    pause = Retry(attempts=2, first=1.0, longest=9000.0).pause(1, limited(**told))
    assert pause is not None
    assert least <= pause <= most


@every_form
def test_who_is_not_to_be_asked_for_longer_than_the_rule_waits_is_left(
    run: Any, provider: Any
) -> None:
    models = provider(a=[limited(retry_after="61")])
    made = dispatcher(retry=Retry(attempts=3, first=0.001, longest=8.0))
    assert run(made, Query("hi"), models).model == "b"
    assert models.asked == ["a", "b"]


def named(*names: str) -> Exception:
    """An error of a class of the last name, whose bases have the others."""
    kind: type[Exception] = Exception
    for name in names:
        kind = type(name, (kind,), {})
    return kind()


PASSING = (408, 409, 425, 429, HTTPStatus.TOO_MANY_REQUESTS, 500, 503)
REFUSED = (400, 413, 415, 422)


@pytest.mark.parametrize("status", [*PASSING, *REFUSED, 401, 404])
@pytest.mark.parametrize("place", ["status_code", "response", "code"])
def test_an_error_with_a_status_is_judged_by_it(place: str, status: int) -> None:
    error = named("ConnectionError")
    setattr(error, place, SimpleNamespace(status_code=status) if place == "response" else status)
    assert is_transient(error) is (status in PASSING)
    assert is_fault_of_query(error) is (status in REFUSED)
    assert told_of(error) == ("ConnectionError", status)


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (TimeoutError(), True),
        (ConnectionResetError(), True),
        (named("APIConnectionError"), True),
        (named("TransportError", "NetworkError", "ConnectError"), True),
        (named("TransportError", "NetworkError", "ReadError"), True),
        (named("ProtocolError", "RemoteProtocolError"), True),
        (named("TransportError", "UnsupportedProtocol"), False),
        (ValueError(), False),
    ],
)
@pytest.mark.parametrize("code", [None, "invalid_value", 1006, -32000])
def test_an_error_without_a_status_is_judged_by_its_kind(
    error: Any, passes: bool, code: Any
) -> None:
    error.code = code
    assert is_transient(error) is passes
    assert not is_fault_of_query(error)


def told(kind: str, **facts: Any) -> Exception:
    """An error of that class, with what an SDK puts on it."""
    error = named(kind)
    vars(error).update(facts)
    return error


def http(status: int, **headers: str) -> SimpleNamespace:
    return SimpleNamespace(
        status_code=status, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )


def aws(code: str, status: int | None) -> Exception:
    """As boto3 raises it; of a stream's error the status is not told."""
    meta = {} if status is None else {"ResponseMetadata": {"HTTPStatusCode": status}}
    return told("ClientError", response={"Error": {"Code": code, "Message": "…"}, **meta})


def wrapped(error: Exception) -> Exception:
    """As an integration raises it in words of its own."""
    found = named("ChatGoogleGenerativeAIError")
    found.__cause__ = error
    return found


FROM_PROVIDERS = {
    # OpenAI: an error in a stream has no status, and an empty account one of a busy model's
    "openai busy": (told("RateLimitError", status_code=429, code="rate_limit_exceeded"), "passes"),
    "openai empty": (told("RateLimitError", status_code=429, code="insufficient_quota"), "fails"),
    "openai says no": (
        told("APIError", status_code=500, response=http(500, x_should_retry="false")),
        "fails",
    ),
    "openai says yes": (
        told("APIError", status_code=404, response=http(404, x_should_retry="true")),
        "passes",
    ),
    "openai stream, down": (told("APIError", code="server_error", type="server_error"), "passes"),
    "openai stream, empty": (told("APIError", code="insufficient_quota"), "fails"),
    "openai stream, too long": (told("APIError", code="context_length_exceeded"), "query"),
    "openai filter": (told("BadRequestError", status_code=400, code="content_filter"), "query"),
    "openai filtered": (told("ContentFilterFinishReasonError"), "query"),
    "openai cut": (told("LengthFinishReasonError"), "query"),
    # Anthropic: a stream fails after its 200
    "anthropic overloaded": (told("OverloadedError", status_code=529), "passes"),
    "anthropic stream, overloaded": (
        told("APIStatusError", status_code=200, response=http(200), type="overloaded_error"),
        "passes",
    ),
    "anthropic too long": (
        told("BadRequestError", status_code=400, type="invalid_request_error"),
        "query",
    ),
    "anthropic empty": (
        told("BadRequestError", status_code=400, message="Your credit balance is too low to"),
        "fails",
    ),
    "anthropic limit": (told("EnforcedSpendLimitReachedError", status_code=429), "fails"),
    # Google, and how LangChain wraps it
    "google busy": (told("ResourceExhausted", code=HTTPStatus.TOO_MANY_REQUESTS), "passes"),
    "google wrapped, busy": (
        wrapped(told("ClientError", code=429, status="RESOURCE_EXHAUSTED")),
        "passes",
    ),
    "google wrapped, refused": (
        wrapped(told("ClientError", code=400, status="INVALID_ARGUMENT")),
        "query",
    ),
    # Bedrock
    "bedrock busy": (aws("ThrottlingException", 429), "passes"),
    "bedrock too long": (aws("ValidationException", 400), "query"),
    "bedrock denied": (aws("AccessDeniedException", 403), "fails"),
    "bedrock stream, busy": (aws("throttlingException", None), "passes"),
    "bedrock stream, too long": (aws("validationException", None), "query"),
    # Ollama, OpenRouter
    "ollama without the model": (told("ResponseError", status_code=404), "fails"),
    "ollama, no status": (told("ResponseError", status_code=-1), "fails"),
    "openrouter empty": (told("APIStatusError", status_code=402), "fails"),
}


@pytest.mark.parametrize("case", FROM_PROVIDERS)
def test_what_providers_raise_is_told_apart(case: str) -> None:
    """It passes, or the query is at fault, or the model fails and asking again helps nobody."""
    error, kind = FROM_PROVIDERS[case]
    assert (is_transient(error), is_fault_of_query(error)) == {
        "passes": (True, False), "query": (False, True), "fails": (False, False),
    }[kind]  # fmt: skip


def test_what_langchain_and_openai_raise_today_is_told_apart() -> None:
    openai = pytest.importorskip("openai")
    httpx = pytest.importorskip("httpx")
    request = httpx.Request("POST", "https://api.openai.com/v1/responses")

    def answered(kind: str, status: int, **body: str) -> Exception:
        response = httpx.Response(status, request=request)
        found: Exception = getattr(openai, kind)("…", response=response, body=body)
        return found

    empty = answered("RateLimitError", 429, code="insufficient_quota", type="insufficient_quota")
    assert not is_transient(empty)
    assert is_transient(answered("RateLimitError", 429, code="rate_limit_exceeded"))
    assert is_transient(openai.APITimeoutError(request))
    assert is_fault_of_query(answered("BadRequestError", 400, code="context_length_exceeded"))
    streamed = openai.APIError("…", request=request, body={"code": "server_error"})
    assert is_transient(streamed)
    assert told_of(streamed) == ("APIError", None)


@every_form
def test_an_open_breaker_spares_the_model_until_it_is_probed(run: Any, provider: Any) -> None:
    models = provider(a=[ConnectionError()] * 2 + ["ok"])
    made = dispatcher(breaker=BreakerRule(failures=2, cooldown=0.1))
    chosen = [run(made, Query("hi"), models).model for _ in range(4)]
    assert chosen == ["b"] * 4
    assert models.asked.count("a") == 2  # the last two calls spared it
    time.sleep(0.12)
    assert run(made, Query("hi"), models).model == "a"
    assert made.health_of("a").breaker.state == "closed"  # type: ignore[union-attr]


def test_nobody_waits_for_a_pause_that_outlasts_the_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def call(model: str) -> Answer:
        asked.append(model)
        if model == "a":
            raise busy(retry_after=20.0)
        return Answer(model, "yes")

    def refuse(seconds: float) -> None:
        raise AssertionError(f"slept {seconds} s")

    monkeypatch.setattr(threads.time, "sleep", refuse)
    limits = Reliability(deadline=10.0, limits=Limits(retry=Retry(attempts=3)))
    decision, _ = Dispatcher(Always(PAIR), reliability=limits).run("hi", call)
    assert (decision.model, asked) == ("b", ["a", "b"])


@every_form
def test_once_the_breaker_is_open_the_next_model_is_asked_without_a_pause(
    run: Any, provider: Any
) -> None:
    models = provider(a=[busy(retry_after=0.2)])
    made = dispatcher(retry=Retry(attempts=9), breaker=BreakerRule(failures=1, cooldown=60))
    decision = run(made, Query("hi"), models)
    assert [str(one) for one in decision.failed] == ["a: RuntimeError 503"]
    assert models.asked == ["a", "b"]


@every_form
def test_where_the_breaker_opens_meanwhile_nobody_is_asked_more_often_than_the_rule_says(
    run: Any, provider: Any
) -> None:
    models = provider(**{name: [ConnectionError()] for name in "abc"})
    retry = Retry(attempts=3, first=0.001)
    made = dispatcher(retry=retry, breaker=BreakerRule(failures=2, cooldown=60))
    with pytest.raises(AllModelsFailed):
        run(made, Query("hi"), models)
    assert models.asked == ["a", "a", "b", "b", "c", "c"]
    with pytest.raises(AllModelsFailed) as raised:
        run(made, Query("hi", model="a"), models)  # nobody could answer in its place
    assert models.asked[6:] == ["a"] * 3
    assert [str(one) for one in raised.value.attempts] == ["a: ConnectionError"] * 3


def test_where_all_breakers_are_open_all_are_asked_anyway(provider: Any) -> None:
    down = [ConnectionError(), ConnectionError()]
    models = provider(a=down, b=[ConnectionError(), "ok"], c=[ConnectionError()])
    made = dispatcher(breaker=BreakerRule(failures=1, cooldown=60))
    with pytest.raises(AllModelsFailed):
        run_sync(made, Query("hi"), models)
    assert run_sync(made, Query("hi"), models).model == "b"


@every_form
@pytest.mark.parametrize("midway", [False, True])
def test_a_query_that_is_refused_opens_no_breaker(run: Any, midway: bool, provider: Any) -> None:
    made = dispatcher(breaker=BreakerRule(failures=1))
    with contextlib.suppress(RuntimeError):
        run(made, Query("hi"), provider(a=["refuses" if midway else refused()]))
    assert made.health_of("a").breaker.state == "closed"  # type: ignore[union-attr]


@every_form
@pytest.mark.parametrize(("timeout", "deadline"), [(0.1, 0.3), (0.1, 0.15), (9.0, 0.1)])
def test_who_hangs_for_all_its_time_is_left_alone_and_who_had_hardly_any_is_not(
    run: Any, timeout: float, deadline: float, provider: Any
) -> None:
    models = provider(a=["hang"], b=["hang"] if deadline < 2 * timeout else ["ok"])
    rule = BreakerRule(failures=1, cooldown=60)
    made = dispatcher(timeout=timeout, deadline=deadline, breaker=rule)
    with contextlib.suppress(DeadlineExceeded):
        run(made, Query("hi"), models)
    states = [made.health_of(name).breaker.state for name in "ab"]  # type: ignore[union-attr]
    assert states == ["open", "closed"]


@every_form
def test_the_cost_cap_keeps_dear_models_out(run: Any, provider: Any) -> None:
    models = provider(a=[ConnectionError()], b=[ConnectionError()])
    with pytest.raises(CostCapReached) as caught:
        run(dispatcher(), Query("hi", max_cost=0.01), models)
    assert models.asked == ["a", "b"]  # c would cost 0.0257
    assert str(caught.value.attempts[-1]) == "c: cost_cap"


@pytest.mark.parametrize(
    ("tokens", "expected", "asked"),
    [
        (None, 1e-6, ["a"]),
        (9_000, 1e-6, ["a"]),
        (9_000, 0.02, []),
        (200_000, 1e-6, []),
        (9_900, 0.0, []),
    ],
)
def test_the_cap_counts_the_whole_input_of_which_the_router_saw_a_part(
    tokens: int | None, expected: float, asked: list[str], provider: Any
) -> None:
    class Expects(Router):
        def flow(self, query: Query) -> Flow:
            return RoutingDecision(("a",), "Expects", "policy", "any", cost={"a": expected})
            yield

    models = provider()
    with contextlib.suppress(CostCapReached):
        run_sync(dispatcher(Expects(POOL)), Query("hi", tokens=tokens, max_cost=0.01), models)
    assert models.asked == asked


def test_what_was_spent_counts_against_the_cap(provider: Any) -> None:
    dear = Answer("a", "long", in_tokens=10, out_tokens=9_000)
    models = provider(a=[dear])
    router = CascadeRouter(POOL, MeanLogprob(), threshold=2.0)
    decision = run_sync(dispatcher(router, max_cost=0.01), Query("hi"), models)
    assert (models.asked, decision.answer) == (["a"], dear)  # b would be 0.009 + 0.0026


async def test_places_are_taken_in_turn() -> None:
    at_work, most = 0, 0

    async def call(model: str) -> Answer:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        await asyncio.sleep(0.005)
        at_work -= 1
        return Answer(model, "ok")

    made = dispatcher(places=2)
    found = await asyncio.gather(*(made.arun("hi", call) for _ in range(12)))
    assert {decision.model for decision, _ in found} == {"a"}
    assert most == 2


def test_places_are_shared_by_threads(provider: Any) -> None:
    at_work: list[int] = []
    lock, now = threading.Lock(), [0]

    def call(model: str) -> Answer:
        with lock:
            now[0] += 1
            at_work.append(now[0])
        time.sleep(0.005)
        with lock:
            now[0] -= 1
        return Answer(model, "ok")

    made = dispatcher(places=3)
    with ThreadPoolExecutor(12) as threads:
        list(threads.map(lambda _: made.run("hi", call), range(24)))
    assert max(at_work) <= 3


PLACED = [{}, {"timeout": 10.0}, {"hedge_after": 10.0}]


@pytest.mark.parametrize("limit", PLACED)
@pytest.mark.parametrize("leave", [Generator.close, list, next])
def test_a_stream_keeps_its_place_until_it_is_over_or_closed(
    leave: Any, limit: Any, provider: Any
) -> None:
    models, made = provider(a=["half", "ok"]), dispatcher(places=1, **limit)
    stream = made.stream("hi", models.call, models.stream)
    next(stream)
    with ThreadPoolExecutor(1) as thread:
        waits = thread.submit(run_stream, made, Query("hi", deadline=5.0), models)
        time.sleep(0.05)
        assert models.asked == ["a"]
        models.free.set()
        leave(stream)
        del stream
        assert waits.result().model == "a"
    assert models.asked == ["a", "a"]


@pytest.mark.parametrize("limit", PLACED)
async def test_a_stream_keeps_its_place_on_a_loop_too(limit: Any) -> None:
    models, made = Provider(a=["half", "ok"]), dispatcher(places=1, **limit)
    stream = made.astream("hi", models.acall, models.astream)
    await anext(stream)
    waits = asyncio.create_task(made.arun("hi", models.acall))
    await asyncio.sleep(0.02)
    assert models.asked == ["a"]
    await stream.aclose()
    assert (await waits)[0].model == "a"


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_stream_that_its_event_loop_left_behind_keeps_no_place() -> None:
    models, made = Provider(a=["half", "ok"]), dispatcher(places=1)
    lost, streams = asyncio.new_event_loop(), []

    async def begin() -> None:
        streams.append(made.astream("hi", models.acall, models.astream))
        await anext(streams[0])

    lost.run_until_complete(begin())
    lost.close()
    streams.clear()
    gc.collect()
    assert run_sync(made, Query("hi", deadline=5.0), models).model == "a"
    assert models.asked == ["a", "a"]


@pytest.mark.parametrize("run", [run_stream, run_astream])
def test_a_stream_that_was_not_the_first_gives_its_place_back(run: Any, provider: Any) -> None:
    models, made = provider(), dispatcher(places=1, hedge_after=1e-6)
    for _ in range(20):
        run(made, Query("hi"), models)
    time.sleep(0.05)  # for those that were not the first
    for name in "abc":
        assert run(made, Query("hi", model=name, deadline=5.0), models).model == name


@pytest.mark.parametrize("ticks", range(8))
@pytest.mark.parametrize("limit", [{}, {"deadline": 10.0}])
async def test_who_is_cancelled_just_as_the_place_comes_is_cancelled(
    limit: Any, ticks: int
) -> None:
    made, free = dispatcher(places=1, **limit), asyncio.Event()

    async def call(model: str) -> Answer:
        await free.wait()
        await asyncio.sleep(0.01)
        return Answer(model, "ok")

    first, second = (asyncio.create_task(made.arun("hi", call)) for _ in range(2))
    await asyncio.sleep(0.01)
    first.cancel()
    for _ in range(ticks):
        await asyncio.sleep(0)
    free.set()
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    await asyncio.wait_for(made.arun("hi", call), 5)  # the place is free


@pytest.mark.parametrize("ticks", range(6))
async def test_who_is_cancelled_just_as_a_piece_comes_is_cancelled(ticks: int) -> None:
    comes, got = asyncio.Event(), list[str | None]()

    async def stream(model: str) -> AsyncIterator[str]:
        yield "first"
        await comes.wait()
        yield "second"
        await asyncio.sleep(0.05)
        yield "third"

    async def read() -> None:
        async for piece in dispatcher(timeout=10.0).astream("hi", Provider().acall, stream):
            got.append(piece.piece)

    reader = asyncio.create_task(read())
    await asyncio.sleep(0.01)
    comes.set()
    for _ in range(ticks):
        await asyncio.sleep(0)
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert "third" not in got


@pytest.mark.parametrize("run", [run_sync, run_async])
def test_a_slow_model_is_hedged(run: Any, provider: Any) -> None:
    models = provider(a=["hang"])
    decision = run(dispatcher(hedge_after=0.03), Query("hi"), models)
    assert (decision.model, decision.cause) == ("b", "failover")
    assert [(one.model, one.outcome) for one in decision.attempts] == [
        ("b", "answered"),
        ("a", "cancelled"),
    ]
    if run is run_async:
        assert models.cancelled == ["a"]


async def test_cancelling_the_caller_cancels_the_call() -> None:
    for reliability in ({}, {"timeout": 10.0}, {"hedge_after": 10.0}):
        models = Provider(a=["hang"])
        task = asyncio.create_task(dispatcher(**reliability).arun("hi", models.acall))
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert models.cancelled == ["a"]
        assert asyncio.all_tasks() == {asyncio.current_task()}


class Streams:
    """Models that stream a piece every few milliseconds for ever, the first after a while.

    Args:
        first: model -> seconds until its first piece.
    """

    def __init__(self, **first: float) -> None:
        self.first = first
        self.begun: set[str] = set()
        self.closed: set[str] = set()

    def call(self, model: str) -> Answer:
        raise NotImplementedError

    async def acall(self, model: str) -> Answer:
        raise NotImplementedError

    def stream(self, model: str) -> Iterator[str]:
        self.begun.add(model)
        try:
            time.sleep(self.first[model])
            while True:
                yield model
                time.sleep(0.005)
        finally:
            self.closed.add(model)

    async def astream(self, model: str) -> AsyncIterator[str]:
        self.begun.add(model)
        try:
            await asyncio.sleep(self.first[model])
            while True:
                yield model
                await asyncio.sleep(0.005)
        finally:
            self.closed.add(model)


every_limit = pytest.mark.parametrize("limit", [{}, {"timeout": 9.0}, {"deadline": 9.0}])


@every_limit
@pytest.mark.parametrize("hedge", [{}, {"hedge_after": 0.02}])
async def test_a_stream_cancelled_before_its_first_piece_is_closed(limit: Any, hedge: Any) -> None:
    models, begun = Streams(a=9.0, b=9.0), {"a", "b"} if hedge else {"a"}
    made = dispatcher(Always(PAIR), **limit, **hedge)
    task = asyncio.ensure_future(anext(made.astream("hi", models.acall, models.astream)))
    while models.begun != begun:
        await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert models.closed == begun
    assert asyncio.all_tasks() == {asyncio.current_task()}


@every_limit
@pytest.mark.parametrize("slower", [0.12, 0.06])
async def test_a_stream_that_was_not_the_first_is_closed(limit: Any, slower: float) -> None:
    models = Streams(a=slower, b=0.04)
    made = dispatcher(Always(PAIR), hedge_after=0.02, **limit)
    pieces = made.astream("hi", models.acall, models.astream)
    shown = [(await anext(pieces)).piece for _ in range(3)]
    assert models.closed == {"a", "b"} - set(shown)
    await pieces.aclose()  # type: ignore[attr-defined]
    assert models.closed == {"a", "b"}


@every_limit
async def test_of_streams_that_begin_at_the_same_moment_one_is_closed(limit: Any) -> None:
    both = asyncio.Event()

    class AtOnce(Streams):
        async def astream(self, model: str) -> AsyncIterator[str]:
            self.begun.add(model)
            if self.begun == {"a", "b"}:
                both.set()
            try:
                await both.wait()
                while True:
                    yield model
                    await asyncio.sleep(0.005)
            finally:
                self.closed.add(model)

    models = AtOnce()
    made = dispatcher(Always(PAIR), hedge_after=0.01, **limit)
    pieces = made.astream("hi", models.acall, models.astream)
    shown = (await anext(pieces)).piece
    assert models.closed == {"a", "b"} - {shown}
    await pieces.aclose()  # type: ignore[attr-defined]
    assert models.closed == {"a", "b"}


@every_limit
async def test_who_is_cancelled_while_others_are_given_up_leaves_no_stream_open(
    limit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "GRACE", 5.0)
    is_giving_up = asyncio.Event()

    class Reluctant(Streams):
        async def astream(self, model: str) -> AsyncIterator[str]:
            try:
                await asyncio.sleep(self.first[model])
                while True:
                    yield model
                    await asyncio.sleep(0.005)
            finally:
                if model == "a":
                    is_giving_up.set()
                    await asyncio.sleep(0.05)
                self.closed.add(model)

    models = Reluctant(a=HANG, b=0.0)
    made = dispatcher(Always(PAIR), hedge_after=0.01, **limit)
    task = asyncio.ensure_future(anext(made.astream("hi", models.acall, models.astream)))
    await is_giving_up.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert "b" in models.closed
    await asyncio.sleep(0.1)
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("limit", [{"timeout": 0.05}, {"deadline": 0.05}])
async def test_a_stream_that_is_no_generator_is_closed_when_its_time_is_up(limit: Any) -> None:
    class Pieces:
        said, n_closed = 0, 0

        def __aiter__(self) -> Pieces:
            return self

        async def __anext__(self) -> str:
            self.said += 1
            await asyncio.sleep(0.0 if self.said == 1 else HANG)
            return "piece"

        async def aclose(self) -> None:
            self.n_closed += 1

    held = Pieces()
    told = dispatcher(**limit).astream("hi", Provider().acall, lambda _: held)  # type: ignore[arg-type, return-value]
    with pytest.raises(TimedOut):
        _ = [one async for one in told]
    assert held.n_closed


@every_limit
@pytest.mark.parametrize("slower", [0.12, 0.06])
def test_a_stream_that_was_not_the_first_is_closed_in_threads_too(
    limit: Any, slower: float
) -> None:
    models = Streams(a=slower, b=0.04)
    pieces = dispatcher(Always(PAIR), hedge_after=0.02, **limit).stream(
        "hi", models.call, models.stream
    )
    shown = {next(pieces).piece for _ in range(3)}
    wait_until(lambda: models.closed == {"a", "b"} - shown)
    pieces.close()  # type: ignore[attr-defined]
    wait_until(lambda: models.closed == {"a", "b"})


def read_late(made: Dispatcher, number: int, got: list[Any]) -> None:
    """Read a stream of so many pieces, with a pause after the first that outlasts the deadline."""

    def pieces(_: str) -> Iterator[int]:
        for piece in range(number):
            yield piece
            time.sleep(0.001)

    for told in made.stream("hi", Provider().call, pieces):
        time.sleep(0.0 if got else 0.25)
        got.append(told.piece)


def read_late_on_a_loop(made: Dispatcher, number: int, got: list[Any]) -> None:
    async def pieces(_: str) -> AsyncIterator[int]:
        for piece in range(number):
            yield piece
            await asyncio.sleep(0.001)

    async def read() -> None:
        async for told in made.astream("hi", Provider().acall, pieces):
            await asyncio.sleep(0.0 if got else 0.25)
            got.append(told.piece)

    asyncio.run(read())


@pytest.mark.parametrize("read", [read_late, read_late_on_a_loop])
@pytest.mark.parametrize("limit", [{"deadline": 0.2}, {"deadline": 0.2, "timeout": 0.1}])
def test_what_came_before_the_deadline_is_handed_on_and_nothing_else(read: Any, limit: Any) -> None:
    got: list[Any] = []
    read(dispatcher(**limit), 6, got)
    assert got == [*range(6)]
    got.clear()
    with pytest.raises(TimedOut, match="the time was up before the stream was over"):
        read(dispatcher(**limit), 2000, got)
    assert got == [*range(len(got))]
    assert 2 < len(got) < 1000


@pytest.mark.parametrize("limit", [{"deadline": 9.0}, {"timeout": 9.0}])
def test_nobody_reads_far_ahead_of_who_reads_the_stream(
    limit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "AHEAD", 8)
    come, is_closed = list[int](), threading.Event()

    def pieces(_: str) -> Iterator[int]:
        try:
            for piece in range(10**9):
                come.append(piece)
                yield piece
        finally:
            is_closed.set()

    stream = dispatcher(**limit).stream("hi", Provider().call, pieces)
    assert next(stream).piece == 0
    wait_until(lambda: len(come) >= 9)
    time.sleep(0.05)
    assert len(come) <= 10
    assert [next(stream).piece for _ in range(100)] == [*range(1, 101)]
    assert len(come) <= 110
    stream.close()
    assert is_closed.wait(5)


@pytest.mark.parametrize("limit", [{"deadline": 9.0}, {"timeout": 9.0}])
async def test_nobody_reads_far_ahead_on_a_loop_either(
    limit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "AHEAD", 8)
    come: list[int] = []

    async def pieces(_: str) -> AsyncIterator[int]:
        try:
            for piece in range(10_000):
                come.append(piece)
                yield piece
        finally:
            come.append(-1)

    stream = dispatcher(**limit).astream("hi", Provider().acall, pieces)
    assert (await anext(stream)).piece == 0
    await asyncio.sleep(0.02)
    assert len(come) <= 10
    assert [(await anext(stream)).piece for _ in range(100)] == [*range(1, 101)]
    assert len(come) <= 110
    await stream.aclose()  # type: ignore[attr-defined]
    assert come[-1] == -1


def wait_until(holds: Any) -> None:
    for _ in range(400):
        if holds():
            return
        time.sleep(0.005)
    assert holds()


def test_who_was_not_the_first_is_not_asked_again(provider: Any) -> None:
    models, over = provider(), threading.Event()

    def call(model: str) -> Answer:
        if model == "a":
            models.asked.append(model)
            over.wait(HANG)
            raise ConnectionError
        return models.call(model)

    made = dispatcher(hedge_after=0.02, retry=Retry(attempts=9, first=0.001))
    assert made.run("hi", call)[0].model == "b"
    over.set()
    time.sleep(0.05)
    assert models.asked == ["a", "b"]


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no signals to threads here")
@pytest.mark.parametrize("reason", [KeyboardInterrupt, KeyError])
@pytest.mark.parametrize("at_once", ["asked together", "hedged"])
def test_nobody_is_asked_any_more_once_the_caller_has_an_error(at_once: str, reason: Any) -> None:
    asked, once = list[str](), threading.Lock()

    def call(model: str) -> Answer:
        asked.append(model)
        if len(asked) > 20 and model == "a" and once.acquire(blocking=False):
            if reason is KeyError:
                raise KeyError
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        raise ConnectionError

    router = (
        EnsembleRouter(PAIR, MeanLogprob(), k=2) if at_once == "asked together" else Always(PAIR)
    )
    limits = Limits(retry=Retry(attempts=10_000, first=0.002, longest=0.002), breaker=None)
    policy = Reliability(hedge_after=0.001, limits=limits)
    made = Dispatcher(router, failover_on=(ConnectionError,), reliability=policy)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may ignore it
    try:
        with pytest.raises(reason):
            made.run("hi", call)
    finally:
        signal.signal(signal.SIGINT, before)
    time.sleep(0.05)  # for what was under way
    by_then = len(asked)
    time.sleep(0.1)
    assert len(asked) == by_then


def test_who_waits_for_a_place_when_the_call_is_over_is_not_asked(provider: Any) -> None:
    models = provider(a=["hang", "ok"])
    policy = Reliability(hedge_after=0.01, special={"a": Limits(places=1)})
    made = Dispatcher(Always(PAIR), reliability=policy)
    with ThreadPoolExecutor(1) as thread:
        first = thread.submit(made.run, Query("hi", model="a"), models.call)
        wait_until(lambda: models.asked == ["a"])
        assert run_sync(made, Query("hi"), models).model == "b"
        models.free.set()
        first.result()
    assert run_sync(made, Query("hi"), models).model == "a"  # the place is free again
    assert models.asked == ["a", "b", "a"]


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), asyncio.CancelledError(), GeneratorExit()])
@pytest.mark.parametrize("timeout", [None, 5.0])
def test_being_told_to_stop_is_no_failure(stop: BaseException, timeout: float | None) -> None:
    models = Provider(a=[stop])
    made = dispatcher(timeout=timeout)
    with pytest.raises(type(stop)):
        made.run("hi", models.call)
    assert models.asked == ["a"]


@every_form
def test_a_stream_never_switches_once_a_piece_was_shown(run: Any, provider: Any) -> None:
    if run in (run_sync, run_async):
        return
    models = provider(a=["half"])
    with pytest.raises(TimedOut):
        run(dispatcher(timeout=0.05), Query("hi"), models)
    assert models.asked == ["a"]


@pytest.mark.parametrize("run", [run_stream, run_astream])
def test_a_model_whose_streams_break_off_is_left_alone(run: Any, provider: Any) -> None:
    models = provider(a=["breaks"])
    made = dispatcher(breaker=BreakerRule(failures=2, cooldown=60))
    for _ in range(2):
        with pytest.raises(ConnectionError):
            run(made, Query("hi"), models)
    assert run(made, Query("hi"), models).model == "b"
    assert models.asked.count("a") == 2


def test_a_stream_that_nobody_reads_to_its_end_is_no_failure(provider: Any) -> None:
    models = provider(a=[ConnectionError(), "ok"])
    made = dispatcher(breaker=BreakerRule(failures=2, cooldown=60))
    for _ in range(3):
        pieces = made.stream(Query("hi"), models.call, models.stream)
        next(pieces)
        pieces.close()
    models.scripts["a"] = [ConnectionError()]
    assert run_stream(made, Query("hi"), models).model == "b"
    assert made.health_of("a").breaker.state == "closed"  # type: ignore[union-attr]


@pytest.mark.parametrize("limit", [{}, {"timeout": 10.0}])
async def test_who_is_cancelled_waiting_for_a_piece_says_nothing_of_the_model(limit: Any) -> None:
    models = Provider(a=[ConnectionError(), "half", ConnectionError()])
    made = dispatcher(breaker=BreakerRule(failures=2), **limit)
    await made.arun("hi", models.acall)
    stream = made.astream("hi", models.acall, models.astream)
    await anext(stream)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(stream), 0.05)
    await made.arun("hi", models.acall)
    assert made.health_of("a").breaker.state == "open"  # type: ignore[union-attr]


@pytest.mark.parametrize("run", [run_stream, run_astream])
@pytest.mark.parametrize(
    ("before", "state"), [(0.0, "open"), (0.6, "closed")], ids=["most of the time", "hardly any"]
)
def test_a_stream_that_hangs_for_most_of_the_time_counts(
    before: float, state: str, run: Any, provider: Any
) -> None:
    models = provider(a=["half"])
    made = dispatcher(deadline=0.9, breaker=BreakerRule(failures=1, cooldown=60))
    stream = models.stream

    def late(model: str) -> Iterator[str]:
        time.sleep(before)
        return stream(model)

    async def late_too(model: str) -> AsyncIterator[str]:
        await asyncio.sleep(before)
        async for piece in Provider.astream(models, model):
            yield piece

    models.stream, models.astream = late, late_too
    with pytest.raises(TimedOut):
        run(made, Query("hi"), models)
    assert made.health_of("a").breaker.state == state  # type: ignore[union-attr]


def test_a_probe_that_streams_keeps_nobody_waiting(provider: Any) -> None:
    models = provider(a=[ConnectionError(), "ok"])
    made = dispatcher(breaker=BreakerRule(failures=1, cooldown=0.01))
    assert run_stream(made, Query("hi"), models).model == "b"
    time.sleep(0.02)
    pieces = made.stream(Query("hi"), models.call, models.stream)
    next(pieces)
    assert run_stream(made, Query("hi"), models).model == "a"


def test_of_streams_that_break_off_while_probing_one_counts(provider: Any) -> None:
    models = provider(a=[ConnectionError(), "breaks"])
    made = dispatcher(breaker=BreakerRule(failures=1, cooldown=0.05))
    assert run_stream(made, Query("hi"), models).model == "b"
    time.sleep(0.06)
    streams = [made.stream(Query("hi"), models.call, models.stream) for _ in range(5)]
    assert {next(pieces).decision.model for pieces in streams} == {"a"}
    for pieces in streams:
        with pytest.raises(ConnectionError):
            list(pieces)
    breaker = made.health_of("a").breaker
    assert breaker is not None
    assert (breaker.state, breaker.times_opened) == ("open", 2)


def test_a_stream_that_ends_in_no_failure_of_the_model_says_nothing_of_it(provider: Any) -> None:
    models = provider(a=[ConnectionError(), "breaks", ConnectionError()])
    policy = Reliability(limits=Limits(breaker=BreakerRule(failures=2)))
    made = Dispatcher(Always(POOL), failover_on=(OSError,), reliability=policy)
    assert run_stream(made, Query("hi"), models).model == "b"
    with pytest.raises(ZeroDivisionError):
        for _ in made.stream(Query("hi"), models.call, lambda _: (1 // n for n in (1, 0))):
            pass
    models.scripts["a"] = [ConnectionError()]
    assert run_stream(made, Query("hi"), models).model == "b"
    assert made.health_of("a").breaker.state == "open"  # type: ignore[union-attr]


@pytest.mark.parametrize("limits", [{"timeout": 0.1}, {"deadline": 0.1}])
@pytest.mark.parametrize("form", ["run", "arun", "stream", "astream"])
async def test_a_turn_that_has_to_be_waited_for_counts_for_the_call_only(
    form: str, limits: Any, provider: Any
) -> None:
    models, made, is_async = provider(), dispatcher(**limits), form.startswith("a")
    call, stream = (models.acall, models.astream) if is_async else (models.call, models.stream)
    waits: Any = partial(asyncio.sleep if is_async else time.sleep, 0.2)

    async def decided() -> RoutingDecision:
        if form == "run":
            return made.run(Query("hi"), call, ready=waits)[0]
        if form == "arun":
            return (await made.arun(Query("hi"), call, ready=waits))[0]
        pieces: Any = getattr(made, form)(Query("hi"), call, stream, ready=waits)
        last = [one async for one in pieces][-1] if is_async else list(pieces)[-1]
        return last.decision

    if "deadline" in limits:
        with pytest.raises(DeadlineExceeded):
            await decided()
        return
    decision = await decided()
    assert (decision.model, decision.failed) == ("a", ())
    assert made.health_of("a").breaker.state == "closed"  # type: ignore[union-attr]


@pytest.mark.parametrize("seconds", [1e-9, 0.0, -1.0])
def test_hardly_any_time_is_not_waited_for_ever(seconds: float) -> None:
    def wait_often() -> None:
        for _ in range(20_000):
            with pytest.raises(Empty):
                taken(SimpleQueue[None](), seconds)

    waiter = threading.Thread(target=wait_often, daemon=True)
    waiter.start()
    waiter.join(HANG)
    assert not waiter.is_alive()


def test_hanging_calls_are_counted_and_bounded() -> None:
    free, workers = threading.Event(), Workers(most_abandoned=2)
    for _ in range(2):
        with pytest.raises(TimedOut):
            workers.run(free.wait, 0.01)
    assert workers.abandoned == 2
    with pytest.raises(TimedOut, match="2 calls hang already"):
        workers.run(lambda: None, 1.0)
    free.set()
    for _ in range(200):
        if not workers.abandoned:
            break
        time.sleep(0.005)
    assert workers.run(lambda: "again", 1.0) == "again"


@pytest.mark.parametrize("run", [run_sync, run_stream])
def test_calls_of_one_model_that_hang_take_nothing_from_another(run: Any, provider: Any) -> None:
    models = provider(a=["hang"])
    made = dispatcher(timeout=0.05, breaker=BreakerRule(failures=3, cooldown=60))
    made.workers.most_abandoned = 2
    decisions = [run(made, Query("hi", max_cost=0.01), models) for _ in range(4)]
    assert [one.model for one in decisions] == ["b"] * 4
    told = [str(one.failed[0]) for one in decisions]
    assert told == ["a: TimedOut", "a: TimedOut", "a: Swamped", "a: Swamped"]
    states = [made.health_of(name).breaker.state for name in "ab"]  # type: ignore[union-attr]
    assert states == ["closed", "closed"]


@pytest.mark.parametrize("run", [run_sync, run_stream])
def test_a_call_that_hangs_may_have_to_be_paid_and_one_that_was_not_begun_has_not(
    run: Any, provider: Any
) -> None:
    models, made = provider(a=["hang"]), dispatcher(timeout=0.05)
    made.workers.most_abandoned = 1
    enough_for_b = POOL["b"].cost(Query("hi").input_tokens, TYPICAL_OUTPUT)
    query = Query("hi", max_cost=enough_for_b)
    with pytest.raises(CostCapReached, match="a: TimedOut; b: cost_cap"):
        run(made, query, models)
    assert run(made, query, models).model == "b"


@every_form
def test_a_call_that_got_no_place_costs_nothing(run: Any, provider: Any) -> None:
    models = provider(a=["hang"])
    made = dispatcher(places=1, timeout=0.05, retry=Retry(attempts=2, first=0.001))
    enough_for_one = POOL["b"].cost(Query("hi").input_tokens, TYPICAL_OUTPUT)
    place = Place()
    made.health_of("a").gate.enter(place)  # type: ignore[union-attr]
    decision = run(made, Query("hi", max_cost=enough_for_one), models)
    told = [(one.model, one.outcome) for one in decision.attempts]
    assert told == [("a", "skipped"), ("a", "skipped"), ("b", "answered")]
    assert models.asked == ["b"]


def test_whoever_may_make_no_more_calls_says_nothing_of_the_model(provider: Any) -> None:
    def ready() -> None:
        raise ConnectionError

    made = dispatcher(breaker=BreakerRule(failures=1))
    with pytest.raises(AllModelsFailed):
        made.run("hi", provider().call, ready=ready)
    assert {made.health_of(name).breaker.state for name in "abc"} == {"closed"}  # type: ignore[union-attr]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes cannot fork here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own(provider: Any) -> None:
    models, made = provider(), dispatcher(timeout=5.0)
    assert run_sync(made, Query("hi"), models).model == "a"
    if (child := os.fork()) == 0:
        try:
            os._exit(run_sync(made, Query("hi"), models).model != "a")
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes cannot fork here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_process_waits_for_no_call_of_its_parent(provider: Any) -> None:
    models = provider(a=[ConnectionError(), "hang"])
    made = dispatcher(Always(POOL), places=1, breaker=BreakerRule(failures=1, cooldown=0.01))
    assert run_sync(made, Query("hi"), models).model == "b"
    time.sleep(0.02)
    with ThreadPoolExecutor(1) as thread:
        thread.submit(run_sync, made, Query("hi"), models)
        wait_until(lambda: models.asked.count("a") == 2)
        models.scripts["a"] = ["ok"]
        if (child := os.fork()) == 0:
            try:
                signal.alarm(5)
                os._exit(run_sync(made, Query("hi"), models).model != "a")
            finally:
                os._exit(2)
        ended = os.waitpid(child, 0)[1]
        models.free.set()
    assert ended == 0


def test_threads_are_used_again_by_whoever_needs_them_next(provider: Any) -> None:
    models, before = provider(), threading.active_count()
    for _ in range(40):
        run_sync(dispatcher(timeout=5.0), Query("hi"), models)
    assert threading.active_count() < before + 20


@every_form
def test_an_asked_model_that_fails_does_not_end_the_call(run: Any, provider: Any) -> None:
    models = provider(a=[ConnectionError()])
    decision = run(dispatcher(CascadeRouter(POOL, MeanLogprob(), 0.5)), Query("hi"), models)
    assert decision.model == "b"
    assert decision.answer is not None
    assert [(one.model, one.outcome) for one in decision.attempts] == [
        ("a", "failed"),
        ("b", "answered"),
    ]


@every_form
def test_a_heard_answer_is_there_when_the_last_model_fails(run: Any, provider: Any) -> None:
    models = provider(c=[ConnectionError()])
    made = dispatcher(CascadeRouter(POOL, MeanLogprob(), threshold=2.0))
    decision = run(made, Query("hi"), models)
    assert (decision.model, decision.cause) == ("a", "failover")
    assert decision.answer is not None
    assert models.asked == ["a", "b", "c"]


@every_form
def test_usage_counts_every_asked_model_once(run: Any, provider: Any) -> None:
    models = provider()
    decision = run(dispatcher(EnsembleRouter(POOL, MeanLogprob(), k=3)), Query("hi"), models)
    assert sorted(models.asked) == ["a", "b", "c"]
    assert (decision.usage["in_tokens"], decision.usage["out_tokens"]) == (30, 15)
    assert decision.usage["cost"] == pytest.approx(15 * (1 + 10 + 100) / 1e6)


def test_asked_at_once_in_threads_too() -> None:
    together = threading.Barrier(3, timeout=5)

    def call(model: str) -> Answer:
        together.wait()
        return Answer(model, "ok", logprob=-0.1)

    decision, _ = dispatcher(EnsembleRouter(POOL, MeanLogprob(), k=3)).run("hi", call)
    assert len(decision.attempts) == 3


def test_garbage_is_a_failure() -> None:
    def call(model: str) -> Any:
        return "garbage" if model == "a" else Answer(model, "ok")

    assert dispatcher().run("hi", call)[0].model == "b"


def test_a_flow_may_not_ask_whom_the_query_forbids() -> None:
    class Careless(Router):
        def flow(self, query: Query) -> Flow:
            answers = yield Ask(("a",))
            return RoutingDecision(("a",), "Careless", "policy", "any", answer=answers[0])

    with pytest.raises(ConfigError, match="asks a, which cannot serve: is off limits"):
        Dispatcher(Careless(POOL)).run(Query("hi", exclude={"a": "is off limits"}), Provider().call)


failures = st.dictionaries(
    st.sampled_from(["a", "b", "c"]),
    st.lists(st.sampled_from([ConnectionError(), ValueError(), "ok"]), min_size=1, max_size=3),
)
routers = st.sampled_from(
    [
        Always(ABLE),
        CascadeRouter(ABLE, MeanLogprob(), 0.5),
        CascadeRouter(ABLE, MeanLogprob(), 2.0),
        EnsembleRouter(ABLE, MeanLogprob(), k=2),
        hybrid(ABLE),
    ]
)


@settings(max_examples=300, deadline=None)
@given(
    router=routers,
    scripts=failures,
    exclude=st.sets(st.sampled_from(["a", "b"])),
    needs=st.sets(st.sampled_from(["tools", "vision", "pdf"])),
    sure=st.booleans(),
    retries=st.integers(1, 2),
)
def test_every_model_asked_is_eligible_and_asked_as_often_as_the_rule_says(
    router: Router, scripts: Any, exclude: set[str], needs: set[str], sure: bool, retries: int
) -> None:
    models = Provider(**scripts)
    models.logprob = SURE if sure else UNSURE
    made = dispatcher(router, retry=Retry(attempts=retries, first=0.0), breaker=None)
    query = Query("hi", exclude=dict.fromkeys(exclude, "is out"), needs=needs)
    able = {name for name in ABLE if needs <= (ABLE[name].abilities or set())} - exclude
    try:
        decision = made.run(query, models.call)[0]
        tried = decision.attempts
        assert decision.model in able
    except NoEligibleModel:
        assert not able
        assert not models.asked
        return
    except AllModelsFailed as error:
        tried = error.attempts
        assert set(models.asked) == able
    assert set(models.asked) <= able
    assert max(map(models.asked.count, models.asked)) <= retries
    assert len([one for one in tried if one.outcome != "skipped"]) == len(models.asked)


@pytest.mark.parametrize("run", [run_sync, run_async])
def test_a_router_that_takes_all_the_time_is_told_of(run: Any) -> None:
    class Slow(Router):
        def flow(self, query: Query) -> Flow:
            time.sleep(0.1)
            return RoutingDecision(("a",), "Slow", "policy", "after long thought")
            yield

    with pytest.raises(DeadlineExceeded, match=r"^no model was asked before the deadline$"):
        run(dispatcher(Slow(POOL), deadline=0.02), Query("hi"), Provider())


def test_special_limits_are_for_models_that_are_there() -> None:
    policy = Reliability(special={"a": Limits(), "nosuch": Limits(timeout=1)})
    with pytest.raises(ConfigError, match=r"unknown models \['nosuch'\]; there are a, b, c"):
        Dispatcher(Always(POOL), reliability=policy)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Limits(retry=3), "retry takes a Retry, not 3"),  # type: ignore[arg-type]
        (lambda: Limits(breaker=5), "breaker takes a BreakerRule, not 5"),  # type: ignore[arg-type]
        (lambda: Retry(on=(ValueError,)), "on takes a Callable, not"),  # type: ignore[arg-type]
        (lambda: Reliability(limits={"timeout": 3}), "limits takes a Limits, not"),  # type: ignore[arg-type]
        (lambda: Reliability(special=None), "special takes a Mapping, not None"),  # type: ignore[arg-type]
        (lambda: Reliability(special={"a": 3}), "special of a takes a Limits, not 3"),  # type: ignore[dict-item]
    ],
)
def test_rules_of_another_kind_are_told_at_once(make: Any, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        make()


@pytest.mark.parametrize(
    "wrong", [{"deadline": 0}, {"max_cost": -1.0}, {"hedge_after": 0}, {"deadline": "5"}]
)
def test_limits_are_above_zero(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="is a number above 0"):
        Reliability(**wrong)


@pytest.mark.parametrize("endless", [math.inf, 1e12])
@pytest.mark.parametrize(
    ("kind", "name"),
    [(Reliability, "deadline"), (Reliability, "hedge_after"), (Limits, "timeout")],
)
def test_who_wants_no_limit_says_none(kind: Any, name: str, endless: float) -> None:
    with pytest.raises(ConfigError, match=f"{name}=.* is longer than anybody can wait"):
        kind(**{name: endless})


@pytest.mark.parametrize("places", [0, -1, 0.5, 1.5, math.inf, "3"])
def test_places_are_whole(places: Any) -> None:
    with pytest.raises(ConfigError, match="places is a whole number from 1 up"):
        Limits(places=places)


@pytest.mark.parametrize("attempts", [0, math.nan, "3"])
def test_a_model_is_asked_at_least_once(attempts: Any) -> None:
    with pytest.raises(ConfigError, match="attempts is a whole number from 1 up"):
        Retry(attempts=attempts)


@pytest.mark.parametrize("name", ["first", "factor", "longest"])
@pytest.mark.parametrize("wrong", [-1, math.nan, "1"])
def test_pauses_are_from_zero_up(name: str, wrong: Any) -> None:
    with pytest.raises(ConfigError, match=f"{name} is a number from 0 up"):
        Retry(**{name: wrong})


def test_what_is_under_way_counts_against_the_cap_as_expected() -> None:
    books = Books(max_cost=1.0)
    first, second = (Entry(model, "answer", 0.6) for model in "ab")
    assert books.open(first)
    assert not books.open(second)
    books.enter(first, first.ended("answered"), spent=0.1)
    assert books.open(second)


def test_rounding_takes_nothing_from_what_may_be_spent() -> None:
    books = Books(max_cost=0.3)
    assert all(books.open(Entry("a", "answer", 0.1)) for _ in range(3))  # 0.1 + 0.1 + 0.1 > 0.3
    assert not books.open(Entry("a", "answer", 1e-6))


@pytest.mark.parametrize("run", [run_sync, run_async])
def test_in_haste_the_answer_heard_last_has_to_do(run: Any, provider: Any) -> None:
    models = provider()

    class Ponders(Router):
        def flow(self, query: Query) -> Flow:
            yield Ask(("a",))
            yield Ask(("b",))
            models.free.wait(1.0)  # an event loop's end waits for it
            return RoutingDecision(("c",), "Ponders", "policy", "at last")

    decision = run(dispatcher(Ponders(POOL)), Query("hi", deadline=0.3), models)
    models.free.set()
    assert (decision.model, decision.cause, models.asked) == ("b", "default", ["a", "b"])


def test_a_judge_needs_no_tools_to_grade_an_answer_that_took_them() -> None:
    pool = ModelPool(
        [
            Candidate(name="a", input_price=1, output_price=1, abilities={"tools"}),
            Candidate(name="b", input_price=2, output_price=2, abilities={"tools"}),
            Candidate(name="judge", input_price=3, output_price=3, abilities=set()),
        ]
    )
    asked: list[str] = []

    def call(model: str, prompt: str | None = None) -> Answer:
        asked.append(model)
        return Answer(model, "9")

    made = Dispatcher(CascadeRouter(pool, Judge("judge"), threshold=0.5))
    decision, _ = made.run(Query("add", needs=frozenset({"tools"}), tokens=10), call)
    assert (decision.model, asked) == ("a", ["a", "judge"])
