"""Calls on their way to the chosen model: what the dispatcher asks, in LlamaIndex' terms."""

from __future__ import annotations

from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Generator,
    Mapping,
    Sequence,
)
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

from llama_index.core.base.llms.types import ChatResponse, CompletionResponse
from llama_index.core.llms import LLM

from llamaindex_llmrouter.callbacks import reporting_to
from llamaindex_llmrouter.histories import calls_of
from llamaindex_llmrouter.messages import RESPONSES, field_of, text_of, with_record
from llamaindex_llmrouter.pieces import afrom_first_word, aresumed, from_first_word, resumed
from llamaindex_llmrouter.requests import Request
from shared_core.decision import Answer
from shared_core.dispatch import Dispatcher
from shared_core.errors import own_errors
from shared_core.scorers.base import with_calls
from shared_core.scorers.likelihood import certainty_of

_TOKENS_READ: Final = ("prompt_tokens", "input_tokens")
_TOKENS_WRITTEN: Final = ("completion_tokens", "output_tokens")

Value = TypeVar("Value")


@dataclass(frozen=True)
class Delegation:
    """Hands calls to whichever model the dispatcher asks for.

    A call is a function of the model, such as ``lambda model: model.chat(messages)``.

    Args:
        models: name -> model.
        dispatcher: decides, and goes down the ranking.
    """

    models: Mapping[str, LLM]
    dispatcher: Dispatcher

    def run(self, request: Request, ask: Callable[[LLM], Value]) -> Value:
        """The chosen model's answer, with the decision's record."""
        with own_errors(), self._reporting(request):
            decision, answer = self.dispatcher.run(request.query(), self._call(ask))
        value: Value = answer.value
        request.heard(decision.model, value)
        return with_record(value, decision.to_dict())

    async def arun(self, request: Request, ask: Callable[[LLM], Awaitable[Value]]) -> Value:
        """``run`` for coroutines."""
        with own_errors(), self._reporting(request):
            query = await request.aquery()
            decision, answer = await self.dispatcher.arun(query, self._acall(ask))
        value: Value = answer.value
        request.heard(decision.model, value)
        return with_record(value, decision.to_dict())

    def stream(
        self,
        request: Request,
        ask: Callable[[LLM], Value],
        stream: Callable[[LLM], Generator[Value, None, None]],
    ) -> Generator[Value, None, None]:
        """The chosen model's pieces, each with the record: they are whole answers so far.

        Decides and hears the first piece at once: errors, spans and events are then the caller's,
        even where another thread reads the rest.

        Args:
            request: what to route.
            ask: the same call for the whole answer, for routers that hear answers first.
            stream: the call.
        """
        pieces = self.dispatcher.stream(
            request.query(),
            self._call(ask),
            lambda name: from_first_word(stream(self.models[name])),
        )
        with own_errors(), self._reporting(request):
            first = next(pieces, None)
        return resumed(first, pieces, request.heard)

    async def astream(
        self,
        request: Request,
        ask: Callable[[LLM], Awaitable[Value]],
        stream: Callable[[LLM], Awaitable[AsyncGenerator[Value, None]]],
    ) -> AsyncGenerator[Value, None]:
        """``stream`` for coroutines that return asynchronous generators."""
        query = await request.aquery()
        pieces = self.dispatcher.astream(
            query,
            self._acall(ask),
            lambda name: afrom_first_word(partial(stream, self.models[name])),
        )
        with own_errors(), self._reporting(request):
            first = await anext(pieces, None)
        return aresumed(first, pieces, request.heard)

    def _reporting(self, request: Request) -> AbstractContextManager[None]:
        return reporting_to(request.callbacks, self.models.values())

    def _call(self, ask: Callable[[LLM], Any]) -> Callable[..., Answer]:
        def call(name: str, prompt: str | None = None) -> Answer:
            model = self.models[name]
            return _answer(name, ask(model) if prompt is None else model.complete(prompt))

        return call

    def _acall(self, ask: Callable[[LLM], Awaitable[Any]]) -> Callable[..., Awaitable[Answer]]:
        async def call(name: str, prompt: str | None = None) -> Answer:
            model = self.models[name]
            asked = ask(model) if prompt is None else model.acomplete(prompt)
            return _answer(name, await asked)

        return call


def _answer(model: str, value: Any) -> Answer:
    """What a model answered, with the token counts that integrations leave with it."""
    if not isinstance(value, RESPONSES):
        return Answer(model, text_of(value), value)
    logprob, entropy = certainty_of(_tokens_of(value))
    calls = calls_of(value.message) if isinstance(value, ChatResponse) else ()
    return Answer(
        model,
        with_calls(text_of(value), calls),
        value,
        in_tokens=_count(value, _TOKENS_READ),
        out_tokens=_count(value, _TOKENS_WRITTEN),
        logprob=logprob,
        entropy=entropy,
    )


def _count(response: ChatResponse | CompletionResponse, names: Sequence[str]) -> int | None:
    """A count of tokens as told beside the message, else in the raw answer's usage."""
    told = (response.additional_kwargs, field_of(response.raw, "usage"))
    counts = (field_of(usage, name) for usage in told for name in names)
    return next((count for count in counts if isinstance(count, int)), None)


def _tokens_of(response: ChatResponse | CompletionResponse) -> list[Any]:
    """The answer's tokens with their log-probabilities, in the form of OpenAI's API.

    The raw answer knows the token that was taken. ``logprobs`` keeps the likeliest only; the first
    of them stands for it, which is exact where nothing is sampled.
    """
    choices = field_of(response.raw, "choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    if content := field_of(field_of(first, "logprobs"), "content"):
        return list(content)
    tops = [top for top in response.logprobs or () if top]
    return [{"logprob": top[0].logprob, "top_logprobs": top} for top in tops]
