"""What the router adds to a call in LangChain, over the bare model and beside a peer.

    python benchmarks/langchain_overhead.py

Medians of interleaved rounds in one run; the decision itself is measured apart and taken off.
``langchain-model-router`` is compared where it is installed. Of many calls at once, the longest gap
is told twice: as the process is, where Python's garbage collector may walk everything that was
loaded once in the middle of it, and with that heap frozen (``gc.freeze``), as servers do at start.
"""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import statistics
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from langchain_llmrouter import Always, ChatLLMRouter, query_of

ROUNDS = 400
CHUNKS = 1000
CONCURRENT = 1000


class Instant(BaseChatModel):
    """Answers at once; asynchronously after ``pause`` seconds."""

    model: str
    pause: float = 0.0

    @property
    def _llm_type(self) -> str:
        return "instant"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": self.model}

    def _generate(self, *_: Any, **__: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage("hello"))])

    async def _agenerate(self, *_: Any, **__: Any) -> ChatResult:
        if self.pause:
            await asyncio.sleep(self.pause)
        return self._generate()

    def _stream(self, *_: Any, **__: Any) -> Iterator[ChatGenerationChunk]:
        for _number in range(CHUNKS):
            yield ChatGenerationChunk(message=AIMessageChunk("x"))

    async def _astream(self, *_: Any, **__: Any) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in self._stream():
            yield chunk


def subjects(pause: float = 0.0) -> dict[str, Any]:
    """The bare model, the router, and the peer where there is one."""
    models = {name: Instant(model=name, pause=pause) for name in ("a", "b")}
    found: dict[str, Any] = {
        "bare model": models["a"],
        "ChatLLMRouter": ChatLLMRouter(models=models, router=Always(models)),
    }
    if importlib.util.find_spec("langchain_model_router"):
        from langchain_model_router import ChatRouter

        found["langchain-model-router"] = ChatRouter(
            routes=models, default_route="a", strategy=lambda request: "a"
        )
    return found


def medians(calls: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Median seconds of each, taken in turns."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            began = time.perf_counter()
            call()
            taken[name].append(time.perf_counter() - began)
    return {name: statistics.median(each) for name, each in taken.items()}


async def amedians(calls: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """``medians`` of coroutines."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            began = time.perf_counter()
            await call()
            taken[name].append(time.perf_counter() - began)
    return {name: statistics.median(each) for name, each in taken.items()}


def tell(form: str, found: dict[str, float], per: int = 1, less: float = 0.0) -> None:
    """One line: the bare call, and what each adds to it, in microseconds."""
    bare = found.pop("bare model")
    added = {name: (value - bare - less) / per * 1e6 for name, value in found.items()}
    told = ", ".join(f"{name} +{value:.1f}" for name, value in added.items())
    print(f"{form:8} bare {bare / per * 1e6:7.1f} µs; {told}")


async def crowd(chat: Any) -> tuple[float, float]:
    """Seconds for many calls at once, and the longest the loop kept something else waiting."""
    gaps: list[float] = []

    async def watch() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0)
            gaps.append(time.perf_counter() - began)

    await chat.ainvoke("hi")  # what is loaded once is not counted
    watching = asyncio.create_task(watch())
    began = time.perf_counter()
    await asyncio.gather(*(chat.ainvoke("hi") for _ in range(CONCURRENT)))
    watching.cancel()
    return time.perf_counter() - began, max(gaps)


async def drain(chat: Any) -> None:
    """Read a stream to its end."""
    async for _ in chat.astream("hi"):
        pass


def main() -> None:
    """Measure and tell."""
    chats = subjects()
    chats["ChatLLMRouter"].invoke("hi")
    decision = medians({"": lambda: chats["ChatLLMRouter"].router.route("hi")}, ROUNDS)[""]
    print(f"a decision of {type(chats['ChatLLMRouter'].router).__name__}: {decision * 1e6:.1f} µs")
    made = {name: (lambda chat=chat: chat.invoke("hi")) for name, chat in chats.items()}
    tell("invoke", medians(made, ROUNDS), less=decision)
    amade = {name: (lambda chat=chat: chat.ainvoke("hi")) for name, chat in chats.items()}
    tell("ainvoke", asyncio.run(amedians(amade, ROUNDS)), less=decision)
    streamed = {name: (lambda chat=chat: list(chat.stream("hi"))) for name, chat in chats.items()}
    tell("chunk", medians(streamed, 20), per=CHUNKS)
    astreamed = {name: (lambda chat=chat: drain(chat)) for name, chat in chats.items()}
    tell("achunk", asyncio.run(amedians(astreamed, 20)), per=CHUNKS)
    messages = chats["bare model"]._convert_input("hi").to_messages()
    asked = medians({"": lambda: query_of(messages)}, ROUNDS)[""]
    print(f"a query of one message: {asked * 1e6:.1f} µs")
    for heap in ("heap as it is", "heap frozen"):
        for name, chat in subjects(pause=0.05).items():
            seconds, gap = asyncio.run(crowd(chat))
            told = f"{seconds:.2f} s, longest gap {gap * 1e3:.1f} ms"
            print(f"{CONCURRENT} at once, {heap}, {name}: {told}")
        gc.collect()
        gc.freeze()


if __name__ == "__main__":
    main()
