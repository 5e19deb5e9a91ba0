"""What models mean that were asked for a grade, for yes or no, or for A or B.

Each reader goes by what stands out (a mark, a label, the first words), else by what is said at all.
A reply that so says several things says nothing: None.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, TypeVar

T = TypeVar("T")

_THOUGHTS: Final = re.compile(
    r"\A.*</think(?:ing)?>|<think(?:ing)?>.*\Z", re.DOTALL | re.IGNORECASE
)
_ENDS: Final = r"""(?=[*_"'`\s]*(?:\Z|[.,;!\n—–-]))"""
"""What comes behind first words that stand by themselves."""

_SCALE: Final = re.compile(
    r"\b[01]\s*(?:-|–|to|and)\s*10\b|\bscale of 10\b|\(out of 10\)", re.IGNORECASE
)
_VALUE: Final = r"(?<![\w.,+-])(?P<value>[+-]?\d+(?:[.,]\d+)*%?)(?!\w|[.,]\d|[-–]\d)"
_OUT_OF: Final = r"[*_]*\s*(?:/|out of|of)\s*(?P<most>\d+)"
_NUMBER: Final = rf"{_VALUE}(?:{_OUT_OF})?"
_GRADES: Final = (
    rf"\[\[\s*{_NUMBER}\s*\]\]",
    rf"\b(?:grade|score|rating)\b[^\w\n]*?(?:(?:is|of)\b[^\w\n]*?)?{_NUMBER}",
    rf"{_VALUE}{_OUT_OF}",
    rf"^[^\w\n+-]*{_NUMBER}[^\w\n]*$",
    _NUMBER,
)

_VERDICT: Final = r"(?P<word>yes|no(?![ \t]+\w)|correct|incorrect|right|wrong|true|false)\b"
_NOT: Final = r"(?P<not>(?:\b(?:not|never)|n['’]t)(?:\s+\w+){0,2}?\s+)"
_VERDICTS: Final = (
    rf"\A\W*(?:right\s*:\W*)?(?P<not>not\s+)?{_VERDICT}{_ENDS}",
    rf"{_NOT}?(?(not)|(?<!\bthe ))\b{_VERDICT}",
)
_UNSURE: Final = re.compile(r"\b(?:not sure|unsure|uncertain|whether)\b", re.IGNORECASE)
_GOOD: Final = frozenset(("yes", "correct", "right", "true"))

_CHOICES: Final = (
    r"\[\[\s*(?P<word>A|B|tie)\s*\]\]",
    rf"\A\W*(?:(?:answer|better|verdict)\b\W*)?(?P<word>A|B|tie)\b{_ENDS}",
    r"(?-i:\b(?P<word>[AB])\b)\W* (?:is|was) (?:\w+ )?better\b",
    r"\b(?P<word>a tie|tie|equal|both|(?-i:[AB]))\b",
)


def grade_of(text: str) -> float | None:
    """The grade from 0 to 10 that the text gives, as a share of 10."""
    return _only(map(_grade, _first_found(_GRADES, _SCALE.sub("", _said(text)))))


def verdict_of(text: str) -> bool | None:
    """Whether the text says yes; None when it says neither yes nor no."""
    said = _said(text)
    found = _first_found(_VERDICTS[:1] if _UNSURE.search(said) else _VERDICTS, said)
    return _only((one["word"].lower() in _GOOD) != bool(one["not"]) for one in found)


def choice_of(text: str) -> float | None:
    """1 where the text is for A, 0 for B, 0.5 for neither more than the other."""
    found = _first_found(_CHOICES, _said(text))
    return _only({"A": 1.0, "B": 0.0}.get(one["word"].upper(), 0.5) for one in found)


def _said(text: str) -> str:
    """The text without what a model thought before."""
    return _THOUGHTS.sub("", text)


def _first_found(patterns: Iterable[str], text: str) -> list[re.Match[str]]:
    """All that the first pattern finds that finds anything."""
    options = re.IGNORECASE | re.MULTILINE
    every = (list(re.finditer(pattern, text, options)) for pattern in patterns)
    return next(filter(None, every), [])


def _only(values: Iterable[T]) -> T | None:
    """The value, where there is just one."""
    known = set(values)
    return known.pop() if len(known) == 1 else None


def _grade(found: re.Match[str]) -> float | None:
    try:
        value = float(found["value"])
    except ValueError:  # a percentage, a comma
        return None
    return value / 10 if found["most"] in (None, "10") and 0 <= value <= 10 else None
