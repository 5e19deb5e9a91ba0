"""The router's own run in a trace: a chain run that holds the decision.

The chosen model's run is its only model run. A model run of the router's own would count tokens
twice, and could have no child.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, cast

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


def _child(config: RunnableConfig, manager: Any) -> RunnableConfig:
    """The config of a call within the run: its name and id are the run's, not the model's."""
    child = {**config, "callbacks": manager.get_child()}
    child.pop("run_name", None)
    child.pop("run_id", None)
    return cast("RunnableConfig", child)


def _names(config: RunnableConfig, name: str) -> dict[str, Any]:
    return {"name": config.get("run_name") or name, "run_id": config.get("run_id")}
