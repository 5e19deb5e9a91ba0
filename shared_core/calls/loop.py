"""Does the steps of a course on an event loop. No rule is in here.

A call without a time limit is awaited where the caller is, so it is cancelled with its caller like
a call by hand; one with a limit is a task of its own, which is cancelled when its time is up.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Final, TypeVar

from shared_core.calls.health import Place
from shared_core.calls.steps import (
    AHEAD,
    END,
    Call,
    Opened,
    Pause,
    Race,
    Steps,
    Think,
    Together,
    Turn,
    Wait,
    no_piece,
    stream_of,
)
from shared_core.calls.workers import Outcome
from shared_core.errors import ConfigError, TimedOut

T = TypeVar("T")

GRACE: Final = 0.02
"""Seconds that a cancelled task gets to end before nobody waits for it any more."""


class OnLoop:
    """Walks a course in the task of its caller.

    Args:
        call: model, and the prompt if there is one -> awaitable answer.
        stream: model -> pieces.
        hear: as ``call``, for the router's ears only.
    """

    def __init__(
        self,
        call: Callable[..., Awaitable[Any]],
        stream: Callable[[str], AsyncIterator[Any]] | None = None,
        hear: Callable[..., Awaitable[Any]] | None = None,
    ) -> None:
        self._call = call
        self._stream = stream
        self._hear = hear or call

    async def walk(self, steps: Steps[T]) -> T:
        """Do the steps one after another, and return what comes of them."""
        try:
            step = next(steps)
            while True:
                try:
                    given = await self._do(step)
                except BaseException as error:  # noqa: BLE001 - the course judges it
                    step = steps.throw(error)
                else:
                    step = steps.send(given)
        except StopIteration as done:
            result: T = done.value
            return result
        finally:
            steps.close()

    async def _do(self, step: Any) -> Any:
        match step:
            case Call(how="stream"):
                return await self._open(step)
            case Call():
                ask = self._hear if step.how == "hear" else self._call
                asked = ask(*step.arguments)
                return await (asked if step.seconds is None else _within(step.seconds(), asked))
            case Think():
                return await _within(step.seconds, asyncio.to_thread(step.work))
            case Wait():
                return await _wait_for(step.place, step.seconds)
            case Turn():
                return await _within(step.seconds, step.ready())
            case Pause():
                return await asyncio.sleep(step.seconds)
            case Together():
                return await self._together(step.courses)
            case Race():
                return await self._race(step.courses, step.delay)

    async def _open(self, call: Call) -> Opened[AsyncIterator[Any]]:
        if self._stream is None:
            raise ConfigError("this course was begun without a way to stream")
        pieces = aiter(self._stream(*call.arguments))
        if call.seconds is not None:
            pieces = Pumped(pieces, call.seconds)
        try:
            return Opened(await anext(pieces, END), pieces)
        except BaseException:
            await aclose(pieces)
            raise

    async def _together(self, courses: Sequence[Steps[Any]]) -> list[Any]:
        tasks = [asyncio.create_task(self.walk(course)) for course in courses]
        try:
            return await asyncio.gather(*tasks)
        finally:
            await _end(*tasks)

    async def _race(self, courses: Sequence[Steps[Any]], delay: float) -> Any:
        waiting, running = list(courses), set[asyncio.Task[Any]]()
        begun, winner = list[asyncio.Task[Any]](), None
        try:
            while waiting or running:
                if waiting:
                    begun.append(asyncio.create_task(self.walk(waiting.pop(0))))
                    running.add(begun[-1])
                timeout = delay if waiting else None
                done, running = await asyncio.wait(
                    running, timeout=timeout, return_when=asyncio.FIRST_COMPLETED
                )
                winner = next((task for task in done if task.result() is not None), None)
                if winner is not None:
                    return winner.result()
            return None
        finally:
            try:
                await _give_up(*(task for task in begun if task is not winner))
            except BaseException:
                await _give_up(*begun)  # nobody will read the winner's stream either
                raise


class Pumped(AsyncIterator[T]):
    """A stream that a task reads from end to end, so that who waits for a piece can stop waiting.

    One task, because libraries tie what they hold open to the task that opened it. What came before
    the deadline is there to be read after it, as far as it is read ahead.

    Args:
        pieces: the stream.
        seconds: what the next piece may take.

    Raises:
        TimedOut: a piece took longer.
    """

    def __init__(self, pieces: AsyncIterator[T], seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._pieces: asyncio.Queue[Outcome[Any]] = asyncio.Queue(AHEAD)
        self._task = asyncio.create_task(_pump(pieces, self._pieces, seconds))

    async def __anext__(self) -> T:
        seconds = self._seconds()
        try:
            async with asyncio.timeout(seconds):
                outcome = await self._pieces.get()
        except TimeoutError:
            await self.aclose()
            raise no_piece(seconds) from None
        try:
            piece = outcome.get()
        finally:
            del outcome
        if piece is END:
            raise StopAsyncIteration
        return piece  # type: ignore[no-any-return]

    async def aclose(self) -> None:
        """Cancel the task."""
        await _end(self._task)


async def _pump(
    pieces: AsyncIterator[Any], into: asyncio.Queue[Outcome[Any]], seconds: Callable[[], float]
) -> None:
    try:
        async for piece in pieces:
            if (left := seconds()) <= 0:
                raise no_piece(left)
            await into.put(Outcome(piece))
    except asyncio.CancelledError:
        raise
    except BaseException as error:  # noqa: BLE001 - handed on, whatever it is
        await into.put(Outcome(error=error))
    else:
        await into.put(Outcome(END))
    finally:
        await aclose(pieces)


async def aclose(pieces: AsyncIterator[Any] | None) -> None:
    """Close a stream, if it is of a kind that can be closed."""
    if (close := getattr(pieces, "aclose", None)) is not None:
        await close()


async def shut(opened: Opened[AsyncIterator[Any]] | None) -> None:
    """Close a stream that was opened, and have its place back."""
    if opened is not None:
        try:
            await aclose(opened.rest)
        finally:
            opened.leave()


async def _within(seconds: float | None, work: Awaitable[T]) -> T:
    if seconds is None:
        return await work
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait((task,), timeout=max(seconds, 0))
        if task.done():
            return task.result()
    finally:
        await _end(task)
        del task  # it holds its error, whose traceback holds this frame
    raise TimedOut(f"no answer within {seconds:.3g} s")


async def _end(*tasks: asyncio.Future[Any]) -> None:
    """Cancel what still runs, and give it the time to end; take note of errors nobody waits for."""
    running = [task for task in tasks if not task.done()]
    for task in running:
        task.cancel()
    if running:
        await asyncio.wait(running, timeout=GRACE)
    for task in tasks:
        task.add_done_callback(_take_note)


async def _give_up(*tasks: asyncio.Task[Any]) -> None:
    """End these, and close the streams of those that had just come to one."""
    await _end(*tasks)
    for task in tasks:
        if task.done() and not task.cancelled() and task.exception() is None:
            await shut(stream_of(task.result()))


def _take_note(task: asyncio.Future[Any]) -> None:
    if not task.cancelled():
        task.exception()


async def _wait_for(place: Place, seconds: float | None) -> None:
    come = asyncio.Event()
    place.wake_by(partial(asyncio.get_running_loop().call_soon_threadsafe, come.set))
    try:
        async with asyncio.timeout(seconds):
            await come.wait()
    except TimeoutError:
        raise TimedOut("no place at the model became free in time") from None
