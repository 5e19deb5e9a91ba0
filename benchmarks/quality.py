"""Routing quality on real outcomes: fit on `train`, report on `test`.

    python benchmarks/quality.py FOLDER [--sets mmlu_pro] [--routers auto,knn] [--seeds 5]
    python benchmarks/quality.py FOLDER --routers auto --encoder minilm-onnx
    python benchmarks/quality.py FOLDER --routers bert --model path/to/all-MiniLM-L6-v2

FOLDER holds data sets, each a folder with an `outcomes.parquet`. AIQ is the mean height of the
cost-quality hull between the cheapest and the dearest single model (RouterBench, arXiv 2403.12031);
the zero router mixes single models at random. On RouteLLM's pair, without the rows its authors call
contaminated, APGR follows (arXiv 2406.18665), where a random score gets 0.5.

Figures are means over seeds with the lowest and the highest; intervals are 95 % paired-bootstrap
intervals over the test queries, of the first seed. With the first seed every router has a process
of its own, held to one thread: its seconds, its memory above that of the data and the median
milliseconds of a decision are read there. With the others all routers share a seed's encoder, two
seeds at once. With --encoder the routers read the queries with a sentence encoder, too, as those of
`llmrouter train --encoder` do. The folder --output gets the table, all figures as JSON, and
pictures.
"""

from __future__ import annotations

import argparse
import inspect
import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from arguments import of_data
from matplotlib.figure import Figure

from shared_core import (
    Encoder,
    JoinedEncoder,
    LexicalEncoder,
    OutcomeTable,
    Predictions,
    PredictiveRouter,
    judge,
)
from shared_core.evaluation import contestants, line_figures, plots
from shared_core.evaluation.bench import Bench, complete
from shared_core.evaluation.lines import Evaluation, Line

SETS: Final = ("zeroeval", "mmlu_pro", "llmrouter_mix", "routellm/mmlu", "routellm/gsm8k")
ROUTERS: Final = "auto,domain,kernel,knn,linear,ngram,cluster,matrix_factorization,elo,difficulty"
SINGLE_THREADED = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_TIMED: Final = 200

Interval = tuple[float, float]


@dataclass(frozen=True)
class Took:
    """Seconds and peak megabytes of training; median milliseconds of a decision."""

    seconds: float
    megabytes: float
    milliseconds: float


class Fit(NamedTuple):
    """A router fitted on a set's training rows: what it predicts of the test rows, what it took."""

    predictions: Predictions
    took: Took


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Args:
        mean, lowest, highest: of the metric, over seeds.
        interval: of the first seed's.
        zero: what the zero router reaches, or a random score.
        above: interval of the difference to that.
        beats: the most that the intervals say it beats.
        took: None for what is not trained.
    """

    data: str
    metric: str
    router: str
    mean: float
    lowest: float
    highest: float
    interval: Interval
    zero: float
    above: Interval
    beats: str
    took: Took | None


def main() -> int:
    """Measure, print a table, and write it with its pictures."""
    given = _arguments()
    if not given.folder.is_dir():
        print(f"no data at {given.folder}: nothing measured", file=sys.stderr)
        return 1
    os.environ.update(SINGLE_THREADED)  # read by the processes that fit
    routers = given.routers.split(",")
    for name, router_class in contestants.classes(routers).items():  # before anything long
        if _reads_with_a_model(router_class) and given.model is None:
            print(f"{name} reads with a transformer: give --model FOLDER", file=sys.stderr)
            return 2
    rows: list[Row] = []
    for name in given.sets.split(","):
        source = Source(given.folder, name, given.encoder, given.model)
        rows += measured(source, routers, given.seeds, given.output)
        write(rows, given.output)  # after each set, so that what is there outlives an interruption
    print(table(rows))
    return 0


def _arguments() -> argparse.Namespace:
    parser = of_data(__doc__)
    parser.add_argument("--sets", default=",".join(SETS), help=f"out of {','.join(SETS)}")
    parser.add_argument(
        "--routers", default=ROUTERS, help=f"out of {','.join(contestants.names())}"
    )
    parser.add_argument("--seeds", type=int, default=5, help="fits for each router (default 5)")
    parser.add_argument("--encoder", type=Path, help="folder that `llmrouter export-encoder` wrote")
    parser.add_argument("--model", type=Path, help="transformer's folder, for bert and causal_lm")
    parser.add_argument("--output", type=Path, default=Path("demo-output/quality"))
    return parser.parse_args()


def read(folder: Path, name: str) -> OutcomeTable:
    """The table of a set; of a pair's set the rows of one task that are not contaminated."""
    place, _, task = name.partition("/")
    table = OutcomeTable.read(folder / place / "outcomes.parquet")
    if not task:
        return table
    marks = zip(table.columns["dataset"], table.columns["contaminated"], strict=True)
    return table.rows(np.array([label == task and not seen for label, seen in marks]))


