"""Routers that listen before they choose, on recorded outcomes: every answer heard is paid for.

    python benchmarks/cascades.py FOLDER [--figure architectures.svg] [--table cascades.md]

FOLDER holds `cascade_conf` and `zeroeval`; the project's own outcomes come with it. AUC is the mean
quality of the cost-quality hull between the cheapest and the dearest single model (2410.10347). All
is fitted and chosen on `train`, scores and predictions for it cross-fitted, and judged on all rows
of `test`. Intervals are 95 %, of a paired bootstrap over questions. A judge of error e is the true
score, flipped with probability e (RouterBench, arXiv 2403.12031). What a scorer adds is the share
of variance that it explains beyond what the router predicts from the question. Four minutes.
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from arguments import of_data
from cascade_contest import (
    Contest,
    Vector,
    contest_of,
    hull_models,
    priced,
    readers,
)
from cascade_report import added, auroc, draw, interval, signed, tell, verdict
from cascade_scorers import Fit, calibrated, column, cross_fitted, judge, scores_of

from shared_core import (
    FunctionEncoder,
    KNNRouter,
    LearnedScorer,
    MeanEntropy,
    MeanLogprob,
    OutcomeTable,
    small_models,
)
from shared_core.evaluation.replay import Replay

FINE_WEIGHTS = (0.0, *np.geomspace(0.05, 0.6, 40).tolist())
ERRORS = (0.0, 0.01, 0.05, 0.1, 0.2, 0.4)
HEADINGS = (
    "scorer",
    "tells right from wrong (AUROC)",
    "adds about its answer",
    "adds about going on",
    "cascade AUC",
    "over the best of zero line and routing",
    "hybrid AUC",
    "over the best of both",
    "hybrid over cascade",
    "IBC lift",
    "so",
)


def main() -> int:
    """Print a table for each data set."""
    parser = of_data(__doc__)
    parser.add_argument("--figure", type=Path, help="draw the curves into this file")
    parser.add_argument("--table", type=Path, help="write the table into this file")
    given = parser.parse_args()
    lines: list[str] = []
    own, curves = of_our_own(lines)
    if not given.folder.is_dir():
        print(f"no data at {given.folder}: no more measured", file=sys.stderr)
        return 1
    self_verified(given.folder / "cascade_conf", lines)
    over_errors = simulated_judge(given.folder / "zeroeval", lines)
    if given.figure is not None:
        draw(own, curves, over_errors, ERRORS, given.figure)
    if given.table is not None:
        given.table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


def of_our_own(lines: list[str]) -> tuple[Contest, dict[str, list[Replay]]]:
    """Three small models with real log-probabilities."""
    table, pool = small_models()
    table = table.priced(pool)
    contest = contest_of("small_models", table, readers(pool, table))
    scorers: dict[str, Fit] = {
        "log-probability": calibrated(MeanLogprob()),
        "entropy": calibrated(MeanEntropy()),
        "learned": LearnedScorer().fitted,
        "learned, what to keep": LearnedScorer(target="keep").fitted,
        "perfect judge": lambda _: judge(table, 0.0),
    }
    return contest, compare(contest, scorers, lines)


def self_verified(folder: Path, lines: list[str]) -> None:
    """Llama 3.1 8B and GPT-5, with self-verification and log-probabilities; no query texts."""
    table = OutcomeTable.read(folder / "outcomes.parquet")
    opaque = [hashlib.sha256(str(one).encode()).hexdigest() for one in table.columns["query_id"]]
    small = table.models[0]
    nobody = np.full(len(table), np.nan)
    measures = {
        name: np.column_stack([np.asarray(table.columns[column], float), nobody])
        for name, column in (("logprob", "avg_logprob"), ("entropy", "avg_entropy_nats"))
    }
    table = replace(
        table,
        queries=tuple(opaque),  # the ids name the task, which nobody may see
        measures={**table.measures, **measures},
        answers={small: tuple(str(one) for one in table.columns[f"response.{small}"])},
    )
    nothing = FunctionEncoder(lambda texts: np.ones((len(texts), 1), np.float32), name="nothing")
    constant = KNNRouter(priced(table), encoder=nothing, shrinkage=1e6)
    contest = contest_of("cascade_conf", table, [constant], FINE_WEIGHTS)
    columns = ("confidence", "avg_logprob", "avg_entropy_nats")
    scorers: dict[str, Fit] = {name: calibrated(column(table, name)) for name in columns}
    scorers |= {
        "learned": LearnedScorer().fitted,
        "learned, what to keep": LearnedScorer(target="keep").fitted,
        "perfect judge": lambda _: judge(table, 0.0),
    }
    compare(contest, scorers, lines)


def simulated_judge(folder: Path, lines: list[str]) -> dict[str, list[Vector]]:
    """Those of 24 models that are worth their cost on train, and a judge that errs so often."""
    table = OutcomeTable.read(folder / "outcomes.parquet")
    table = table.of(hull_models(table.split("train")))
    contest = contest_of("zeroeval", table, readers(priced(table), table))
    judges: dict[str, Fit] = {
        f"judge, error {error:.2f}": calibrated(judge(table, error)) for error in ERRORS
    }
    curves = compare(contest, judges, lines)
    return {
        kind: [contest.auc(curves.get(f"{kind}, {name}", curves["routing"])) for name in judges]
        for kind in ("routing", "cascade", "hybrid")
    }


def compare(contest: Contest, scorers: dict[str, Fit], lines: list[str]) -> dict[str, list[Replay]]:
    """Report AUCs of routing, cascade and cascade routing for every scorer."""
    zero, routing = contest.auc(contest.singles()), contest.auc(contest.routing())
    curves = {"routing": contest.routing()}
    tell(lines, f"\n### {contest.name}: {len(contest.test):,} test questions of all")
    told = f"Zero line {interval(zero)}; best predictive router {interval(routing)}"
    tell(lines, f"\n{told}, over the zero line {signed(routing - zero)}.")
    tell(lines, f"AUROC, what is added and lift: {' -> '.join(contest.pair)}.\n")
    tell(lines, f"| {' | '.join(HEADINGS)} |\n{'|---' * len(HEADINGS)}|")
    for name, fit in scorers.items():
        scorer, scores = fit(contest.train), cross_fitted(fit, contest.train)
        cascade, hybrid = contest.cascade(scorer, scores), contest.hybrid(scorer, scores)
        curves |= {f"cascade, {name}": cascade, f"hybrid, {name}": hybrid}
        best = np.maximum(zero, routing) if zero[0] > routing[0] else routing
        own, both = contest.auc(cascade), contest.auc(hybrid)
        lift = contest.lift(scorer, scores)
        heard = scores_of(scorer, contest.test)
        adds = [added(contest, scores, heard, going_on=one) for one in (False, True)]
        cells = [
            name, interval(auroc(contest, heard)), *map(signed, adds), interval(own),
            signed(own - best), interval(both), signed(both - best), signed(both - own),
            f"{lift:+.0f} %", verdict(*adds, own - best, both - best),
        ]  # fmt: skip
        tell(lines, f"| {' | '.join(cells)} |")
    return curves


if __name__ == "__main__":
    sys.exit(main())
