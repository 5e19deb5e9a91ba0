"""A stream of typed events, ``version="v3"``, that relays those of whichever model is chosen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import aclosing
from itertools import chain
from typing import Any

from langchain_core.language_models.chat_model_stream import AsyncChatModelStream, ChatModelStream

from langchain_llmrouter.authors import Authors
from langchain_llmrouter.delegation import message_of
from langchain_llmrouter.exchange import Form
from langchain_llmrouter.typed_events import events_of
from shared_core.decision import RoutingDecision
from shared_core.dispatch import Streamed

Events = Sequence[Any]


def relayed(pieces: Generator[Events]) -> ChatModelStream:
    """The events of these pieces as a stream; the first has come, so failover is over."""
    events = chain.from_iterable(pieces)
    stream = ChatModelStream()
    stream.dispatch(next(events))

    def pump() -> bool:
        try:
            event = next(events)
            if event["event"] == "message-finish":  # nobody asks for more: all runs end here
                list(events)
        except StopIteration:
            return False
        except BaseException as error:  # noqa: BLE001 - raised where the stream is read
            stream.fail(error)
            return False
        stream.dispatch(event)
        return True

    stream.set_request_more(pump)
    return stream


async def arelayed(pieces: AsyncGenerator[Events]) -> AsyncChatModelStream:
    """``relayed`` for coroutines: as a model's own stream, it goes on while nobody reads."""
    events = _aevents(pieces)
    return _Relay(await anext(events), events)


class _Relay(AsyncChatModelStream):
    """A stream that a task fills.

    Args:
        first: the first event.
        rest: the others.
    """

    def __init__(self, first: Any, rest: AsyncGenerator[Any]) -> None:
        super().__init__()
        self.dispatch(first)
        self._rest = rest
        self._relaying = asyncio.create_task(self._relay())

    async def aclose(self) -> None:
        """Cancel the task, and the model's stream with it."""
        self._relaying.cancel()
        await asyncio.wait((self._relaying,))
        await self._rest.aclose()
        if not self.done:  # the task was cancelled before it began
            self.fail(asyncio.CancelledError())

    async def _relay(self) -> None:
        try:
            async for event in self._rest:
                if event["event"] == "message-finish":
                    _ = [event async for event in self._rest]
                self.dispatch(event)
        except BaseException as error:
            self.fail(error)
            if not isinstance(error, Exception):
                raise


async def _aevents(pieces: AsyncGenerator[Events]) -> AsyncGenerator[Any]:
    async with aclosing(pieces):
        async for events in pieces:
            for event in events:
                yield event


def _told(streamed: Streamed[Any]) -> Events:
    """A piece is an event; an answer that was heard whole is told as all of its own."""
    answer = streamed.decision.answer
    if answer is None:
        return (streamed.piece,)
    return tuple(events_of(message_of(answer.value, answer.model)))


def _message_of(pieces: Sequence[Events]) -> Any:
    """The message that these events tell; None where it did not come to its end."""
    stream = ChatModelStream()
    for event in chain.from_iterable(pieces):
        stream.dispatch(event)
    return stream.output_message


def events_signed_by(authors: Authors) -> Form:
    """Events as they come; who wrote the message is remembered."""

    def noted(events: Events, decision: RoutingDecision) -> Events:
        for event in events:
            if event["event"] == "message-start":
                authors.note(event.get("id"), decision.model)
        return events

    return Form(message_of, _told, noted, total=_message_of, as_events=True)