class Source(NamedTuple):
    """A set in a folder, and a sentence encoder's folder where one reads along.

    ``model`` is the folder of what routers of a transformer start from.
    """

    folder: Path
    name: str
    encoder: Path | None = None
    model: Path | None = None

    def sides(self) -> tuple[OutcomeTable, OutcomeTable]:
        """Training rows, and test rows whose outcomes are all known."""
        found = read(self.folder, self.name)
        return found.split("train"), complete(found.split("test"))

    def reader(self, texts: Sequence[str], seed: int) -> Encoder:
        """The encoder, trained on the texts."""
        lexical = LexicalEncoder(seed=seed).fit(texts)
        if self.encoder is None:
            return lexical
        from shared_core import OnnxEncoder  # an extra

        return JoinedEncoder([lexical, OnnxEncoder(self.encoder)])


def measured(source: Source, routers: Sequence[str], seeds: int, output: Path) -> list[Row]:
    """The rows of one set."""
    train, test = source.sides()
    alone = fit_apart(source, [([router], 0) for router in routers], at_once=1)
    fits = {router: fit for one in alone for router, fit in one.items()}
    found = judge(_contestants(fits, len(test.models)), train, test, data=source.name)
    print(_reference(found), file=sys.stderr, flush=True)
    plots.save_cost_quality(found, output / f"{source.name.replace('/', '-')}.png")
    lines = {router: [line] for router, line in found.routers.items()}
    bench = Bench(train, test, n_resamples=1)
    for one in fit_apart(source, [(routers, seed) for seed in range(1, seeds)], at_once=2):
        for router, fit in one.items():
            lines[router].append(line_figures.full_line(bench, bench.judged(fit.predictions)))
    return list(_rows(found, lines, fits))


def fit_apart(
    source: Source, jobs: Sequence[tuple[Sequence[str], int]], at_once: int
) -> list[dict[str, Fit]]:
    """``fit_all`` for each job's routers and seed, each in a fresh process."""
    context = get_context("spawn")
    with ProcessPoolExecutor(at_once, context, max_tasks_per_child=1) as processes:
        begun = [processes.submit(fit_all, source, *job) for job in jobs]
        return [one.result() for one in begun]


def fit_all(source: Source, routers: Sequence[str], seed: int) -> dict[str, Fit]:
    """Fit each router on the training rows; they share an encoder, whose time counts for each."""
    train, test = source.sides()
    before, began = _peak_megabytes(), time.perf_counter()
    encoder = source.reader(train.queries, seed)
    encoding = time.perf_counter() - began
    found = {}
    for router, router_class in contestants.classes(routers).items():
        print(f"{source.name}: {router}, seed {seed}", file=sys.stderr, flush=True)
        began = time.perf_counter()
        own = _reads_with_a_model(router_class)
        reader = {"model": str(source.model)} if own else {"encoder": encoder}
        fitted = router_class(train.models, seed=seed, **reader).fit(train)
        seconds = encoding + time.perf_counter() - began
        took = Took(seconds, _peak_megabytes() - before, _decision(fitted, test.queries))
        found[router] = Fit(fitted.predict(test.queries), took)
    return found


def _reads_with_a_model(router_class: type[PredictiveRouter]) -> bool:
    return "model" in inspect.signature(router_class).parameters


def _decision(router: PredictiveRouter, texts: Sequence[str]) -> float:
    """Median milliseconds of a decision, for texts that were not seen before."""
    times = []
    for text in texts[:_TIMED]:
        began = time.perf_counter()
        router.route(text)
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1000


def _peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _contestants(fits: Mapping[str, Fit], n_models: int) -> dict[str, Any]:
    """The predictions; of a pair also the text's length, which needs no training."""
    found: dict[str, Any] = {router: fit.predictions for router, fit in fits.items()}
    if n_models == 2:
        found["prompt_length"] = lambda texts: [len(text) for text in texts]
    return found


