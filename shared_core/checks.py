"""Checks of arguments that many modules make."""

from __future__ import annotations

import math
from numbers import Integral, Real


def is_number(value: object) -> bool:
    """Whether it is a finite number: no string, no truth value, neither infinite nor NaN."""
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def is_count(value: object) -> bool:
    """Whether it is a whole number from 1 up."""
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 1
