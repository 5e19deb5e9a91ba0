"""The router's own run in a trace: a chain run that holds the answer and the decision.

The chosen model's run is its only model run. A model run of the router's own would count tokens
twice, and could have no child.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, cast

from langchain_core.messages import AIMessageChunk
from langchain_core.messages.ai import add_ai_message_chunks
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import (
    get_async_callback_manager_for_config,
    get_callback_manager_for_config,
)

from langchain_llmrouter.messages import RECORD
from shared_core.decision import RoutingDecision

OUTPUT: Final = "output"
"""Key of the answer in a run's outputs, where LangChain looks for it among several."""


def added_up(pieces: Sequence[Any]) -> Any:
    """A stream's pieces as one answer; of pieces that do not add up, what came last."""
    try:
        if all(isinstance(piece, AIMessageChunk) for piece in pieces):
            return add_ai_message_chunks(*pieces) if len(pieces) > 1 else pieces[0]
        total = pieces[0]
        for piece in pieces[1:]:
            total = total + piece
    except TypeError:
        return pieces[-1]
    return total


class OwnRun:
    """The router's run while it is open.

    Args:
        manager: of the run; None where nobody listens.
        config: of the call.
        total: makes one answer of what the caller was given.
    """

    def __init__(
        self, manager: Any, config: RunnableConfig, total: Callable[[Sequence[Any]], Any]
    ) -> None:
        self.manager = manager
        self.config = config if manager is None else _child(config, manager)
        self.decision: RoutingDecision | None = None
        self.is_signed = False
        self._total = total
        self._given: list[Any] = []

    def gives(self, piece: Any) -> None:
        """Note what the caller is given: the answer, or a piece of it."""
        if self.manager is not None:
            self._given.append(piece)

    @property
    def outputs(self) -> dict[str, Any]:
        """What the run ends with: the answer, as far as it was given, and the decision."""
        told = {OUTPUT: self._total(self._given)} if self._given else {}
        return told if self.decision is None else {**told, RECORD: self.decision.to_dict()}


@contextmanager
def own_run(
    config: RunnableConfig,
    name: str,
    inputs: Mapping[str, Any],
    total: Callable[[Sequence[Any]], Any] = added_up,
) -> Iterator[OwnRun]:
    """The run around a call; it ends with the answer, or with the error that passes through."""
    run = _begin(config, name, inputs, total)
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
    config: RunnableConfig,
    name: str,
    inputs: Mapping[str, Any],
    total: Callable[[Sequence[Any]], Any] = added_up,
) -> AsyncIterator[OwnRun]:
    """``own_run`` for coroutines."""
    run = await _abegin(config, name, inputs, total)
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


def _begin(config: RunnableConfig, name: str, inputs: Mapping[str, Any], total: Any) -> OwnRun:
    """Open a run; where nobody listens, there is none."""
    manager = get_callback_manager_for_config(config)
    if not manager.handlers:
        return OwnRun(None, config, total)
    begun = manager.on_chain_start(None, dict(inputs), **_names(config, name))
    return OwnRun(begun, config, total)


async def _abegin(
    config: RunnableConfig, name: str, inputs: Mapping[str, Any], total: Any
) -> OwnRun:
    """``_begin`` for coroutines."""
    manager = get_async_callback_manager_for_config(config)
    if not manager.handlers:
        return OwnRun(None, config, total)
    begun = await manager.on_chain_start(None, dict(inputs), **_names(config, name))
    return OwnRun(begun, config, total)


def _child(config: RunnableConfig, manager: Any) -> RunnableConfig:
    """The config of a call within the run: its name and id are the run's, not the model's."""
    child = {**config, "callbacks": manager.get_child()}
    child.pop("run_name", None)
    child.pop("run_id", None)
    return cast("RunnableConfig", child)


def _names(config: RunnableConfig, name: str) -> dict[str, Any]:
    return {"name": config.get("run_name") or name, "run_id": config.get("run_id")}