def _rows(
    found: Evaluation, lines: Mapping[str, Sequence[Line]], fits: Mapping[str, Fit]
) -> Iterator[Row]:
    for metric in ("AIQ", "APGR"):
        for router, each in lines.items():
            if (value := _figure(metric, each[0])) is not None:
                values = [value, *(_figure(metric, line) or value for line in each[1:])]
                yield _row(found, metric, router, values, fits.get(router))


def _figure(metric: str, line: Line) -> float | None:
    return line.aiq_range if metric == "AIQ" else line.metrics.get("apgr")


def _row(
    found: Evaluation, metric: str, router: str, values: Sequence[float], fit: Fit | None
) -> Row:
    zero, at_random, interval, above = _bars(found, metric, found.routers[router])
    beaten = "zero router" if above[0] > 0 else "random only" if interval[0] > at_random else "-"
    return Row(
        data=found.data,
        metric=metric,
        router=router,
        mean=float(np.mean(values)),
        lowest=min(values),
        highest=max(values),
        interval=interval,
        zero=zero,
        above=above,
        beats=beaten,
        took=None if fit is None else fit.took,
    )


def _bars(found: Evaluation, metric: str, line: Line) -> tuple[float, float, Interval, Interval]:
    """What the zero router and a random choice reach; the line's interval, and above the former."""
    if metric == "APGR":
        low, high = line.interval["apgr"]
        return 0.5, 0.5, (low, high), (low - 0.5, high - 0.5)
    zero, at_random = found.lines["zero"].aiq_range, found.lines["random"].quality
    return zero or 0.0, at_random or 0.0, line.interval["aiq_range"], line.interval["aiq_over_zero"]


def _reference(found: Evaluation) -> str:
    """The lines beside which any router is read."""
    told = ", ".join(
        f"{name} {line.aiq_range or line.quality or 0.0:.4f}" for name, line in found.lines.items()
    )
    return f"{found.data}, {found.n_test:,} test rows: {told}"


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    heads = ("data", "metric", "router", "mean", "seeds", "95 % interval", "zero router", "beats",
             "fit s", "MB", "ms")  # fmt: skip
    lines = [heads, ("---",) * len(heads), *map(_cells, rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _cells(row: Row) -> tuple[str, ...]:
    took = row.took
    return (
        row.data,
        row.metric,
        row.router,
        f"{row.mean:.4f}",
        f"{row.lowest:.4f} to {row.highest:.4f}",
        "{:.4f} to {:.4f}".format(*row.interval),
        f"{row.zero:.4f}",
        row.beats,
        f"{took.seconds:.1f}" if took else "",
        f"{took.megabytes:.0f}" if took else "",
        f"{took.milliseconds:.2f}" if took else "",
    )


def write(rows: Sequence[Row], folder: Path) -> None:
    """The table, the figures, and a picture of all sets."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "quality.md").write_text(table(rows) + "\n", encoding="utf-8")
    figures = json.dumps([asdict(row) for row in rows], indent=1)
    (folder / "quality.json").write_text(figures + "\n", encoding="utf-8")
    picture(rows).savefig(folder / "quality.png", dpi=150)


def picture(rows: Sequence[Row]) -> Figure:
    """A panel for each set and metric: mean, every router's interval, and the zero router."""
    panels: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        panels.setdefault((row.data, row.metric), []).append(row)
    figure = Figure(figsize=(9, 1 + 0.28 * len(rows)), layout="constrained", facecolor="white")
    heights = [len(panel) for panel in panels.values()]
    axes = figure.subplots(len(panels), squeeze=False, height_ratios=heights)[:, 0]
    for one, ((data, metric), panel) in zip(axes, panels.items(), strict=True):
        for place, row in enumerate(panel):
            one.plot(row.interval, (place, place), color=plots.COLOURS[0], alpha=0.5)
            one.plot((row.lowest, row.highest), (place, place), color=plots.COLOURS[0], linewidth=4)
            one.plot([row.mean], [place], "o", color=plots.COLOURS[1])
        one.axvline(panel[0].zero, color="#6b6b6b", linestyle="--")
        one.set_yticks(range(len(panel)), [row.router for row in panel], fontsize=8)
        one.set_ylim(len(panel) - 0.5, -0.5)
        one.set_title(f"{data}, {metric} (dashed: zero router)", fontsize=9)
    return figure


if __name__ == "__main__":
    sys.exit(main())
