"""What the figures come to."""

from __future__ import annotations

from typing import Final

from shared_core.evaluation.lines import Evaluation, Line

_WORTH_NAMING: Final = 0.005
"""Savings that would print as 0 %."""


def verdict(evaluation: Evaluation, line: Line) -> str:
    """Whether to route, in a sentence: by settings that other test rows chose."""
    if "aiq_over_zero" not in line.interval:
        return _of_a_point(evaluation, line)
    low, high = line.interval["aiq_over_zero"]
    by = f"AIQ {low:+.4f} to {high:+.4f} over random mixtures of single models"
    if not line.beats_zero:
        return f"don't route on this evidence ({by})"
    best = evaluation.lines["best_single"]
    (least, most), (worse, better) = line.interval["saved"], line.interval["ahead"]
    if line.cost_at_best_single is None or better < 0:
        return f"better than mixing models ({by}), but never as good as {best.model}"
    by_quality = f"quality {worse:+.4f} to {better:+.4f}, {by}"
    if not best.cost:
        told = f"and nothing to save: {best.model} is free"
        if worse > 0:
            return f"route: better than {best.model} ({by_quality}), {told}"
        return f"better than mixing models ({by}), {told}"
    cheaper = f"cheaper than {best.model} at its quality"
    if least < _WORTH_NAMING:
        return (
            f"better than mixing models ({by}), but not surely {cheaper} "
            f"({least:.0%} to {most:.0%})"
        )
    return f"route: {least:.0%} to {most:.0%} {cheaper} ({by_quality})"


def _of_a_point(evaluation: Evaluation, line: Line) -> str:
    best, ends = evaluation.lines["best_single"], line.interval.get("above_zero")
    above = (
        ""
        if ends is None
        else (f", {ends[0]:+.4f} to {ends[1]:+.4f} against random mixtures of single models")
    )
    return (
        f"one point, no knob: quality {line.quality or 0.0:.4f} at ${line.cost or 0.0:.3g}{above} "
        f"({best.model}: {best.quality or 0.0:.4f})"
    )
