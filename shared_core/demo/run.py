"""Train on shipped outcomes, route held-out questions in each framework, tell what it gained."""

from __future__ import annotations

import contextlib
import importlib.metadata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from shared_core._lazy import load
from shared_core.demo.live import LiveModel, live_models
from shared_core.demo.scene import GROUP, DemoAnswer, DemoScene
from shared_core.errors import MissingExtra
from shared_core.evaluation.evaluate import Evaluation, judge
from shared_core.evaluation.knobs.calibrate import match_best_single
from shared_core.evaluation.plots import save_cost_quality
from shared_core.evaluation.verdict import verdict
from shared_core.outcomes.shipped import small_models
from shared_core.outcomes.table import OutcomeTable
from shared_core.pool import ModelPool
from shared_core.routers.predictive.knn import KNNRouter


@dataclass(frozen=True)
class Trained:
    """A router, what it learned from, and what it has not seen."""

    router: KNNRouter
    train: OutcomeTable
    test: OutcomeTable


def run(
    console: Console, out: Path, *, live: str = "", api_key: str = "", questions: int = 6
) -> None:
    """The whole demonstration.

    Args:
        console: where to print.
        out: folder for the trained router and the picture.
        live: which real models answer; none when empty. See ``live_models``.
        api_key: for live models that want one.
        questions: how many questions each framework is asked.
    """
    table, pool = small_models()
    with _answering(console, pool, live, api_key) as stand_ins:
        with console.status("training on the shipped outcomes") as status:
            trained = train(table, pool, status.update)
        trained.router.save(out / "router")
        _introduce(console, trained, out)
        _play(console, trained, stand_ins, questions)
    _account(console, trained, out)


def train(table: OutcomeTable, pool: ModelPool, progress: Any) -> Trained:
    """A router fitted on the table's training rows, set to the best single model's quality."""
    rows = table.split("train")
    policy = match_best_single(KNNRouter, rows, pool, progress=progress)
    router = KNNRouter(pool, policy=policy).fit(rows, progress)
    return Trained(router, rows, table.split("test"))


def _introduce(console: Console, trained: Trained, out: Path) -> None:
    router, table = trained.router, Table(box=None, header_style="bold")
    for column in ("model", "USD per 1M tokens in / out", "mean quality in training"):
        table.add_column(column)
    means = trained.train.score.mean(axis=0)
    for candidate, mean in zip(router.pool.values(), means, strict=True):
        prices = f"{candidate.input_price:g} / {candidate.output_price:g}"
        table.add_row(candidate.name, prices, f"{mean:.3f}")
    console.print(table)
    console.print(
        f"Trained a KNN router (k={router.k_}, shrinkage={router.shrinkage_:g}, "
        f"cost weight {router.policy.cost_weight:.3g}) on {len(trained.train)} questions; "  # type: ignore[attr-defined]
        f"saved to {out / 'router'}. It has not seen the {len(trained.test)} that follow.\n"
    )


@contextlib.contextmanager
def _answering(
    console: Console, pool: ModelPool, live: str, api_key: str
) -> Iterator[Mapping[str, LiveModel]]:
    """Candidate -> live model in its place, for as long as the block lasts."""
    if not live:
        console.print("Models answer from [bold]recorded[/] answers; --live 1 asks real ones.\n")
        yield {}
        return
    models = live_models(live, api_key=api_key, progress=console.print)
    try:
        stand_ins = assign(pool, models)
        for name, model in stand_ins.items():
            console.print(f"[bold]{name}[/] is answered live by {model.name}")
        recorded = [name for name in pool if name not in stand_ins]
        if recorded:
            console.print(f"{', '.join(recorded)}: from recorded answers\n")
        yield stand_ins
    finally:
        for model in models:
            model.close()


