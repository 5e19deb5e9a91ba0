"""Time limits, retries, breakers, places, hedging and the cost cap, in every form of calling."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
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
    CascadeRouter,
    ConfigError,
    CostCapReached,
    DeadlineExceeded,
    EnsembleRouter,
    Limits,
    MeanLogprob,
    NoEligibleModel,
    Query,
    Reliability,
    Retry,
    Router,
    RoutingDecision,
    TimedOut,
)
from shared_core.calls.books import Books, Entry
from shared_core.calls.workers import Workers
from shared_core.decision import Flow
from shared_core.dispatch import Dispatcher
from shared_core.reliability import Breaker, Gate, is_transient

HANG = 30.0


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
        if step == "half":
            self.free.wait(HANG)
        yield "."

    async def astream(self, model: str) -> AsyncIterator[str]:
        step = self._next(model)
        if step == "hang":
            await asyncio.sleep(HANG)
        yield self._result(model, step).text
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


def test_pauses_grow_are_bounded_and_honour_retry_after() -> None:
    class Limited(Exception):
        status_code = 429
        response = SimpleNamespace(headers={"retry-after": "17"})

    retry = Retry(attempts=9, first=1.0, factor=2.0, longest=4.0)
    pauses = [[retry.pause(n, TimeoutError()) or 0 for _ in range(200)] for n in (1, 2, 3, 8)]
    assert [max(one) <= most for one, most in zip(pauses, (1, 2, 4, 4), strict=True)] == [True] * 4
    assert max(pauses[2]) > 2
    assert retry.pause(1, Limited()) == 17.0
    assert retry.pause(9, TimeoutError()) is None


@pytest.mark.parametrize(("status", "passes"), [(429, True), (503, True), (400, False)])
def test_what_is_transient(status: int, passes: bool) -> None:
    error = RuntimeError()
    error.status_code = status  # type: ignore[attr-defined]
    assert is_transient(error) is passes
    assert is_transient(type("APIConnectionError", (Exception,), {})())


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


def test_where_all_breakers_are_open_all_are_asked_anyway(provider: Any) -> None:
    down = [ConnectionError(), ConnectionError()]
    models = provider(a=down, b=[ConnectionError(), "ok"], c=[ConnectionError()])
    made = dispatcher(breaker=BreakerRule(failures=1, cooldown=60))
    with pytest.raises(AllModelsFailed):
        run_sync(made, Query("hi"), models)
    assert run_sync(made, Query("hi"), models).model == "b"


def test_a_breaker_lets_one_probe_through_at_a_time() -> None:
    now = [0.0]
    breaker = Breaker(BreakerRule(failures=1, cooldown=10), clock=lambda: now[0])
    breaker.note(False)
    assert (breaker.state, breaker.admits()) == ("open", False)
    now[0] = 10.0
    assert (breaker.state, breaker.admits(), breaker.admits()) == ("half_open", True, False)
    breaker.note(False)
    assert breaker.state == "open"
    now[0] = 20.0
    assert breaker.admits()
    breaker.note(None)  # cancelled: another may probe
    assert breaker.admits()
    breaker.note(True)
    assert breaker.state == "closed"


def test_a_query_that_is_refused_opens_no_breaker(provider: Any) -> None:
    refused = RuntimeError()
    refused.status_code = 400  # type: ignore[attr-defined]
    made = dispatcher(breaker=BreakerRule(failures=1))
    run_sync(made, Query("hi"), provider(a=[refused]))
    assert made.health_of("a").breaker.state == "closed"  # type: ignore[union-attr]


@every_form
def test_the_cost_cap_keeps_dear_models_out(run: Any, provider: Any) -> None:
    models = provider(a=[ConnectionError()], b=[ConnectionError()])
    with pytest.raises(CostCapReached) as caught:
        run(dispatcher(), Query("hi", max_cost=0.01), models)
    assert models.asked == ["a", "b"]  # c would cost 0.0257
    assert str(caught.value.attempts[-1]) == "c: cost_cap"


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


def test_who_leaves_the_line_takes_nobodys_place() -> None:
    gate = Gate(1)
    assert gate.enter() is None
    impatient, patient = gate.enter(), gate.enter()
    gate.leave(impatient)
    gate.leave()
    assert patient is not None
    assert patient.done()
    gate.leave(patient)
    assert gate.enter() is None


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


@pytest.mark.parametrize("wrong", [{"deadline": 0}, {"max_cost": -1.0}, {"hedge_after": 0}])
def test_limits_are_above_zero(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="is a number above 0"):
        Reliability(**wrong)


def test_what_is_under_way_counts_against_the_cap_as_expected() -> None:
    books = Books(max_cost=1.0)
    first, second = (Entry(model, "answer", 0.6) for model in "ab")
    assert books.open(first)
    assert not books.open(second)
    books.enter(first, first.ended("answered"), spent=0.1)
    assert books.open(second)


@pytest.mark.parametrize("run", [run_sync, run_async])
def test_in_haste_the_answer_heard_last_has_to_do(run: Any, provider: Any) -> None:
    models = provider()

    class Ponders(Router):
        def flow(self, query: Query) -> Flow:
            yield Ask(("a",))
            yield Ask(("b",))
            models.free.wait(HANG)
            return RoutingDecision(("c",), "Ponders", "policy", "at last")

    decision = run(dispatcher(Ponders(POOL)), Query("hi", deadline=0.3), models)
    models.free.set()
    assert (decision.model, decision.cause, models.asked) == ("b", "default", ["a", "b"])
