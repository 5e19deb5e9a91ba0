"""What a ``RouterLLM`` may be given, at first and later."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, get_args

from llama_index.core.callbacks import CallbackManager
from llama_index.core.llms import LLM

from llamaindex_llmrouter.capabilities import MetadataMode
from shared_core.errors import ConfigError
from shared_core.pool import ModelPool
from shared_core.routers.base import check_router
from shared_core.routers.sticky import check_mode

OPTIONS: Final = (
    "callback_manager",
    "failover",
    "failover_on",
    "listeners",
    "metadata_mode",
    "reliability",
    "sticky",
)
SET_ON_MODELS: Final = (
    "completion_to_prompt",
    "messages_to_prompt",
    "output_parser",
    "pydantic_program_mode",
    "query_wrapper_prompt",
    "rate_limiter",
    "system_prompt",
)
_PARTS: Final = ("models", "router")


def check(given: Mapping[str, Any]) -> None:
    """ConfigError where something given does not exist, belongs elsewhere or makes no sense."""
    misplaced = [name for name in SET_ON_MODELS if given.get(name) is not None]
    if misplaced:
        raise ConfigError(
            f"set {', '.join(misplaced)} on the models: the router only hands calls on"
        )
    if unknown := sorted(set(given).difference(OPTIONS, SET_ON_MODELS, _PARTS)):
        raise ConfigError(f"RouterLLM has no option {', '.join(unknown)}; it has {list(OPTIONS)}")
    if "router" in given:
        check_router(given["router"])
    if "models" in given:
        _check_models(given["models"])
    if not isinstance(manager := given.get("callback_manager"), CallbackManager | None):
        raise ConfigError(f"a callback_manager is a CallbackManager, not {manager!r}")
    check_mode(given.get("sticky", "turn"))
    if (mode := given.get("metadata_mode", "union")) not in get_args(MetadataMode):
        raise ConfigError(f"metadata_mode is conservative or union, not {mode!r}")


def check_match(models: Iterable[str], pool: ModelPool) -> None:
    """ConfigError unless there is a model for each candidate, and no other."""
    if set(models) != set(pool):
        raise ConfigError(
            f"the router chooses among {', '.join(pool)}; models has "
            f"{', '.join(models) or 'none'}: give one LLM for each name"
        )


def _check_models(models: object) -> None:
    if not isinstance(models, Mapping):
        raise ConfigError(f"models is a mapping of names, not a {type(models).__name__}")
    for name, model in models.items():
        if not isinstance(model, LLM):
            raise ConfigError(f"{name} is a {type(model).__name__}, no LlamaIndex LLM")
