"""A LangChain chat model that hands every call to the model the router finds worth it."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.language_models.model_profile import ModelProfile
from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.utils import ConfigurableFieldSpec
from pydantic import ConfigDict, Field, model_validator

from langchain_llmrouter.authors import Authors
from langchain_llmrouter.chats import ChatMethods
from langchain_llmrouter.delegation import AnyRunnable
from langchain_llmrouter.exchange import Exchange
from langchain_llmrouter.members import Members
from langchain_llmrouter.messages import turn_of
from langchain_llmrouter.options import SET_ON_EACH, check_options, reliability_of
from langchain_llmrouter.portable import LLM_TYPE
from langchain_llmrouter.profiles import ProfileMode, facts_of, pool_profile
from langchain_llmrouter.routing import CONFIG_SPECS, check_models
from langchain_llmrouter.tools import shown
from shared_core.decision import RoutingDecision
from shared_core.encoders.base import Encoder
from shared_core.errors import ConfigError
from shared_core.events import Listener
from shared_core.pool import ModelPool
from shared_core.query import estimate_tokens
from shared_core.reliability import Reliability
from shared_core.routers.base import Router
from shared_core.routers.sticky import Mode

_DISTRIBUTION: Final = "llmrouter-integrations"
_VERSION: Final = importlib.metadata.version(_DISTRIBUTION)
_OPTIONS: Final = ("failover", "failover_on", "listeners")


class ChatLLMRouter(ChatMethods):
    """Answers every call with the model of a pool that is worth it.

    ::

        router = ChatLLMRouter(
            models={"small": ChatOpenAI(model="…"), "large": ChatOpenAI(model="…")},
            router=KNNRouter.load("my-router"),
        )
        answer = router.invoke("What is 2 + 2?")
        answer.response_metadata["llm_router"]["model"]

    Args:
        models: name -> chat model (or a runnable that answers like one), for exactly the names of
            the router's pool. What their profiles say they cannot do, they are not asked to do;
            what is set on the router's candidates comes first.
        router: who decides.
        sticky: when to stay with a conversation's model; see ``StickyRouter``.
        failover: ask the next of the ranking when a model fails before it said anything.
        failover_on: errors that count as a model's failure.
        reliability: time limits, retries and a deadline; ``timeout`` (seconds for each attempt) and
            ``max_retries`` are short for the usual ones.
        listeners: told what happens; see ``RoutingEvent``.
        record: whether answers carry the decision. Without it they are just what the model made;
            the decision is in the router's run and its events, and who wrote which message is
            remembered for an hour.
        profile_mode: whether ``profile`` has the limits of the smallest model, or, ``union``, those
            of the largest.
        temperature, max_tokens, stop: handed on with every call, where given.
        cache, output_version, streaming: set on the models that have no cache of their own, and on
            those that can stream.

    The decision is in ``response_metadata["llm_router"]`` of the answer, of exactly one chunk when
    streaming, unless ``record`` is False; ``stream_events(version="v3")`` has it in the router's
    run only. Where the chosen model is a router, too, its decision is in that one as ``inner``.

    One call is forced to a model by ``model="name"`` or ``config={"configurable":
    {"llmrouter_model": "name"}}``; ``llmrouter_cost_weight``, ``llmrouter_deadline``,
    ``llmrouter_max_cost`` and ``llmrouter_tags`` beside it are for one call, too; another key that
    begins so is an error. As any config they reach the routers in tools and subagents, too: a chain
    or agent that is not meant gets ``.with_config(configurable={"llmrouter_model": None})``.

    When every model fails, a call raises the last one's own error, so that what handles that error
    goes on to; a note on it, and the AllModelsFailed that is its ``__context__``, tell of all.

    Raises:
        ConfigError: models and pool do not match, or an option does not exist.
    """

    models: Members = Field(exclude=True, repr=False, frozen=True)
    router: Router = Field(exclude=True, repr=False)
    sticky: Mode = "turn"
    failover: bool = True
    failover_on: tuple[type[Exception], ...] = Field(default=(Exception,), exclude=True, repr=False)
    reliability: Reliability = Field(default=Reliability(), exclude=True, repr=False)
    listeners: tuple[Listener, ...] = Field(default=(), exclude=True, repr=False)
    record: bool = True
    profile_mode: ProfileMode = "conservative"
    model: str = "llmrouter"
    temperature: float | None = None
    max_tokens: int | None = None
    stop: list[str] | None = None
    streaming: bool | None = None
    timeout: float | None = None
    max_retries: int | None = None

    model_config = ConfigDict(arbitrary_types_allowed=True)

    def __init__(self, models: Mapping[str, AnyRunnable], router: Router, **options: Any) -> None:
        check_models(models, router)
        given = check_options(type(self), options)
        if (name := given.get("model")) in models:
            raise ConfigError(
                f"model is what the router itself is called; bind(model={name!r}) forces {name}"
            )
        wanted = {name: given.get(name) for name in SET_ON_EACH}
        members = models if isinstance(models, Members) else Members(models, wanted)
        super().__init__(models=members.with_options(wanted), router=router, **given)
        _ = self._exchange  # so that options that do not go together are told of here

    @model_validator(mode="after")
    def _note_llmrouter_version(self) -> Self:
        if hasattr(self, "_add_version"):
            self._add_version(_DISTRIBUTION, _VERSION)
        return self

    @property
    def _exchange(self) -> Exchange:
        """What carries calls out, with the options as they are now."""
        options = {name: getattr(self, name) for name in _OPTIONS}
        options["reliability"] = reliability_of(self.reliability, self.timeout, self.max_retries)
        set_here = self.model_fields_set.intersection(SET_ON_EACH)
        wanted = {name: getattr(self, name) for name in set_here}
        models, memories = self.models.with_options(wanted), self.models.memories
        routing = memories.routing(models, self.router, self.sticky, options)
        authors = Authors(self.record, memories.authors, models)
        return Exchange(self, routing, authors, self.defaults)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with other options; its breakers and conversations are this one's, unless deep."""
        changed = dict(update or {})
        if not isinstance(models := changed.get("models", self.models), Members):
            changed["models"] = Members(models, {})
        return super().model_copy(update=changed, deep=deep)

    @classmethod
    def from_artifact(
        cls,
        folder: str | Path,
        models: Mapping[str, AnyRunnable],
        *,
        pool: ModelPool | None = None,
        encoder: Encoder | None = None,
        **options: Any,
    ) -> Self:
        """The chat model of a saved router; see ``Router.load`` and the class's arguments."""
        return cls(models=models, router=Router.load(folder, pool, encoder), **options)

    def to_config(self, folder: str | Path) -> dict[str, Any]:
        """Save the router to ``folder``; everything ``from_config`` takes but the models.

        JSON-ready. Neither models nor what belongs to them, such as keys, are in it; nor are
        listeners, limits and error classes, which are code.
        """
        own = {"models", "router", "profile", *BaseChatModel.model_fields}
        fields = self.model_dump(exclude=own, exclude_defaults=True)
        return {"router": str(self.router.save(folder)), "options": fields}

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], models: Mapping[str, AnyRunnable], **options: Any
    ) -> Self:
        """The chat model that ``to_config`` describes, over these models."""
        return cls.from_artifact(config["router"], models, **{**config["options"], **options})

    def route(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> RoutingDecision:
        """Decide and call nobody; leaves no trace.

        Raises:
            ConfigError: the router has to hear answers before it can decide.
            NoEligibleModel: no model can serve this input.
        """
        routing, query = self._exchange.routing, self._exchange.query(input, config, kwargs)
        return routing.explained(routing.router.route(query), query)

    async def aroute(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> RoutingDecision:
        """``route`` without blocking the event loop."""
        routing, query = self._exchange.routing, self._exchange.query(input, config, kwargs)
        return routing.explained(await routing.router.aroute(query), query)

    def get_num_tokens(self, text: str) -> int:
        """Rough upper estimate, offline: the pool's models differ in their tokenizers."""
        if self.custom_get_token_ids is not None:
            return len(self.custom_get_token_ids(text))
        return estimate_tokens(text)

    def get_num_tokens_from_messages(
        self, messages: list[BaseMessage], tools: Sequence[Any] | None = None
    ) -> int:
        """Rough upper estimate, offline, of messages and tools."""
        told = "".join(map(str, shown(tools or ())))
        turns = [turn_of(message) for message in messages]
        if self.custom_get_token_ids is not None:
            texts = (*(turn.text for turn in turns), told)
            return sum(len(self.custom_get_token_ids(text)) for text in texts)
        return sum(turn.size for turn in turns) + (estimate_tokens(told) if told else 0)

    @property
    def config_specs(self) -> list[ConfigurableFieldSpec]:
        """What ``config["configurable"]`` may hold."""
        return list(CONFIG_SPECS)

    @property
    def defaults(self) -> dict[str, Any]:
        """Options that go with every call."""
        given = {
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            "stop": self.stop or None,
        }
        return {name: value for name, value in given.items() if value is not None}

    def _resolve_model_profile(self) -> ModelProfile | None:
        facts = {name: facts_of(model) for name, model in self.models.items()}
        return pool_profile(self.router.pool.completed(facts), self.models, self.profile_mode)

    @property
    def _llm_type(self) -> str:
        return LLM_TYPE

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "models": list(self.router.pool),
            "router": type(self.router).__name__,
        }