def assign(pool: ModelPool, models: Sequence[LiveModel]) -> dict[str, LiveModel]:
    """Which live model stands in for which candidate: by name, else in the order of price."""
    chosen = {model.name: model for model in models if model.name in pool}
    free = [name for name in pool.by_price() if name not in chosen]
    others = [model for model in models if model.name not in pool]
    return chosen | dict(zip(free, others, strict=False))


def _play(
    console: Console, trained: Trained, stand_ins: Mapping[str, LiveModel], questions: int
) -> None:
    entries = sorted(importlib.metadata.entry_points(group=GROUP), key=lambda entry: entry.name)
    shown = pick(trained, questions * len(entries), stand_ins)
    for number, entry in enumerate(entries):
        console.rule(f"[bold]{entry.name}[/]")
        scene = DemoScene(
            router=trained.router,
            questions=shown[number :: len(entries)],
            recorded=trained.test,
            show=lambda *shown: _show(console, trained.test, *shown),
            live=stand_ins,
        )
        try:
            part = load(entry.module, wanted_by=f"the {entry.name} part of the demonstration")
            getattr(part, entry.attr)(scene)
        except MissingExtra as error:
            console.print(f"[yellow]left out: {error}[/]")


def pick(trained: Trained, wanted: int, preferred: Collection[str] = ()) -> tuple[str, ...]:
    """Held-out questions of as many kinds as possible, always the same ones.

    Those that go to a ``preferred`` model come first.
    """
    test, kinds = trained.test, dict[object, list[str]]()
    for query, kind in zip(test.queries, test.columns["dataset"], strict=True):
        kinds.setdefault(kind, []).append(query)
    in_turn = [found[i] for i in range(len(test)) for found in kinds.values() if i < len(found)]
    if preferred:
        in_turn.sort(key=lambda query: trained.router.route(query).model not in preferred)
    return tuple(in_turn[:wanted])


def _show(
    console: Console,
    table: OutcomeTable,
    question: str,
    decision: Mapping[str, Any],
    answer: DemoAnswer,
) -> None:
    row = table.queries.index(question)
    told = Text(question if len(question) < 400 else f"{question[:400]} …")
    told.append(f"\n→ {decision['model']}", style="bold green")
    told.append(f"  {decision['reason']}", style="dim")
    told.append(f"\n{answer.text.strip() or '(empty)'}", style="cyan")
    told.append(f"\n{answer.source}", style="dim")
    if answer.source == "recorded":
        score = table.of([decision["model"]]).score[row, 0]
        told.append(f"; graded {score:.2g}", style="dim")
    told.append(f"; expected {table.columns['reference'][row]}", style="dim")
    console.print(Panel(told, title=str(table.columns["dataset"][row]), title_align="left"))


def _account(console: Console, trained: Trained, out: Path) -> None:
    evaluation = judge(
        {"knn": trained.router}, trained.train, trained.test, data="shipped outcomes",
        pool=trained.router.pool,
    )  # fmt: skip
    picture = save_cost_quality(evaluation, out / "cost-quality.png")
    console.rule("[bold]what routing gained[/]")
    console.print(Text(account(evaluation)))
    console.print(f"picture: {picture}")


def account(evaluation: Evaluation) -> str:
    """Savings and quality kept, in plain words, and what surely holds of them."""
    line, best = evaluation.routers["knn"], evaluation.lines["best_single"]
    assert line.cost is not None and best.cost and line.quality is not None and best.quality  # noqa: S101, PT018
    saved, kept = 1 - line.cost / best.cost, line.quality / best.quality
    low, high = line.interval["quality"]
    return (
        f"On {evaluation.n_test} held-out questions the router costs {line.cost * 1e3:.4f} USD per "
        f"1,000 questions, {best.model} alone {best.cost * 1e3:.4f}: {saved:.0%} saved.\n"
        f"Mean quality {line.quality:.3f} (95 % interval {low:.3f} to {high:.3f}) against "
        f"{best.quality:.3f}: {kept:.1%} of it kept.\nVerdict: {verdict(evaluation, line)}."
    )
