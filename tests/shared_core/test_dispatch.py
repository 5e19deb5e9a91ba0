"""Decisions carried out: in all four forms, with failures wherever one can happen."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from shared_core import (
    AllModelsFailed,
    Always,
    Answer,
    Ask,
    BreakerRule,
    ConfigError,
    Dispatcher,
    Flow,
    Limits,
    NoEligibleModel,
    Query,
    Reliability,
    Retry,
    Router,
    RoutingDecision,
    RoutingEvent,
)
from shared_core.calls.health import Health
from shared_core.dispatch import twins_of

POOL = ["first", "second", "third"]


@dataclass
class Models:
    """Models that answer in three pieces, and fail as told.

    Args:
        before: model -> what it raises before its first piece.
        after: model -> what it raises after its first piece.
    """

    before: dict[str, BaseException] = field(default_factory=dict)
    after: dict[str, BaseException] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)

    def call(self, model: str) -> Answer:
        return Answer(model, "".join(self.stream(model)))

    async def acall(self, model: str) -> Answer:
        return Answer(model, "".join([piece async for piece in self.astream(model)]))

    def stream(self, model: str) -> Iterator[str]:
        self.asked.append(model)
        if model in self.before:
            raise self.before[model]
        try:
            yield f"{model} "
            if model in self.after:
                raise self.after[model]
            yield "says "
            yield "hi"
        finally:
            self.closed.append(model)

    async def astream(self, model: str) -> AsyncIterator[str]:
        await asyncio.sleep(0)
        for piece in self.stream(model):
            yield piece


Heard = tuple[RoutingDecision, str]


def run(dispatcher: Dispatcher, query: Query | str, models: Models) -> Heard:
    decision, answer = dispatcher.run(query, models.call)
    return decision, answer.text


def arun(dispatcher: Dispatcher, query: Query | str, models: Models) -> Heard:
    decision, answer = asyncio.run(dispatcher.arun(query, models.acall))
    return decision, answer.text


def stream(dispatcher: Dispatcher, query: Query | str, models: Models) -> Heard:
    return _joined(list(dispatcher.stream(query, models.call, models.stream)))


def astream(dispatcher: Dispatcher, query: Query | str, models: Models) -> Heard:
    async def collect() -> list[Any]:
        return [one async for one in dispatcher.astream(query, models.acall, models.astream)]

    return _joined(asyncio.run(collect()))


def _joined(streamed: list[Any]) -> Heard:
    decisions = {one.decision.id: one.decision for one in streamed}
    (decision,) = decisions.values()
    assert all(one.decision == decision for one in streamed), "the decision changed on the way"
    if decision.answer is not None:
        assert [one.piece for one in streamed] == [None]
        return decision, decision.answer.text
    return decision, "".join(one.piece for one in streamed)


Form = Callable[[Dispatcher, Query | str, Models], Heard]
FORMS: list[Form] = [run, arun, stream, astream]
every_form = pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
streamed_forms = pytest.mark.parametrize("form", [stream, astream], ids=lambda form: form.__name__)


@every_form
def test_the_chosen_model_answers(form: Form) -> None:
    models = Models()
    decision, text = form(Dispatcher(Always(POOL, "second")), "hi", models)
    assert (decision.model, decision.cause, decision.failed) == ("second", "baseline", ())
    assert text == "second says hi"
    assert models.asked == ["second"]


@every_form
def test_failures_before_the_first_piece_go_down_the_ranking(form: Form) -> None:
    models = Models(before={"first": TimeoutError(), "second": ConnectionError()})
    decision, text = form(Dispatcher(Always(POOL)), "hi", models)
    assert text == "third says hi"
    assert decision.ranking == ("third", "first", "second")
    assert decision.cause == "failover"
    assert [str(one) for one in decision.failed] == [
        "first: TimeoutError", "second: ConnectionError"
    ]  # fmt: skip
    assert models.asked == ["first", "second", "third"]


@every_form
def test_a_model_under_two_names_is_one_model(form: Form) -> None:
    twins = twins_of({"first": Models, "second": Models, "third": POOL})
    assert twins == {"first": {"second"}, "second": {"first"}}
    models = Models(before={"first": TimeoutError(), "second": TimeoutError()})
    retried = Reliability(limits=Limits(retry=Retry(attempts=2, first=0)))
    dispatcher = Dispatcher(Always(POOL), reliability=retried, twins=twins)
    decision, text = form(dispatcher, "hi", models)
    assert text == "third says hi"
    assert models.asked == ["first", "first", "third"]
    assert [str(one) for one in decision.failed] == [
        "first: TimeoutError", "first: TimeoutError", "second: same_model"
    ]  # fmt: skip
    assert [one.outcome for one in decision.failed] == ["failed", "failed", "skipped"]


def test_dispatchers_that_share_health_spare_the_same_models() -> None:
    health: dict[str, Health] = {}
    limits = Reliability(limits=Limits(breaker=BreakerRule(failures=1)))
    one, other = (Dispatcher(Always(POOL), reliability=limits, health=health) for _ in range(2))
    models = Models(before={"first": TimeoutError()})
    for dispatcher in (one, other):
        assert dispatcher.run("hi", models.call)[0].model == "second"
    assert models.asked == ["first", "second", "second"]


@pytest.mark.parametrize("wrong", ["folder", Always, None])
def test_what_is_no_router_is_told_of(wrong: Any) -> None:
    with pytest.raises(ConfigError, match="a router is an instance"):
        Dispatcher(wrong)


@every_form
def test_when_all_fail_the_error_tells_how(form: Form) -> None:
    last = ConnectionError("last words")
    models = Models(before={"first": TimeoutError(), "second": ValueError(), "third": last})
    with pytest.raises(AllModelsFailed, match=r"all 3 models.*third: ConnectionError") as caught:
        form(Dispatcher(Always(POOL)), "hi", models)
    assert caught.value.__cause__ is last
    assert "last words" not in str(caught.value)


@streamed_forms
def test_after_the_first_piece_nobody_is_switched(form: Form) -> None:
    broken = ConnectionError("cut off")
    models = Models(after={"first": broken})
    with pytest.raises(ConnectionError) as caught:
        form(Dispatcher(Always(POOL)), "hi", models)
    assert caught.value is broken
    assert models.asked == ["first"]


def test_the_pieces_before_a_failure_were_handed_on() -> None:
    models = Models(after={"first": ConnectionError()})
    streamed = Dispatcher(Always(POOL)).stream("hi", models.call, models.stream)
    assert next(streamed).piece == "first "
    with pytest.raises(ConnectionError):
        next(streamed)


@every_form
def test_a_model_the_caller_names_is_never_replaced(form: Form) -> None:
    models = Models(before={"third": TimeoutError()})
    with pytest.raises(AllModelsFailed, match="third: TimeoutError"):
        form(Dispatcher(Always(POOL)), Query("hi", model="third"), models)
    assert models.asked == ["third"]
    decision, text = form(Dispatcher(Always(POOL)), Query("hi", model="second"), Models())
    assert (decision.cause, decision.ranking, text) == ("forced", ("second",), "second says hi")


@every_form
def test_without_failover_only_the_chosen_model_is_asked(form: Form) -> None:
    models = Models(before={"first": TimeoutError()})
    with pytest.raises(AllModelsFailed, match="all 1 models"):
        form(Dispatcher(Always(POOL), failover=False), "hi", models)
    assert models.asked == ["first"]


@every_form
def test_errors_that_are_no_models_failure_pass_through(form: Form) -> None:
    dispatcher = Dispatcher(Always(POOL), failover_on=(ConnectionError, TimeoutError))
    mistake = TypeError("a mistake in the program")
    models = Models(before={"first": TimeoutError(), "second": mistake})
    with pytest.raises(TypeError) as caught:
        form(dispatcher, "hi", models)
    assert caught.value is mistake
    assert models.asked == ["first", "second"]


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ({"failover": "no"}, "failover is True or False, not 'no'"),
        ({"failover_on": [TimeoutError]}, "failover_on is a tuple of error classes"),
        ({"failover_on": ("TimeoutError",)}, "failover_on is a tuple of error classes"),
        ({"failover_on": (KeyboardInterrupt,)}, "failover_on is a tuple of error classes"),
        ({"listeners": print}, "listeners is a list of functions, not <built-in"),
        ({"listeners": ["print"]}, "listeners is a list of functions"),
        ({"reliability": {"deadline": 3}}, "reliability is a Reliability, not"),
    ],
)
def test_an_option_that_means_nothing_is_told_before_any_call(
    option: dict[str, Any], told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        Dispatcher(Always(POOL), **option)


@every_form
@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_interrupts_are_no_failures(form: Form, interrupt: type[BaseException]) -> None:
    models = Models(before={"first": interrupt()})
    with pytest.raises(interrupt):
        form(Dispatcher(Always(POOL)), "hi", models)
    assert models.asked == ["first"]


@pytest.mark.parametrize("as_stream", [False, True])
async def test_cancelling_passes_through(as_stream: bool) -> None:
    asked: list[str] = []

    async def hang(model: str) -> Answer:
        asked.append(model)
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    async def hang_streaming(model: str) -> AsyncIterator[str]:
        yield (await hang(model)).text

    async def work() -> None:
        dispatcher = Dispatcher(Always(POOL))
        if as_stream:
            async for _ in dispatcher.astream("hi", hang, hang_streaming):
                pass
        else:
            await dispatcher.arun("hi", hang)

    task = asyncio.create_task(work())
    while not asked:
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asked == ["first"]


def test_a_stream_nobody_reads_on_is_closed_at_once() -> None:
    models = Models()
    pieces = Dispatcher(Always(POOL)).stream("hi", models.call, models.stream)
    assert next(pieces).piece == "first "
    pieces.close()  # type: ignore[attr-defined]
    assert models.closed == ["first"]


def test_a_stream_that_somebody_else_holds_is_closed_too() -> None:
    class Held:
        closed = False

        def __iter__(self) -> Iterator[str]:
            return self

        def __next__(self) -> str:
            return "piece"

        def close(self) -> None:
            self.closed = True

    held = Held()
    pieces = Dispatcher(Always(POOL)).stream("hi", Models().call, lambda _: iter(held))
    assert next(pieces).piece == "piece"
    pieces.close()  # type: ignore[attr-defined]
    assert held.closed


async def test_an_asynchronous_stream_nobody_reads_on_is_closed_at_once() -> None:
    models = Models()
    pieces = Dispatcher(Always(POOL)).astream("hi", models.acall, models.astream)
    assert (await anext(pieces)).piece == "first "
    await pieces.aclose()  # type: ignore[attr-defined]
    assert models.closed == ["first"]


@streamed_forms
def test_a_stream_that_fails_to_open_is_a_failure(form: Form) -> None:
    models = Models()
    pieces, apieces = models.stream, models.astream

    def open_stream(model: str, opened: Callable[[str], Any]) -> Any:
        if model == "first":
            raise ConnectionError
        return opened(model)

    models.stream = lambda model: open_stream(model, pieces)  # type: ignore[method-assign]
    models.astream = lambda model: open_stream(model, apieces)  # type: ignore[method-assign]
    if form is astream:
        models.stream = pieces  # type: ignore[method-assign]
    assert form(Dispatcher(Always(POOL)), "hi", models)[1] == "second says hi"


def test_a_stream_is_any_iterator() -> None:
    streamed = Dispatcher(Always(POOL)).stream(
        "hi", Models().call, lambda model: iter([model, "!"])
    )
    assert [one.piece for one in streamed] == ["first", "!"]


def test_nothing_happens_before_a_stream_is_read() -> None:
    models = Models()
    Dispatcher(Always(POOL)).stream("hi", models.call, models.stream)
    assert models.asked == []


@every_form
def test_nobody_eligible_is_told_before_anybody_is_asked(form: Form) -> None:
    models = Models()
    query = Query("hi", exclude=dict.fromkeys(POOL, "ruled out"))
    with pytest.raises(NoEligibleModel):
        form(Dispatcher(Always(POOL)), query, models)
    assert models.asked == []


@every_form
def test_listeners_hear_what_happens_in_order(form: Form) -> None:
    events: list[RoutingEvent] = []
    models = Models(before={"first": TimeoutError("my prompt")})
    dispatcher = Dispatcher(Always(POOL), listeners=[events.append])
    decision, _ = form(dispatcher, "my prompt", models)
    assert [event.kind for event in events] == ["decided", "failed", "answered"]
    decided, failed, answered = events
    assert (decided.decision.model, decided.attempt) == ("first", None)
    assert str(failed.attempt) == "first: TimeoutError"
    assert answered.decision == decision
    assert {event.decision.id for event in events} == {decision.id}
    assert 0 <= decided.seconds <= failed.seconds <= answered.seconds
    assert "my prompt" not in repr(events)


@every_form
def test_listeners_hear_that_all_failed(form: Form) -> None:
    events: list[RoutingEvent] = []
    models = Models(before=dict.fromkeys(POOL, TimeoutError()))
    with pytest.raises(AllModelsFailed):
        form(Dispatcher(Always(POOL), listeners=[events.append]), "hi", models)
    assert [event.kind for event in events] == ["decided", *["failed"] * 3, "gave_up"]


@every_form
def test_a_broken_listener_spoils_no_answer(form: Form) -> None:
    def broken(event: RoutingEvent) -> None:
        raise RuntimeError("broken")

    dispatcher = Dispatcher(Always(POOL), listeners=[broken])
    assert form(dispatcher, "hi", Models())[1] == "first says hi"


class AsksFirst(Router):
    """Asks the first two and takes the longer answer; keeps what it heard."""

    def flow(self, query: Query) -> Flow:
        self.heard_: list[Answer] = yield Ask(self.pool.names[:2])
        self.heard_ += yield Ask(self.pool.names[2:])
        best = max(self.heard_, key=lambda answer: len(answer.text))
        return RoutingDecision(
            (best.model,), "AsksFirst", "policy", "the longest answer", answer=best
        )


@every_form
def test_a_flow_is_sent_the_answers_it_asked_for_in_order(form: Form) -> None:
    models, router = Models(), AsksFirst(POOL)
    decision, text = form(Dispatcher(router), "hi", models)
    assert [answer.model for answer in router.heard_] == POOL
    assert (decision.model, text) == ("second", "second says hi")
    assert sorted(models.asked) == sorted(POOL)  # nobody is asked twice


async def test_what_the_router_hears_can_be_asked_otherwise() -> None:
    class HearsOne(Router):
        def flow(self, query: Query) -> Flow:
            yield Ask(("first",))
            return RoutingDecision(("second",), "HearsOne", "policy", "whatever first said")

    called, heard = Models(), Models()
    dispatcher = Dispatcher(HearsOne(POOL))
    dispatcher.run("hi", called.call, heard.call)
    await dispatcher.arun("hi", called.acall, heard.acall)
    assert (called.asked, heard.asked) == (["second"] * 2, ["first"] * 2)


async def test_models_asked_at_once_answer_at_once() -> None:
    both_asked = asyncio.Barrier(2)

    async def call(model: str) -> Answer:
        if model != "third":
            await asyncio.wait_for(both_asked.wait(), 10)
        return Answer(model, model)

    decision, _ = await Dispatcher(AsksFirst(POOL)).arun("hi", call)
    assert decision.model == "second"


async def test_deciding_blocks_no_event_loop() -> None:
    threads: set[int] = set()

    class Slow(Router):
        def flow(self, query: Query) -> Flow:
            threads.add(threading.get_ident())
            return RoutingDecision(self.pool.names, "Slow", "policy", "after long thought")
            yield

    await Dispatcher(Slow(POOL)).arun("hi", Models().acall)
    await Slow(POOL).aroute("hi")
    assert threads
    assert threading.get_ident() not in threads


def test_a_dry_run_of_a_router_that_asks_is_refused() -> None:
    with pytest.raises(ConfigError, match="AsksFirst decides only after hearing first, second"):
        AsksFirst(POOL).route("hi")


class Misbehaves(Router):
    """A third party's router that does something else than it should."""

    def __init__(self, how: str) -> None:
        super().__init__(POOL)
        self.how = how

    def flow(self, query: Query) -> Any:
        return getattr(self, self.how)()

    def returns_nothing(self) -> Iterator[Ask]:
        yield Ask(("first",))

    def returns_a_name(self) -> Any:
        return "first"
        yield

    def yields_a_name(self) -> Any:
        yield "first"

    def is_no_generator(self) -> RoutingDecision:
        return RoutingDecision(("first",), "Misbehaves", "policy", "forgot to yield")

    def ranks_nobody(self) -> Flow:
        return RoutingDecision((), "Misbehaves", "policy", "nobody is good enough")
        yield

    def raises(self) -> Flow:
        yield Ask(("first",))
        raise ZeroDivisionError("a mistake in the router")


@every_form
@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("returns_nothing", "the flow returned None, no RoutingDecision"),
        ("returns_a_name", "the flow returned 'first', no RoutingDecision"),
        ("yields_a_name", "the flow yielded 'first', no Ask"),
        ("is_no_generator", "Misbehaves.flow is no generator"),
        ("ranks_nobody", "Misbehaves made a decision that ranks no model"),
    ],
)
def test_flows_that_misbehave_are_told(form: Form, how: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        form(Dispatcher(Misbehaves(how)), "hi", Models())


@every_form
def test_a_mistake_in_a_router_is_nobodys_failure(form: Form) -> None:
    with pytest.raises(ZeroDivisionError):
        form(Dispatcher(Misbehaves("raises")), "hi", Models())


@pytest.mark.parametrize("how", ["returns_a_name", "is_no_generator", "ranks_nobody"])
def test_a_dry_run_tells_misbehaviour_too(how: str) -> None:
    with pytest.raises(ConfigError):
        Misbehaves(how).route("hi")
