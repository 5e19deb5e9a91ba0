"""What a ``RouterSelector`` may be given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from llama_index.core.base.embeddings.base import BaseEmbedding

from shared_core.checks import check_counts, is_number
from shared_core.encoders.base import Encoder
from shared_core.errors import ConfigError
from shared_core.routers.base import Router, check_router


def check_router_of_choices(
    router: Router | None,
    encoder: Encoder | BaseEmbedding | None,
    examples: Mapping[str, Sequence[str]] | None,
) -> None:
    """ConfigError unless there is a router, or only what descriptions are compared by."""
    if router is not None:
        check_router(router)
        if encoder is not None or examples:
            raise ConfigError(
                "a router brings its own encoder and has learned: give it no examples"
            )
    if not isinstance(examples, Mapping | None):
        raise ConfigError(f"examples is a mapping of names, not a {type(examples).__name__}")
    for name, queries in (examples or {}).items():
        if not isinstance(name, str):
            raise ConfigError(f"examples are by the choices' names, not by {name!r}")
        if isinstance(queries, str):
            raise ConfigError(f"the examples of {name} are several queries, not a string")
        if not (isinstance(queries, Iterable) and all(isinstance(one, str) for one in queries)):
            raise ConfigError(f"the examples of {name} are a list of queries, each a string")


def check_numbers(max_outputs: int, threshold: float | None, *, is_probability: bool) -> None:
    """ConfigError unless the numbers are ones that choices can be counted and held against."""
    check_counts(max_outputs=max_outputs)
    if threshold is None:
        return
    if not is_number(threshold):
        raise ConfigError(f"a threshold is a number, not {threshold!r}")
    if is_probability and not 0 <= threshold <= 1:
        raise ConfigError(f"a threshold is a probability from 0 to 1, not {threshold!r}")


def check_default(default: str | int | None, router: Router | None) -> None:
    """ConfigError unless the default can be one of the choices."""
    if default is None:
        return
    if isinstance(default, bool) or not isinstance(default, str | int):
        raise ConfigError(f"a default is a choice's name or index, not {default!r}")
    if isinstance(default, int) and default < 0:
        raise ConfigError(f"a default index is at least 0, not {default}")
    if router is not None and isinstance(default, str) and default not in router.pool:
        raise ConfigError(f"the default {default!r} is none of {', '.join(router.pool)}")
