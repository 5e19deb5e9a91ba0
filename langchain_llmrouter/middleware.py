"""The router as middleware of an agent: the agent's other parts see the chosen model itself."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Final, NotRequired

from langchain.agents.middleware import AgentMiddleware, AgentState, ModelRequest, ModelResponse
from langchain.agents.middleware.types import ExtendedModelResponse, PrivateStateAttr
from langchain.agents.structured_output import ToolStrategy
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables.config import ensure_config
from langgraph.types import Command

from langchain_llmrouter.authors import Authors
from langchain_llmrouter.bubble import carried, delivered
from langchain_llmrouter.cache_markers import fitted
from langchain_llmrouter.delegation import answer_of, unstreamed
from langchain_llmrouter.messages import RECORD, query_of
from langchain_llmrouter.routing import Memories, Routing, check_models, wishes_of
from langchain_llmrouter.tools import needs_of, reserved_of, shown, structure_of
from shared_core.decision import Answer, RoutingDecision
from shared_core.errors import AllModelsFailed, ConfigError, own_errors
from shared_core.query import Query
from shared_core.routers.base import Router
from shared_core.routers.sticky import Mode

_OPTIONS: Final = ("failover", "failover_on", "reliability", "listeners")

_REMEMBERED: Final = 256

Request = ModelRequest[Any]
Response = ModelResponse[Any]


def _latest(old: Any, new: Any) -> Any:
    """What a step ends with, of the decisions of several routers in an agent."""
    return new


class RouterState(AgentState[Any]):
    """The agent's state with the latest decision, which neither input nor output shows."""

    llm_router: NotRequired[Annotated[dict[str, Any], PrivateStateAttr, _latest]]


@dataclass
class _Step:
    """One step of an agent, which an outer middleware may run again.

    Args:
        model: the model it began with.
        failed: models that failed in it.
    """

    model: BaseChatModel
    failed: dict[str, str] = field(default_factory=dict)


class _Steps:
    """The steps under way, by the graph's tasks; the oldest are forgotten."""

    def __init__(self) -> None:
        self._by_task: OrderedDict[tuple[str, float | None], _Step] = OrderedDict()
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), ()

    def entered(self, request: Request) -> _Step | None:
        """The call's step; None where another middleware has changed the model since it began."""
        task = request.runtime.execution_info if request.runtime else None
        if task is None:  # outside a graph, no call is known to belong to another
            return _Step(request.model)
        key = (task.task_id, task.node_first_attempt_time)  # a task that is resumed keeps its id
        with self._lock:
            step = self._by_task.setdefault(key, _Step(request.model))
            self._by_task.move_to_end(key)
            if len(self._by_task) > _REMEMBERED:
                self._by_task.popitem(last=False)
        return step if request.model is step.model else None


