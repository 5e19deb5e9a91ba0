"""What a call amounts to: the request to route, and what to hand on to the chosen model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.prompts import BasePromptTemplate
from pydantic import BaseModel

from llamaindex_llmrouter.base import RouterBase
from llamaindex_llmrouter.messages import count_tokens, query_of, structure_of
from llamaindex_llmrouter.requests import PREFIX, Conversation, Heard, Request, split, unheard
from shared_core.errors import ConfigError
from shared_core.query import Query

Prompt = TypeVar("Prompt", bound=BasePromptTemplate)


class Intake(RouterBase):
    """Turns the arguments of each kind of call into a request."""

    def _chat_request(
        self,
        messages: Sequence[ChatMessage],
        kwargs: Mapping[str, Any],
        **about: Any,
    ) -> tuple[Request, Conversation, dict[str, Any]]:
        """A conversation to route, and the keyword arguments to hand on."""
        own, options = split(kwargs)
        if isinstance(messages, str):
            raise ConfigError("a chat takes a list of ChatMessage; for one text there is complete")
        conversation = Conversation(messages, self._authors, self._providers)
        about |= _of_call(options) | own
        tools = about.get("tools") or ()
        if tools:  # whatever a candidate says of itself
            about["exclude"] = self._unable
        query = conversation.query(**about)
        return self._request(query, messages, tools, conversation.note), conversation, options

    def _text_request(
        self, prompt: str, formatted: bool, kwargs: Mapping[str, Any]
    ) -> tuple[Request, dict[str, Any]]:
        """A text to route, and the keyword arguments to hand on: those the caller gave."""
        own, options = split({**kwargs, "formatted": True} if formatted else kwargs)
        return self._request(query_of(prompt, **_of_call(options), **own), prompt), options

    def _prompt_request(
        self, prompt: Prompt, prompt_args: Mapping[str, Any], **about: Any
    ) -> tuple[Request, Prompt, dict[str, Any]]:
        """A prompt to route, and the prompt and its arguments to hand on."""
        own, args = split(prompt_args)
        prompt = _mapped_once(prompt)
        messages = prompt.format_messages(llm=self, **args)
        if isinstance(text := {**prompt.kwargs, **args}.get("query_str"), str):
            about["text"] = text
        conversation = Conversation(messages, self._authors, self._providers)
        query = conversation.query(**about, **own)
        told = (about.get("structure", ""),)
        return self._request(query, messages, told, conversation.note), prompt, args

    def _structured_request(
        self,
        output_cls: type[BaseModel],
        prompt: Prompt,
        llm_kwargs: Mapping[str, Any] | None,
        prompt_args: Mapping[str, Any],
    ) -> tuple[Request, Prompt, dict[str, Any] | None, dict[str, Any]]:
        """The request, the prompt, the keyword arguments for the model and those for the prompt."""
        own, extra = split(llm_kwargs or {})
        about: dict[str, Any] = {
            "needs": ["structured_output"],
            "structure": structure_of(output_cls),
        }
        ours = {PREFIX + name: value for name, value in own.items()}
        about |= _of_call(extra)
        request, prompt, args = self._prompt_request(prompt, {**prompt_args, **ours}, **about)
        return request, prompt, None if llm_kwargs is None else extra, args

    def _request(
        self,
        query: Query,
        said: Sequence[ChatMessage] | str,
        told: Sequence[Any] = (),
        heard: Heard = unheard,
    ) -> Request:
        """The query as a request; its size is counted where the estimate decides who has room.

        Prompts and histories that LlamaIndex packs fill a window to the last token.

        Args:
            query: what is asked.
            said: the conversation, or the text.
            told: tools, or a structure, that the model is told of beside it.
            heard: told which model answered, and what.
        """
        output = query.reserved_output or 0
        least, most = query.sure_tokens + output, query.input_tokens + output
        is_close = any(least <= window < most for window in self._windows)
        count = partial(count_tokens, said, told) if is_close else None
        return Request(query, self._known, self.callback_manager, count, heard)


def _mapped_once(prompt: Prompt) -> Prompt:
    """The prompt for one call: what its functions give is kept, for it is formatted twice.

    Once to be judged, once by the model; such a function may well be a retrieval.
    """
    if not (functions := prompt.function_mappings):
        return prompt
    once = {name: _once(function) for name, function in functions.items()}
    return prompt.model_copy(update={"function_mappings": once})


def _once(function: Callable[..., Any]) -> Callable[..., Any]:
    given: list[Any] = []

    def kept(**args: Any) -> Any:
        if not given:
            given.append(function(**args))
        return given[0]

    return kept


def _of_call(options: Mapping[str, Any]) -> dict[str, Any]:
    """What the keyword arguments of a call say about the query; a limit only if it is a number."""
    limit = options.get("max_tokens")
    said = {
        "reserved_output": limit if isinstance(limit, int) else None,
        "tools": options.get("tools"),
    }
    return {name: value for name, value in said.items() if value}
