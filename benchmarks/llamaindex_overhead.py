"""What the LlamaIndex adapter adds to a call: RouterLLM over a bare model, in one run.

    python benchmarks/llamaindex_overhead.py

The model answers at once and from memory. Each figure is the median over blocks of calls that take
turns, bare and routed, in CPU time of the thread, since nothing is waited for; what deciding takes
is measured by itself and taken off.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, LLMMetadata
from llama_index.core.llms import CustomLLM
from llama_index.core.llms.callbacks import llm_chat_callback

from llamaindex_llmrouter import Always, RouterLLM

BLOCKS = 120
CALLS = 25
PIECES = 400
STREAMS = 60
QUESTION = [ChatMessage("Which of the three is the largest, and why?")]
HISTORY = [
    ChatMessage("Be brief.", role="system"),
    *(
        ChatMessage(f"{role} says {i}", role=role)
        for i in range(5)
        for role in ("user", "assistant")
    ),
    *QUESTION,
]


class Instant(CustomLLM):
    """Answers at once."""

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(context_window=100_000, is_chat_model=True, model_name="instant")

    @llm_chat_callback()
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        return ANSWER

    @llm_chat_callback()
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        return ANSWER

    @llm_chat_callback()
    def stream_chat(
        self, messages: Sequence[ChatMessage], **kwargs: Any
    ) -> Generator[ChatResponse]:
        return (piece for piece in STREAM)

    @llm_chat_callback()
    async def astream_chat(
        self, messages: Sequence[ChatMessage], **kwargs: Any
    ) -> AsyncGenerator[ChatResponse, None]:
        async def pieces() -> AsyncGenerator[ChatResponse, None]:
            for piece in STREAM:
                yield piece

        return pieces()

    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> Any:
        raise NotImplementedError

    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> Any:
        raise NotImplementedError


ANSWER = ChatResponse(message=ChatMessage("The second.", role="assistant"))
STREAM = [ANSWER.model_copy(update={"delta": "x"}) for _ in range(PIECES)]


def main() -> None:
    """Print the table."""
    bare = Instant()
    routed = RouterLLM({"a": bare, "b": Instant()}, Always(["a", "b"]))
    print("call                      bare us   routed us   deciding us   added us")
    for told, messages in (("one message", QUESTION), ("12 messages", HISTORY)):
        query = routed._chat_request(messages, {})[0].query()
        deciding = median(lambda query=query: routed._deciding.route(query))
        show(f"chat, {told}", *by_turns(bare.chat, routed.chat, messages), deciding)
        show(f"achat, {told}", *asyncio.run(by_turns_async(bare, routed, messages)), deciding)
    print("\nper piece of a stream     bare us   routed us                 added us")
    show_pieces("stream_chat", *pieces_by_turns(bare, routed))
    show_pieces("astream_chat", *asyncio.run(pieces_by_turns_async(bare, routed)))


def by_turns(bare: Callable[..., Any], routed: Callable[..., Any], messages: Any) -> list[float]:
    """Median seconds of both calls, made in turns."""
    taken: list[list[float]] = [[], []]
    for _ in range(BLOCKS):
        for call, times in zip((bare, routed), taken, strict=True):
            began = time.thread_time()
            for _call in range(CALLS):
                call(messages)
            times.append((time.thread_time() - began) / CALLS)
    return [statistics.median(times) for times in taken]


async def by_turns_async(bare: Instant, routed: RouterLLM, messages: Any) -> list[float]:
    taken: list[list[float]] = [[], []]
    for _ in range(BLOCKS):
        for model, times in zip((bare, routed), taken, strict=True):
            began = time.thread_time()
            for _call in range(CALLS):
                await model.achat(messages)
            times.append((time.thread_time() - began) / CALLS)
    return [statistics.median(times) for times in taken]


def pieces_by_turns(bare: Instant, routed: RouterLLM) -> list[float]:
    """Median seconds of a piece after the first."""
    taken: list[list[float]] = [[], []]
    for _ in range(STREAMS):
        for model, times in zip((bare, routed), taken, strict=True):
            pieces = model.stream_chat(QUESTION)
            next(pieces)
            times.append(seconds(lambda pieces=pieces: list(pieces)) / (PIECES - 1))
    return [statistics.median(times) for times in taken]


async def pieces_by_turns_async(bare: Instant, routed: RouterLLM) -> list[float]:
    taken: list[list[float]] = [[], []]
    for _ in range(STREAMS):
        for model, times in zip((bare, routed), taken, strict=True):
            pieces = await model.astream_chat(QUESTION)
            await anext(pieces)
            began = time.thread_time()
            async for _piece in pieces:
                pass
            times.append((time.thread_time() - began) / (PIECES - 1))
    return [statistics.median(times) for times in taken]


def median(work: Callable[[], Any]) -> float:
    return statistics.median(seconds(work) for _ in range(BLOCKS * CALLS))


def seconds(work: Callable[[], Any]) -> float:
    began = time.thread_time()
    work()
    return time.thread_time() - began


def show(told: str, bare: float, routed: float, deciding: float) -> None:
    added = routed - bare - deciding
    print(
        f"{told:24}{bare * 1e6:9.1f}{routed * 1e6:12.1f}{deciding * 1e6:14.1f}{added * 1e6:11.1f}"
    )


def show_pieces(told: str, bare: float, routed: float) -> None:
    added = (routed - bare) * 1e6
    print(f"{told:24}{bare * 1e6:9.2f}{routed * 1e6:12.2f}{added:25.2f}")


if __name__ == "__main__":
    gc.freeze()
    main()
