"""Checks of arguments that many modules make."""

from __future__ import annotations

import math
from numbers import Real


def is_number(value: object) -> bool:
    """Whether it is a finite number: no string, no truth value, neither infinite nor NaN."""
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
