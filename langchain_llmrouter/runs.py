"""The router's own run in a trace: a chain run that holds the decision.

The chosen model's run is its only model run. A model run of the router's own would count tokens
twice, and could have no child.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, cast

from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import (
    get_async_callback_manager_for_config,
    get_callback_manager_for_config,
)

from langchain_llmrouter.messages import RECORD
from shared_core.decision import RoutingDecision


class OwnRun:
    """The router's run while it is open.

    Args:
        manager: of the run; None where nobody listens.
        config: of the call.
    """

    def __init__(self, manager: Any, config: RunnableConfig) -> None:
        self.manager = manager
        self.config = config if manager is None else _child(config, manager)
        self.decision: RoutingDecision | None = None
        self.is_over = False

    @property
    def outputs(self) -> dict[str, Any]:
        """What the run ends with: the decision, if there was one."""
        return {} if self.decision is None else {RECORD: self.decision.to_dict()}


@contextmanager
def own_run(config: RunnableConfig, name: str, inputs: Mapping[str, Any]) -> Iterator[OwnRun]:
    """The run around a call; it ends with the decision, or with the error that passes through."""
    run = _begin(config, name, inputs)
    if run.manager is None:
        yield run
        return
    try:
        yield run
    except GeneratorExit:  # nobody reads on: no error
        run.manager.on_chain_end(run.outputs)
        raise
    except BaseException as error:
        run.manager.on_chain_error(error)
        raise
    run.manager.on_chain_end(run.outputs)


@asynccontextmanager
async def own_arun(
    config: RunnableConfig, name: str, inputs: Mapping[str, Any]
) -> AsyncIterator[OwnRun]:
    """``own_run`` for coroutines."""
    run = await _abegin(config, name, inputs)
    if run.manager is None:
        yield run
        return
    try:
        yield run
    except GeneratorExit:
        await run.manager.on_chain_end(run.outputs)
        raise
    except BaseException as error:
        await run.manager.on_chain_error(error)
        raise
    await run.manager.on_chain_end(run.outputs)


@contextmanager
def outlived_run(config: RunnableConfig, name: str, inputs: Mapping[str, Any]) -> Iterator[OwnRun]:
    """The run around a call whose answer comes after it has returned: the model's run ends it."""
    run = _begin(config, name, inputs)
    if run.manager is None:
        yield run
        return
    run.config["callbacks"].add_handler(_EndsRun(run), inherit=False)  # type: ignore[union-attr]
    try:
        yield run
    except BaseException as error:
        run.manager.on_chain_error(error)
        raise
    if run.is_over:
        run.manager.on_chain_end(run.outputs)


@asynccontextmanager
async def outlived_arun(
    config: RunnableConfig, name: str, inputs: Mapping[str, Any]
) -> AsyncIterator[OwnRun]:
    """``outlived_run`` for coroutines."""
    run = await _abegin(config, name, inputs)
    if run.manager is None:
        yield run
        return
    run.config["callbacks"].add_handler(_AsyncEndsRun(run), inherit=False)  # type: ignore[union-attr]
    try:
        yield run
    except BaseException as error:
        await run.manager.on_chain_error(error)
        raise
    if run.is_over:
        await run.manager.on_chain_end(run.outputs)


def _begin(config: RunnableConfig, name: str, inputs: Mapping[str, Any]) -> OwnRun:
    """Open a run; where nobody listens, there is none."""
    manager = get_callback_manager_for_config(config)
    if not manager.handlers:
        return OwnRun(None, config)
    return OwnRun(manager.on_chain_start(None, dict(inputs), **_names(config, name)), config)


async def _abegin(config: RunnableConfig, name: str, inputs: Mapping[str, Any]) -> OwnRun:
    """``_begin`` for coroutines."""
    manager = get_async_callback_manager_for_config(config)
    if not manager.handlers:
        return OwnRun(None, config)
    begun = await manager.on_chain_start(None, dict(inputs), **_names(config, name))
    return OwnRun(begun, config)


class _EndsRun(BaseCallbackHandler):
    """Ends the router's run with the model's, where that goes on after the call has returned."""

    def __init__(self, run: OwnRun) -> None:
        self._run = run

    def on_llm_end(self, response: Any, **kwargs: Any) -> None:
        self._run.is_over = True
        if self._run.decision is not None:
            self._run.manager.on_chain_end(self._run.outputs)

    def on_llm_error(self, error: BaseException, **kwargs: Any) -> None:
        if self._run.decision is not None:  # before that, another model may be asked
            self._run.manager.on_chain_error(error)


class _AsyncEndsRun(AsyncCallbackHandler):
    """``_EndsRun`` on an event loop."""

    def __init__(self, run: OwnRun) -> None:
        self._run = run

    async def on_llm_end(self, response: Any, **kwargs: Any) -> None:
        self._run.is_over = True
        if self._run.decision is not None:
            await self._run.manager.on_chain_end(self._run.outputs)

    async def on_llm_error(self, error: BaseException, **kwargs: Any) -> None:
        if self._run.decision is not None:
            await self._run.manager.on_chain_error(error)


def _child(config: RunnableConfig, manager: Any) -> RunnableConfig:
    """The config of a call within the run: its name and id are the run's, not the model's."""
    child = {**config, "callbacks": manager.get_child()}
    child.pop("run_name", None)
    child.pop("run_id", None)
    return cast("RunnableConfig", child)


def _names(config: RunnableConfig, name: str) -> dict[str, Any]:
    return {"name": config.get("run_name") or name, "run_id": config.get("run_id")}
