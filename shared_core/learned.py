"""What learned arrays look like: declared by who learns them, checked where they are read back.

Checksums tell damage, not a folder that somebody put together: arrays that do not fit would fail
in some decision, by an error of numpy's, or make it by nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from shared_core.errors import ArtifactError

_KINDS: Final = {"f": ("fiu", "numbers"), "i": ("iu", "whole numbers"), "b": ("b", "truth values")}
_FAR: Final = 1e18
"""Beyond what is learned; the square is a float32 still."""


@dataclass(frozen=True)
class Learned:
    """What an array looks like, or a number, or the numbers that a dict maps to.

    Args:
        axes: length of each axis, in words: names and numbers, in sums of products such as
            ``"vector+form"`` and ``"2*models"``. What has one name has one length.
        kind: ``f`` any numbers, ``i`` whole ones, ``b`` truth values.
        low, high: the least and the greatest value; ``high`` may be an axis, whose indices it is.
        has_gaps: NaN stands for what is unknown; else all are finite.
        is_optional: it may be missing, or None.
        is_ordered: in no place less than before, and every index of the axis ``high`` occurs.
    """

    axes: str = ""
    kind: str = "f"
    low: float = -_FAR
    high: float | str = _FAR
    has_gaps: bool = False
    is_optional: bool = False
    is_ordered: bool = False

    def fault(self, value: Any, sizes: dict[str, int]) -> str:
        """What is wrong with the value, or nothing; sizes it is the first to tell are noted."""
        try:
            found = np.asarray(list(value.values()) if isinstance(value, dict) else value)
        except (TypeError, ValueError):
            return "is no array"
        kinds, told = _KINDS[self.kind]
        if found.dtype.kind not in kinds:
            return f"holds {found.dtype}, not {told}"
        if fault := self._misshapen(found.shape, sizes):
            return fault
        known = found[~np.isnan(found)] if self.has_gaps and found.dtype.kind == "f" else found
        if found.size > known.size == 0:
            return "is unknown throughout"
        if not np.isfinite(known).all():
            return "holds what is not finite"
        return self._out_of_range(known, sizes)

    def _misshapen(self, shape: tuple[int, ...], sizes: dict[str, int]) -> str:
        axes = self.axes.split()
        fits = len(axes) == len(shape) and all(
            _fits(axis, n, sizes) for axis, n in zip(axes, shape, strict=True)
        )
        if fits:
            return ""
        known = ", ".join(f"{name} = {n}" for name, n in sizes.items() if name in self.axes)
        return f"has the shape {shape}, not ({', '.join(axes)})" + (f" with {known}" * bool(known))

    def _out_of_range(self, known: Any, sizes: Mapping[str, int]) -> str:
        if not known.size or known.dtype.kind == "b":
            return ""
        n = _length(self.high, sizes) if isinstance(self.high, str) else 0
        high = n - 1 if isinstance(self.high, str) else self.high
        least, most = float(known.min()), float(known.max())
        if least < self.low or most > high:
            return f"is from {least:g} to {most:g}, not from {self.low:g} to {high:g}"
        if self.is_ordered and not np.array_equal(np.unique(known), np.arange(n)):
            return f"does not name each of {n}"
        return "is in no order" if self.is_ordered and (np.diff(known) < 0).any() else ""


def declared(*inherited: Mapping[str, Learned], **own: Learned) -> Mapping[str, Learned]:
    """What is learned by these names, and what others, such as a parent class, declare before.

    What an axis needs to be known by has to stand before it.
    """
    others = {name: looks for one in inherited for name, looks in one.items() if name not in own}
    return {**others, **own}


def check(
    owner: str, declared: Mapping[str, Learned], values: Mapping[str, Any], sizes: Mapping[str, int]
) -> dict[str, int]:
    """The sizes of all axes, where the values are as declared.

    Args:
        owner: whose they are, for the error.
        declared: what each looks like.
        values: by the same names; others are not looked at.
        sizes: lengths of axes that are known beforehand.

    Raises:
        ArtifactError: one is missing, or not as declared.
    """
    found, told_by = dict(sizes), dict[str, str]()
    for name, looks in declared.items():
        value = values.get(name)
        if value is None and looks.is_optional:
            continue
        fault = "is missing" if value is None else looks.fault(value, found)
        if fault:
            others = sorted({by for size, by in told_by.items() if size in looks.axes})
            beside = f" (beside {', '.join(others)})" if others else ""
            raise ArtifactError(f"the saved {owner} does not fit together: {name} {fault}{beside}")
        told_by = dict.fromkeys(found.keys() - sizes.keys(), name) | told_by
    return found


def _fits(axis: str, n: int, sizes: dict[str, int]) -> bool:
    """Whether the axis is so long; where one name in it is unknown, it becomes what makes it so."""
    names = {name for term in axis.split("+") for name in term.split("*") if not name.isdigit()}
    for name in names - sizes.keys():  # one at most
        none, one = (_length(axis, {**sizes, name: size}) for size in (0, 1))
        sizes[name] = max(n - none, 0) // (one - none)
    return _length(axis, sizes) == n


def _length(axis: str, sizes: Mapping[str, int]) -> int:
    terms = [term.split("*") for term in axis.split("+")]
    return sum(math.prod(int(sizes.get(one, one)) for one in term) for term in terms)
