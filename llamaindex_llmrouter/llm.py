"""A LlamaIndex LLM that hands every call to the model the router finds worth it.

It delegates the *public* methods, so the chosen model's events are the only ones: calls and tokens
are counted once, tools are described and tool calls read by the model that gets and makes them, and
structured output goes its native way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.llms import LLM
from llama_index.core.tools import BaseTool

from llamaindex_llmrouter.chats import ChatMethods
from llamaindex_llmrouter.prompts import PromptMethods
from llamaindex_llmrouter.requests import Request
from llamaindex_llmrouter.tool_calls import ToolMethods
from shared_core.decision import RoutingDecision
from shared_core.encoders.base import Encoder
from shared_core.pool import ModelPool
from shared_core.routers.base import Router
from shared_core.routers.sticky import untraced

_CONFIGURED: Final = ("sticky", "failover", "metadata_mode")


class RouterLLM(ChatMethods, ToolMethods, PromptMethods):
    """Answers every call with the model of a pool that is worth it.

    ::

        llm = RouterLLM(
            models={"small": OpenAI(model="…"), "large": OpenAI(model="…")},
            router=KNNRouter.load("my-router"),
        )
        answer = llm.complete("What is 2 + 2?")
        answer.additional_kwargs["llm_router"]["model"]

    Args:
        models: name -> LLM, for exactly the names of the router's pool. What a candidate does not
            say of window and tools is read off the LLM's metadata, once.
        router: who decides.
        sticky: when to stay with a conversation's model; see ``StickyRouter``.
        failover: ask the next of the ranking when a model fails before it said anything.
        failover_on: errors that count as a model's failure.
        reliability: time limits, retries, breakers, cost cap; see ``Reliability``.
        listeners: told what happens; see ``RoutingEvent``.
        metadata_mode: ``conservative`` reports the smallest context window of the pool, ``union``
            the largest; either way only models whose window is large enough are asked.
        callback_manager: lent to models that have no handlers of their own.

    The decision is in ``additional_kwargs["llm_router"]`` of the response, of every one when
    streaming. Keywords of any call: ``llm_router_model`` forces a model; those of
    ``llm_router_conversation``, ``llm_router_tags``, ``llm_router_cost_weight``,
    ``llm_router_deadline`` and ``llm_router_max_cost`` are the query's. No model receives them. In
    calls with a prompt template that has a ``query_str``, that is the text to judge, not the
    documents around it.

    A model of another provider than that of an earlier answer receives the history repaired: new
    ids for tool calls and their results, no thinking. Where nobody remembers who answered, that
    goes for answers with ids no other provider takes, and with signed thinking once their tool
    loop is closed.

    A pickle of it takes models, router and options along, but no callback manager and no memories.

    When every model fails, a call raises the last one's own error, so that what handles that error
    goes on to; a note on it, and the AllModelsFailed that is its ``__context__``, tell of all.

    Raises:
        ConfigError: models and pool do not match, or an option does not exist here.
    """

    def __init__(self, models: Mapping[str, LLM], router: Router, **options: Any) -> None:
        super().__init__(models=models, router=router, **options)

    @classmethod
    def class_name(cls) -> str:
        return "RouterLLM"

    @classmethod
    def from_artifact(
        cls,
        folder: str | Path,
        models: Mapping[str, LLM],
        *,
        pool: ModelPool | None = None,
        encoder: Encoder | None = None,
        **options: Any,
    ) -> Self:
        """The LLM of a saved router; see ``Router.load`` and the class's arguments."""
        return cls(models, Router.load(folder, pool, encoder), **options)

    def to_config(self, folder: str | Path) -> dict[str, Any]:
        """Save the router to ``folder``; everything ``from_config`` takes but the models.

        JSON-ready. Neither models nor what belongs to them, such as keys, are in it; nor are
        listeners, limits and error classes, which are code.
        """
        options = {name: getattr(self, name) for name in _CONFIGURED}
        return {"router": str(self.router.save(folder)), "options": options}

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], models: Mapping[str, LLM], **options: Any
    ) -> Self:
        """The LLM that ``to_config`` describes, over these models."""
        return cls.from_artifact(config["router"], models, **{**config["options"], **options})

    def route(
        self,
        messages: Sequence[ChatMessage] | str,
        tools: Sequence[BaseTool] | None = None,
        **kwargs: Any,
    ) -> RoutingDecision:
        """Decide and call nobody; leaves no trace.

        Args:
            messages: the conversation, or a single text.
            tools: tools the model may call.
            kwargs: other arguments of the call; those that begin with ``llm_router_`` have a say.

        Raises:
            ConfigError: the router has to hear answers before it can decide.
            NoEligibleModel: no model can serve this call.
        """
        query = self._dry(messages, tools, kwargs).query()
        return self._deciding.route(untraced(self._deciding, query))

    async def aroute(
        self,
        messages: Sequence[ChatMessage] | str,
        tools: Sequence[BaseTool] | None = None,
        **kwargs: Any,
    ) -> RoutingDecision:
        """``route`` without blocking the event loop."""
        query = await self._dry(messages, tools, kwargs).aquery()
        return await self._deciding.aroute(untraced(self._deciding, query))

    def _dry(
        self,
        messages: Sequence[ChatMessage] | str,
        tools: Sequence[BaseTool] | None,
        kwargs: Mapping[str, Any],
    ) -> Request:
        asked = [ChatMessage(messages)] if isinstance(messages, str) else messages
        return self._chat_request(asked, kwargs, tools=tools or ())[0]
