"""Calls leave no circles of references: full collections would stop every other call meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from shared_core import AllModelsFailed, Always, Answer, Limits, Reliability, TimedOut
from shared_core.calls import pursuit
from shared_core.calls.health import Place
from shared_core.dispatch import Dispatcher

POOL = ["first", "second"]
FATES = [("answers", "answers"), ("fails", "answers"), ("fails", "fails"), ("hangs", "answers")]


@pytest.fixture(autouse=True, scope="module")
def _only_what_is_new() -> Iterator[None]:
    """Everything that was there before is left out of collections, which are quick then."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


class Models:
    """Says what happens to each model: it answers, fails, or hangs once it has said something."""

    def __init__(self, *fates: str) -> None:
        self.fates = dict(zip(POOL, fates, strict=True))

    def call(self, model: str) -> Answer:
        if self.fates[model] == "fails":
            raise OSError
        return Answer(model, "yes")

    async def acall(self, model: str) -> Answer:
        await asyncio.sleep(0)
        return self.call(model)

    async def forgotten(self, model: str) -> Answer:
        return await asyncio.get_running_loop().create_future()  # that nobody else refers to

    def stream(self, model: str) -> Iterator[str]:
        yield self.call(model).text
        yield " sir"

    async def astream(self, model: str) -> AsyncIterator[str]:
        await asyncio.sleep(0)
        yield self.call(model).text
        if self.fates[model] == "hangs":
            await asyncio.sleep(3600)


async def ask(form: str, dispatcher: Dispatcher, models: Models) -> None:
    with contextlib.suppress(AllModelsFailed, TimedOut):
        if form == "run":
            dispatcher.run("hi", models.call)
        elif form == "arun":
            await dispatcher.arun("hi", models.acall)
        elif form == "forgotten":
            await dispatcher.arun("hi", models.forgotten)
        elif form == "stream":
            list(dispatcher.stream("hi", models.call, models.stream))
        else:
            async for _ in dispatcher.astream("hi", models.acall, models.astream):
                pass


async def left_by(work: Callable[[], object]) -> int:
    """Objects in circles that the work leaves; a worker lets go of its last job a little later."""
    gc.collect()
    gc.disable()
    try:
        await work()  # type: ignore[misc]
        await asyncio.sleep(0.02)
        return gc.collect()
    finally:
        gc.enable()


@pytest.mark.parametrize("form", ["run", "arun", "stream", "astream"])
@pytest.mark.parametrize("limits", [Limits(), Limits(timeout=0.05)], ids=["unlimited", "limited"])
@pytest.mark.parametrize("fates", FATES, ids=" ".join)
async def test_no_call_leaves_work_for_the_garbage_collector(
    form: str, limits: Limits, fates: tuple[str, str]
) -> None:
    if fates[0] == "hangs" and (limits.timeout is None or form != "astream"):
        pytest.skip("nothing would end it")
    dispatcher = Dispatcher(Always(POOL), reliability=Reliability(limits=limits))

    async def calls() -> None:
        for _ in range(5):
            await ask(form, dispatcher, Models(*fates))

    await calls()
    assert min([await left_by(calls) for _ in range(3)]) == 0


class Collecting(Place):
    """Has garbage collected where a call enters, and where its place is about to come."""

    def __init__(self) -> None:
        gc.collect()
        super().__init__()

    def come(self) -> bool:
        gc.collect()
        return super().come()


def test_calls_that_are_forgotten_are_collected_in_the_midst_of_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pursuit, "Place", Collecting)
    dispatcher = Dispatcher(Always(POOL), reliability=Reliability(limits=Limits(places=2)))
    models = Models("answers", "answers")

    async def calls() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        for _ in range(10):
            forgotten = [asyncio.ensure_future(ask("forgotten", dispatcher, models)) for _ in "ab"]
            await asyncio.sleep(0)
            del forgotten
            await asyncio.gather(*(ask("arun", dispatcher, models) for _ in range(4)))

    thread = threading.Thread(target=asyncio.run, args=(calls(),), daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()
