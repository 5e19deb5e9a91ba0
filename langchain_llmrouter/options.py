"""The chat model's options: which there are, and how those of a model reach the pool's models."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Final

from langchain_core.caches import BaseCache
from langchain_core.globals import get_llm_cache
from langchain_core.language_models import BaseChatModel
from langchain_core.outputs import Generation
from pydantic import BaseModel

from langchain_llmrouter.delegation import AnyRunnable
from shared_core.errors import ConfigError
from shared_core.reliability import Limits, Reliability, Retry

SET_ON_EACH: Final = ("cache", "output_version", "streaming")
"""Options of a chat model that are set on the pool's models."""


def check_options(model_class: type[BaseModel], options: Mapping[str, Any]) -> dict[str, Any]:
    """The options without those that mean nothing to a router; an unknown one is an error."""
    own = set(model_class.model_fields) - {"models", "router"}
    if unknown := sorted(set(options) - own - {"api_key"}):
        raise ConfigError(f"ChatLLMRouter has no option {', '.join(unknown)}; it has {sorted(own)}")
    if options.get("api_key") is not None:
        warnings.warn(
            "api_key has no effect on a router: set it on the models", UserWarning, stacklevel=3
        )
    return {name: value for name, value in options.items() if name != "api_key"}


def configured(
    models: Mapping[str, AnyRunnable], wanted: Mapping[str, Any]
) -> dict[str, AnyRunnable]:
    """The models as they are to be called: with the router's cache, output version, streaming.

    A model's own cache stays. Models that a cache would take for the same get a corner each, so
    that none is answered for by another.
    """
    changed = {name: _with_options(name, model, wanted) for name, model in models.items()}
    twins = _twins(changed)
    return {
        name: _with_corner(name, model) if name in twins else model
        for name, model in changed.items()
    }


def reliability_of(
    given: Reliability, timeout: float | None, max_retries: int | None
) -> Reliability:
    """How hard to try, with LangChain's usual ``timeout`` and ``max_retries`` where given."""
    if timeout is None and max_retries is None:
        return given
    if given != Reliability():
        raise ConfigError("give either reliability, or timeout and max_retries")
    retry = Retry(attempts=1 + (max_retries or 0))
    return Reliability(limits=Limits(timeout=timeout, retry=retry))


def _with_options(name: str, model: AnyRunnable, wanted: Mapping[str, Any]) -> AnyRunnable:
    fields = dict(wanted)
    if getattr(model, "cache", None) is not None:
        fields.pop("cache", None)
    if "streaming" in fields and "streaming" not in getattr(type(model), "model_fields", ()):
        fields.pop("streaming")
    if not fields:
        return model
    if not isinstance(model, BaseChatModel):
        told = f"{', '.join(fields)} cannot be set on {name}, a {type(model).__name__}"
        raise ConfigError(f"{told}: set it on the chat model inside")
    return model.model_copy(update=fields)


def _twins(models: Mapping[str, AnyRunnable]) -> set[str]:
    """Models that a cache would take for another: same class, same parameters."""
    keys = {
        name: (type(model), model._get_llm_string())
        for name, model in models.items()
        if isinstance(model, BaseChatModel) and model.cache is not False
    }
    different = {(key, id(models[name])) for name, key in keys.items()}
    seen = [key for key, _ in different]
    return {name for name, key in keys.items() if seen.count(key) > 1}


def _with_corner(name: str, model: AnyRunnable) -> AnyRunnable:
    assert isinstance(model, BaseChatModel)  # noqa: S101 - only chat models are twins
    return model.model_copy(update={"cache": Corner(name, model.cache)})


class Corner(BaseCache):
    """One model's part of a cache: its own, or the global one of the moment.

    Args:
        name: the model's.
        cache: shared with others; the global one when not given, and when ``True``, which takes
            that there is one.
    """

    def __init__(self, name: str, cache: BaseCache | bool | None) -> None:
        self._name = name
        self._cache = cache

    @property
    def _shared(self) -> BaseCache | None:
        if isinstance(self._cache, BaseCache):
            return self._cache
        if (shared := get_llm_cache()) is None and self._cache:
            raise ConfigError("cache=True is for the global cache: there is none; set_llm_cache()")
        return shared

    def lookup(self, prompt: str, llm_string: str) -> Sequence[Generation] | None:
        """The cached answer of this model."""
        shared = self._shared
        return None if shared is None else shared.lookup(prompt, f"{self._name}:{llm_string}")

    def update(self, prompt: str, llm_string: str, return_val: Sequence[Generation]) -> None:
        """Keep this model's answer."""
        if (shared := self._shared) is not None:
            shared.update(prompt, f"{self._name}:{llm_string}", return_val)

    async def alookup(self, prompt: str, llm_string: str) -> Sequence[Generation] | None:
        """``lookup`` for coroutines."""
        shared = self._shared
        key = f"{self._name}:{llm_string}"
        return None if shared is None else await shared.alookup(prompt, key)

    async def aupdate(self, prompt: str, llm_string: str, return_val: Sequence[Generation]) -> None:
        """``update`` for coroutines."""
        if (shared := self._shared) is not None:
            await shared.aupdate(prompt, f"{self._name}:{llm_string}", return_val)

    def clear(self, **kwargs: Any) -> None:
        """Clear the shared cache."""
        if (shared := self._shared) is not None:
            shared.clear(**kwargs)
