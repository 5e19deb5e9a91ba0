"""Checks of arguments that many modules make."""

from __future__ import annotations

import math
from collections.abc import Collection
from numbers import Integral, Real
from typing import Any, TypeGuard

from shared_core.errors import ConfigError


def is_number(value: object) -> TypeGuard[float]:
    """Whether it is a finite number: no string, no truth value, neither infinite nor NaN."""
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def check_counts(least: int = 1, /, **given: object) -> None:
    """Raise a ConfigError unless each is a whole number from ``least`` up."""
    for name, value in given.items():
        if isinstance(value, bool) or not (isinstance(value, Integral) and int(value) >= least):
            raise ConfigError(f"{name} is a whole number from {least} up, not {value!r}")


def check_from_zero(**given: object) -> None:
    """Raise a ConfigError unless each is a finite number from 0 up."""
    for name, value in given.items():
        if not (is_number(value) and value >= 0):
            raise ConfigError(f"{name} is a number from 0 up, not {value!r}")


def check_above_zero(**given: object) -> None:
    """Raise a ConfigError unless each is a finite number above 0."""
    for name, value in given.items():
        if not (is_number(value) and value > 0):
            raise ConfigError(f"{name} is a number above 0, not {value!r}")


def check_one_of(allowed: Collection[str], **given: object) -> None:
    """Raise a ConfigError unless each is one of the words."""
    for name, value in given.items():
        if not (isinstance(value, str) and value in allowed):
            raise ConfigError(f"{name} is one of {', '.join(allowed)}, not {value!r}")


def check_ordered(**given: object) -> None:
    """Raise a ConfigError unless each is a number, which may be infinite."""
    for name, value in given.items():
        if not (isinstance(value, Real) and not isinstance(value, bool) and value == value):
            raise ConfigError(f"{name} is a number, not {value!r}")


def check_kinds(kind: Any, **given: object) -> None:
    """Raise a ConfigError unless each is of that kind."""
    for name, value in given.items():
        if not isinstance(value, kind):
            raise ConfigError(f"{name} takes a {kind.__name__}, not {value!r}")