class LLMRouterMiddleware(AgentMiddleware[AgentState[Any], Any, Any]):
    """Chooses the model of each turn; list it first.

    ::

        agent = create_agent(
            models["large"], tools, middleware=[LLMRouterMiddleware(models, router)]
        )

    Args:
        models: name -> chat model, for exactly the names of the router's pool. The agent's own
            model is asked only when it is one of them.
        router: who decides.
        sticky: when to stay with a conversation's model; see ``StickyRouter``.
        options: ``failover``, ``failover_on``, ``reliability``, ``listeners``: see ``Dispatcher``.

    Within a step, a model that failed is not asked again, and a model that an outer middleware
    puts in place when it runs the step again is left there, so that fallbacks work on either side;
    one put in place before the step's first call counts as the agent's own. The decision is on the
    message and, private, in the state. It names whom the router chose: that an inner middleware
    asked another model instead is not seen.

    Raises:
        ConfigError: models and pool do not match, or an option does not exist.
    """

    state_schema = RouterState

    def __init__(
        self,
        models: Mapping[str, BaseChatModel],
        router: Router,
        *,
        sticky: Mode = "turn",
        **options: Any,
    ) -> None:
        super().__init__()
        if unknown := sorted(set(options) - set(_OPTIONS)):
            raise ConfigError(f"no option {', '.join(unknown)}; there are {', '.join(_OPTIONS)}")
        check_models(models, router)
        for name, model in models.items():
            if not isinstance(model, BaseChatModel):
                raise ConfigError(f"{name} is a {type(model).__name__}; agents take chat models")
        self.models = dict(models)
        self.router = router
        self.sticky: Mode = sticky
        self._options = options
        self._memories = Memories(self.models)
        self._steps = _Steps()
        _ = self._routing  # so that options that do not go together are told of here

    @property
    def _routing(self) -> Routing:
        return self._memories.routing(self.models, self.router, self.sticky, self._options)

    @property
    def _authors(self) -> Authors:
        return Authors(True, self._memories.authors, self.models)

    def wrap_model_call(
        self, request: Request, handler: Callable[[Request], Response]
    ) -> Response | ExtendedModelResponse[Any]:
        """Ask the model that is worth it, and the next when it fails."""
        if (step := self._steps.entered(request)) is None:
            return handler(request)

        def call(name: str) -> Answer:
            with carried():
                return _answer(name, handler(self._for(name, request)))

        def hear(name: str, prompt: str | None = None) -> Answer:
            with unstreamed():
                if prompt is None:
                    return call(name)
                return answer_of(name, self.models[name].invoke(prompt))

        query = self._query(request, step)
        with delivered(), own_errors(), _noted(step):
            decision, answer = self._routing.dispatcher.run(query, call, hear)
        return self._response(step, answer.value, decision, query)

    async def awrap_model_call(
        self, request: Request, handler: Callable[[Request], Awaitable[Response]]
    ) -> Response | ExtendedModelResponse[Any]:
        """``wrap_model_call`` for coroutines."""
        if (step := self._steps.entered(request)) is None:
            return await handler(request)

        async def call(name: str) -> Answer:
            with carried():
                return _answer(name, await handler(self._for(name, request)))

        async def hear(name: str, prompt: str | None = None) -> Answer:
            with unstreamed():
                if prompt is None:
                    return await call(name)
                return answer_of(name, await self.models[name].ainvoke(prompt))

        query = self._query(request, step)
        with delivered(), own_errors(), _noted(step):
            decision, answer = await self._routing.dispatcher.arun(query, call, hear)
        return self._response(step, answer.value, decision, query)

    def _for(self, name: str, request: Request) -> Request:
        """The request as this model is asked it."""
        asked = fitted(request, self.models[name])
        return asked.override(messages=self._authors.handed(asked.messages, name))

    def _query(self, request: Request, step: _Step) -> Query:
        system = [] if request.system_message is None else [request.system_message]
        tools = shown(request.tools)
        given = {**request.model_settings, "tools": tools, "tool_choice": request.tool_choice}
        state: Mapping[str, Any] = request.state
        previous = self._authors.latest(request.messages) or (state.get(RECORD) or {}).get("model")
        query = query_of(
            [*system, *request.messages],
            tools=tools,
            structure=_structure_of(request.response_format),
            needs=(*needs_of(given), *_needs_of_format(request.response_format)),
            reserved_output=reserved_of(request.model_settings),
            previous=previous,
            exclude={} if set(step.failed) >= set(self.models) else dict(step.failed),
            **wishes_of(ensure_config()),
        )
        return self._routing.narrowed(query)

    def _response(
        self, step: _Step, response: Response, decision: RoutingDecision, query: Query
    ) -> ExtendedModelResponse[Any]:
        _note(step, decision.failed)
        final, authors = self._routing.explained(decision, query), self._authors
        told = [
            authors.signed(message, final) if isinstance(message, AIMessage) else message
            for message in response.result
        ]
        recorded = ModelResponse(result=told, structured_response=response.structured_response)
        return ExtendedModelResponse(recorded, Command(update={RECORD: final.to_dict()}))


@contextmanager
def _noted(step: _Step) -> Iterator[None]:
    """The step remembers who failed in it, if all did."""
    try:
        yield
    except AllModelsFailed as error:
        _note(step, error.attempts)
        raise


def _note(step: _Step, attempts: Any) -> None:
    step.failed |= {attempt.model: "failed in this step" for attempt in attempts}


def _needs_of_format(response_format: Any) -> tuple[str, ...]:
    if response_format is None:
        return ()
    if isinstance(response_format, ToolStrategy):
        return ("tools",)
    return ("structured_output",)


def _structure_of(response_format: Any) -> str:
    if isinstance(response_format, ToolStrategy):
        return "".join(str(spec.json_schema) for spec in response_format.schema_specs)
    return "" if response_format is None else structure_of(response_format.schema)


def _answer(model: str, response: Response) -> Answer:
    """What a model answered to an agent: its message's text and size, the whole response."""
    said = next((one for one in response.result if isinstance(one, AIMessage)), None)
    return replace(answer_of(model, said), value=response)
