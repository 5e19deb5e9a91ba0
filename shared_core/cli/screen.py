"""What commands show."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from shared_core._lazy import load
from shared_core.decision import RoutingDecision
from shared_core.evaluation.lines import Evaluation, Line
from shared_core.evaluation.report.comparison import Change
from shared_core.evaluation.verdict import verdict
from shared_core.routers.predictive.auto import AutoRouter
from shared_core.routers.predictive.base import PredictiveRouter

Report = Callable[[str], None]


def console(stderr: bool = False) -> Console:
    """Where commands write. Names, paths and texts of others are shown as they are: no markup."""
    return Console(stderr=stderr, markup=False, emoji=False)


@contextlib.contextmanager
def working() -> Iterator[Report]:
    """A bar on standard error that tells what is being done."""
    told = TextColumn("{task.description}", markup=False)
    columns = (SpinnerColumn(), told, BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as progress:
        task = progress.add_task("reading", total=None)
        yield lambda doing: progress.update(task, description=doing)


def trained(console: Console, router: PredictiveRouter, folder: Path, notes: Sequence[str]) -> None:
    """What was trained, on what, and how to go on."""
    if isinstance(router, AutoRouter):
        _tried(console, router)
    learned = {name: value for name, value in vars(router).items() if name in ("k_", "shrinkage_")}
    told = ", ".join(f"{name.rstrip('_')} {value:g}" for name, value in learned.items())
    if (tuning := getattr(router, "tuning_", None)) is not None:
        console.print(tuning)
    rows = router.provenance_["rows"]
    console.print(
        f"{type(router).__name__} for {', '.join(router.pool)}, from {rows:,} rows"
        f"{f' ({told})' if told else ''}; decides by {router.policy.explain()}."
    )
    for note in notes:
        console.print(Text(note, style="dim"))
    unproven = isinstance(router, AutoRouter) and not router.routes_
    saved = f"Saved to {folder}{' all the same' if unproven else ''}."
    tried = f"llmrouter route {shlex.quote(str(folder))} 'your question'"
    console.print(f"{saved} Try: {tried}", soft_wrap=True)


def _tried(console: Console, router: AutoRouter) -> None:
    """What was tried, and whether to route."""
    table = Table(box=None, header_style="dim")
    for name in ("tried", "gain per query (± error)", "weight", "seconds"):
        table.add_column(name, justify="left" if name == "tried" else "right")
    for note in router.leaderboard_:
        told = (_gained(note), *(str(note.get(name, "")) for name in ("weight", "seconds")))
        table.add_row(
            " over ".join(note[key] for key in ("router", "encoder") if key in note), *told
        )
    console.print(table)
    console.print(Text(router.verdict_, style="bold"))


def _gained(note: Mapping[str, Any]) -> str:
    if "left_out" in note:
        return f"left out: {note['left_out']}"
    return f"{note['gain']:+.4f} ± {note['gain_error']:.4f}"


def decided(console: Console, decision: RoutingDecision) -> None:
    """A decision and all that was considered."""
    console.print(Text.assemble((decision.model, "bold green"), f"  {decision.reason}"))
    table = Table(box=None, header_style="dim")
    for name in ("model", "expected quality", "expected USD", ""):
        table.add_column(name)
    for model in decision.ranking:
        quality, cost = decision.quality.get(model), decision.cost.get(model)
        table.add_row(model, _number(quality), _usd(cost), "")
    for model, why in decision.rejected.items():
        table.add_row(model, "", "", f"cannot serve: {why}", style="dim")
    console.print(table)


def evaluated(console: Console, evaluation: Evaluation, origins: Sequence[str] = ()) -> None:
    """Routers beside the lines, what has to be known of the data, and the verdict."""
    rows = f"fitted on {evaluation.n_train:,} rows, judged on {evaluation.n_test:,}"
    table = Table(title=f"{evaluation.data}: {rows}")
    for name in ("", "quality", "cost, USD", "AIQ (95 % interval)", "USD at best single's quality"):
        table.add_column(name, justify="left" if not name else "right")
    for name, line in evaluation.routers.items():
        table.add_row(name, *_cells(line), style="bold")
    table.add_section()
    for name, line in evaluation.lines.items():
        label = f"{name.replace('_', ' ')}{f': {line.model}' if line.model else ''}"
        table.add_row(label, *_cells(line))
    console.print(table)
    pairs = {name: line for name, line in evaluation.routers.items() if "apgr" in line.metrics}
    if pairs:
        console.print(_pair_table(pairs))
    for note in (*origins, *evaluation.notes):
        console.print(Text(note, style="dim"))
    for name, line in evaluation.routers.items():
        console.print(Text(f"{name}: {verdict(evaluation, line)}"))


def compared(
    console: Console, changes: Sequence[Change], margin: float, on_other_rows: Sequence[str]
) -> None:
    """Every figure before and after, those that regressed marked."""
    table = Table(title=f"worse by more than {margin:g} fails")
    for name in ("table", "router", "figure", "before", "after", ""):
        table.add_column(name, justify="right" if name in ("before", "after") else "left")
    for one in changes:
        bad = one.regressed(margin)
        after = "gone" if one.after is None else f"{one.after:.6g}"
        told = "regressed" if bad else "better" if (one.worse_by or 0.0) < 0 else ""
        before = f"{one.before:.6g}"
        table.add_row(
            one.table, one.router, one.figure, before, after, told, style="red" if bad else ""
        )
    console.print(table)
    failed = sum(one.regressed(margin) for one in changes)
    console.print(f"{failed} of {len(changes)} figures regressed by more than {margin:g}")
    for name in on_other_rows:
        console.print(
            f"{name}: judged on other rows than before, so that part of a change is chance"
        )


def _pair_table(pairs: Mapping[str, Line]) -> Table:
    table = Table(title="two models: RouteLLM's figures, CPT in percent of strong calls")
    for name in ("", "APGR (95 % interval)", "CPT 50 %", "CPT 80 %"):
        table.add_column(name, justify="left" if not name else "right")
    for name, line in pairs.items():
        ends = line.interval.get("apgr")
        told = "" if ends is None else f" ({ends[0]:.4f} to {ends[1]:.4f})"
        apgr = f"{line.metrics['apgr']:.4f}{told}"
        cpts = [f"{line.metrics[key]:.2f}" for key in ("cpt50", "cpt80")]
        table.add_row(name, apgr, *cpts)
    return table


def draw(evaluation: Evaluation, path: Path) -> None:
    """The cost-quality picture."""
    plots = load("shared_core.evaluation.plots", wanted_by="--picture")
    plots.save_cost_quality(evaluation, path)


def _cells(line: Line) -> tuple[str, str, str, str]:
    ends = line.interval.get("aiq_range")
    interval = f" ({ends[0]:.4f} to {ends[1]:.4f})" if ends else ""
    aiq = "" if line.aiq_range is None else f"{line.aiq_range:.4f}{interval}"
    at_best = "" if line.aiq_range is None or line.quality is None else "out of reach"
    at_best = at_best if line.cost_at_best_single is None else _usd(line.cost_at_best_single)
    return _number(line.quality), _usd(line.cost), aiq, at_best


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _usd(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
