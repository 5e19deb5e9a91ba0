"""Two runs beside each other: what got worse by more than a margin."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from shared_core.errors import ConfigError, DataError

HIGHER_IS_BETTER: Final = {
    "quality": True,
    "aiq_range": True,
    "aiq_routerbench": True,
    "apgr": True,
    "apgr_routellm": True,
    "perf_gain": True,
    "cost_save": True,
    "above_zero": True,
    "arena_score": True,
    "bert_sim": True,
    "queries_per_second": True,
    "cost": False,
    "cost_at_best_single": False,
    "qnc": False,
    "cpt50": False,
    "cpt80": False,
    "gap_at_oracle": False,
    "regret": False,
    "pareto_dist": False,
    "ece": False,
    "latency": False,
}
"""Figures that can be compared, and which way is better."""

RELATIVE: Final = frozenset({"cost", "cost_at_best_single", "latency", "queries_per_second"})
"""Compared as a share of the earlier value: they have units of their own."""
_NOISE: Final = 1e-9
"""Differences from the margin below this are rounding."""
PERCENT: Final = frozenset({"cpt50", "cpt80"})
USUAL: Final = ("quality", "aiq_range", "apgr")
_MANY: Final = ("tables", "evaluations")
"""Where a report, and ``--json`` output, has its tables when there are many."""


@dataclass(frozen=True)
class Change:
    """One figure of one router on one table.

    Args:
        table, router, figure: whose.
        before, after: None where the run does not have it.
        worse_by: how much worse, in shares; negative is better; None where it cannot be told.
    """

    table: str
    router: str
    figure: str
    before: float | None
    after: float | None
    worse_by: float | None

    def regressed(self, margin: float) -> bool:
        """Whether it got worse by more than the margin, or is there no more."""
        return self.before is not None and (
            self.worse_by is None or self.worse_by > margin + _NOISE
        )


def read_run(path: str | Path) -> dict[str, Mapping[str, Any]]:
    """Table's name -> its figures, of a report's folder, its report.json, or ``--json`` output.

    Raises:
        DataError: it is none of them.
    """
    place = Path(path)
    file = place / "report.json" if place.is_dir() else place
    try:
        read = json.loads(file.read_text(encoding="utf-8"))
        tables = next((read[name] for name in _MANY if name in read), [read])
        return {str(table["data"]): _checked(table) for table in tables}
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(
            f"{file} is no report.json and no output of llmrouter evaluate --json: {error}"
        ) from error


def _checked(table: Mapping[str, Any]) -> Mapping[str, Any]:
    """The table, if each figure of its routers is a number."""
    for router, line in table["routers"].items():
        for name in HIGHER_IS_BETTER:
            value = line.get(name)
            if value is not None and not math.isfinite(value):
                raise ValueError(f"{name} of {router} is {value}")
    return table


def compare(
    before: Mapping[str, Mapping[str, Any]],
    after: Mapping[str, Mapping[str, Any]],
    figures: Sequence[str] = USUAL,
) -> list[Change]:
    """Every figure that the earlier run has, beside the later run's.

    Two runs of one table each are compared whatever the tables are called.

    Raises:
        ConfigError: a figure that cannot be compared.
        DataError: the runs have no table in common, or the earlier one has none of the figures.
    """
    if unknown := [name for name in figures if name not in HIGHER_IS_BETTER]:
        raise ConfigError(
            f"no figure {', '.join(unknown)} to compare; there are {', '.join(HIGHER_IS_BETTER)}"
        )
    later = _paired(before, after)
    if not set(before) & set(later):
        raise DataError(f"the runs share no table: {', '.join(before)} against {', '.join(later)}")
    found = [
        change
        for name, table in before.items()
        for router, line in table["routers"].items()
        for change in _of_line(name, router, line, later.get(name, {}), figures)
    ]
    if not found:
        raise DataError(
            "nothing to compare: no router of the earlier run has "
            f"{', '.join(figures) or 'figures'}"
        )
    return found


def judged_on_other_rows(
    before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """Tables whose single models did not do alike in both runs: their test rows differ."""
    later = _paired(before, after)
    return [name for name, table in before.items() if name in later and _differ(table, later[name])]


def _differ(table: Mapping[str, Any], later: Mapping[str, Any]) -> bool:
    if table.get("n_test") != later.get("n_test"):
        return True
    theirs = later.get("singles", {})
    pairs = [
        (one, theirs[name]) for name, one in table.get("singles", {}).items() if name in theirs
    ]
    return any(abs(one["quality"] - other["quality"]) > _NOISE for one, other in pairs)


def _paired(
    before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]]
) -> dict[str, Mapping[str, Any]]:
    """The later run's tables by the names of the earlier one's."""
    if len(before) == len(after) == 1:
        return dict(zip(before, after.values(), strict=True))
    return dict(after)


def _of_line(
    table: str,
    router: str,
    line: Mapping[str, Any],
    later: Mapping[str, Any],
    figures: Sequence[str],
) -> list[Change]:
    found = later.get("routers", {}).get(router, {})
    return [
        Change(
            table,
            router,
            name,
            before,
            _known(found, name),
            _worse(name, before, _known(found, name)),
        )
        for name in figures
        if (before := _known(line, name)) is not None
    ]


def _known(line: Mapping[str, Any], figure: str) -> float | None:
    """The figure; None where the run does not have it, or has no number."""
    value = line.get(figure)
    return None if value is None or math.isnan(value) else float(value)


def _worse(figure: str, before: float, after: float | None) -> float | None:
    if after is None:
        return None
    change = before - after if HIGHER_IS_BETTER[figure] else after - before
    if figure in PERCENT:
        return change / 100
    if figure in RELATIVE:
        return change / abs(before) if before else (0.0 if change <= 0 else float("inf"))
    return change
