"""`--set NAME=VALUE`: what a router's constructor takes, by name, typed as its annotation says."""

from __future__ import annotations

import inspect
import math
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from pydantic import TypeAdapter

from shared_core.errors import ConfigError

_PLAIN: Final = {str, int, float, bool}
_NOTHING: Final = "none"
_OPTIONS_OF_THEIR_OWN: Final = {"seed"}

Settings = Mapping[str, Any]


def settings(router_class: type, given: Iterable[str]) -> Settings:
    """The arguments for the router, out of ``NAME=VALUE`` each.

    Numbers, texts, yes or no; lists with commas; ``none`` where a setting may be left open.

    Raises:
        ConfigError: no such setting, a value of another kind, or one lacks that has to be given.
    """
    known = _settable(router_class)
    found = {}
    for option in given:
        name, equals, value = option.partition("=")
        if not equals or name not in known:
            raise ConfigError(
                f"no setting {option!r} of {router_class.__name__}; give NAME=VALUE out of "
                f"{_told(router_class)}"
            )
        found[name] = _read(router_class, name, known[name], value)
    if lacking := [name for name in known if _is_needed(router_class, name) and name not in found]:
        raise ConfigError(
            f"{router_class.__name__} has to be told {' and '.join(lacking)}: "
            f"{' '.join(f'--set {name}=…' for name in lacking)}; it takes {_told(router_class)}"
        )
    return found


def _settable(router_class: type) -> dict[str, Any]:
    """Name -> annotation of the constructor's arguments that a line of text can give."""
    hints = typing.get_type_hints(router_class.__init__)  # type: ignore[misc]
    return {
        name: hints[name]
        for name in inspect.signature(router_class).parameters
        if name not in _OPTIONS_OF_THEIR_OWN and name in hints and _can_be_told(hints[name])
    }


def _can_be_told(kind: Any) -> bool:
    return kind == Sequence[str] or set(_kinds(kind)) <= {*_PLAIN, type(None)}


def _kinds(kind: Any) -> tuple[Any, ...]:
    is_union = typing.get_origin(kind) in (types.UnionType, typing.Union)
    return typing.get_args(kind) if is_union else (kind,)


def _read(router_class: type, name: str, kind: Any, value: str) -> Any:
    if value.lower() == _NOTHING and type(None) in _kinds(kind):
        return None
    if kind == Sequence[str]:
        return tuple(part.strip() for part in value.split(",") if part.strip())
    try:
        found = TypeAdapter(kind).validate_strings(value)
        if isinstance(found, float) and not math.isfinite(found):
            raise ValueError("not finite")
    except ValueError as error:  # pydantic's own is one
        raise ConfigError(
            f"{name} of {router_class.__name__} is {_name(kind)}, not {value!r}"
        ) from error
    return found


def _told(router_class: type) -> str:
    """Every setting with its kind and what it is when not given."""
    parameters = inspect.signature(router_class).parameters
    told = []
    for name, kind in _settable(router_class).items():
        usual = "needed" if _is_needed(router_class, name) else repr(parameters[name].default)
        told.append(f"{name} ({_name(kind)}; {usual})")
    return ", ".join(told) or "none"


def _is_needed(router_class: type, name: str) -> bool:
    return inspect.signature(router_class).parameters[name].default is inspect.Parameter.empty


def _name(kind: Any) -> str:
    if kind == Sequence[str]:
        return "names with commas"
    return " or ".join("none" if one is type(None) else one.__name__ for one in _kinds(kind))
