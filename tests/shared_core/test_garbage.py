"""Calls leave no circles of references: full collections would stop every other call meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from shared_core import AllModelsFailed, Always, Answer, Limits, Reliability, TimedOut
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
