"""What routers do with what they have not seen: domains under guard, and models added later.

    python benchmarks/unseen.py FOLDER [--sets mmlu_pro] [--parts guard] [--router auto]

FOLDER holds data sets, each a folder with an `outcomes.parquet`. Intervals are 95 % bootstrap
intervals over queries.

Guard: each `dataset` label in turn is left out. A guarded router learns from the training rows of
the other labels and decides all rows of that one, at three cost weights. Told are the quality
against the model that was best on the rows learned from, and the share of rows that got another
one. Then, on the ordinary split: how much of the router's gain in utility over that model, and of
its saving, the guard keeps on test rows. A router whose gain is small has no meaningful share.

New model: the cheapest, a middling and the best model in turn come later, known from anchor queries
only. Told is the AIQ (see quality.py) on test rows, less that of the same router trained on all.

The default, linear routers and the two largest labels of a set, takes some minutes; the whole,
`--router auto --labels 0 --seeds 3`, an hour and more.
"""

from __future__ import annotations

import argparse
import copy
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from arguments import of_data

from shared_core import (
    Candidate,
    CostQuality,
    GuardedRouter,
    LexicalEncoder,
    OutcomeTable,
    PredictiveRouter,
    Query,
    RoutingDecision,
    choose_anchors,
)
from shared_core.evaluation import contestants
from shared_core.evaluation.bench import Bench, complete
from shared_core.evaluation.bootstrap import Resamples, interval

SETS: Final = ("zeroeval", "llmrouter_mix", "mmlu_pro")
FEWEST_LABELS: Final = 4
"""Sets of fewer have too few left when one is left out."""
WEIGHTS: Final = (0.0, 0.03, 0.1)
ANCHORS: Final = {400: 0.01, 100: 0.02}
"""How many anchors, and what may be lost with them."""
BAR: Final = 0.003
"""Quality that may be lost in a new domain."""

Vector = Any
Router = type[PredictiveRouter]


def main() -> int:
    """Print a line for each label and weight, then for each new model."""
    given = _arguments()
    if not given.folder.is_dir():
        print(f"no data at {given.folder}: nothing measured", file=sys.stderr)
        return 1
    (router,) = contestants.classes([given.router]).values()
    for name in given.sets.split(","):
        table = OutcomeTable.read(given.folder / name / "outcomes.parquet")
        if "guard" in given.parts and len(set(table.columns["dataset"])) >= FEWEST_LABELS:
            _print(guard_lines(name, table, router, given.labels))
        if "new" in given.parts:
            _print(new_model_lines(name, table, router, given.seeds))
    return 0


def _print(lines: Iterator[str]) -> None:
    for line in lines:
        print(line, flush=True)


def _arguments() -> argparse.Namespace:
    parser = of_data(__doc__)
    parser.add_argument("--sets", default=",".join(SETS), help=f"out of {','.join(SETS)}")
    parser.add_argument("--parts", default="guard,new", help="what to measure (default guard,new)")
    parser.add_argument("--router", default="linear", help="who is guarded and extended")
    parser.add_argument("--labels", type=int, default=2, help="labels of a set; 0 is all of them")
    parser.add_argument("--seeds", type=int, default=1, help="draws of the anchors (default 1)")
    return parser.parse_args()


def guard_lines(name: str, table: OutcomeTable, router: Router, most: int) -> Iterator[str]:
    """A line for each label and weight, a summary for each weight, and what is kept."""
    labels = np.array([str(one) for one in table.columns["dataset"]])
    training = np.array([side == "train" for side in table.columns["split"]])
    names, sizes = np.unique(labels, return_counts=True)
    chosen = names[np.argsort(-sizes, kind="stable")][: most or None]
    yield f"{'set':14} {'left out':20}  rows weight  quality (95 % interval)        routed"
    found: dict[float, list[float]] = {weight: [] for weight in WEIGHTS}
    for label in chosen:
        _report(f"{name}: without {label}")
        guard = guarded(router, table.rows(training & (labels != label)))
        there = complete(table.rows(labels == label))
        for weight in WEIGHTS:
            change, routed = lost(guard, there, weight)
            found[weight].append(float(change.mean()))
            yield (f"{name:14} {label:20} {len(there):5} {weight:6} {_told(change)}  {routed:6.1%}")
    for weight, each in found.items():
        missed = sum(one < -BAR for one in each)
        yield (f"{name:14} at weight {weight}: mean {np.mean(each):+.4f}, worst {min(each):+.4f}, "
               f"below -{BAR} in {missed} of {len(each)} labels")  # fmt: skip
    _report(f"{name}: the ordinary split")
    guard, test = guarded(router, table.split("train")), complete(table.split("test"))
    for weight in WEIGHTS:
        yield f"{name:14} {kept(guard, test, weight)}"


def guarded(router: Router, train: OutcomeTable) -> GuardedRouter:
    """A guard around a router, both learned from these rows."""
    return GuardedRouter(router(train.models)).fit(train)


def lost(guard: GuardedRouter, there: OutcomeTable, weight: float) -> tuple[Vector, float]:
    """Quality (n,) against the guard's fallback, and the share of rows that got another model."""
    chosen, safe = _columns(_decided(guard, there, weight), there), _safe(guard, there)
    rows = np.arange(len(there))
    return there.score[rows, chosen] - there.score[:, safe], float((chosen != safe).mean())


def kept(guard: GuardedRouter, test: OutcomeTable, weight: float) -> str:
    """How much of the router's gain and saving over the fallback is left under guard."""
    safe, rows = _safe(guard, test), np.arange(len(test))
    told = []
    for router in (guard, guard.router):
        chosen = _columns(_decided(router, test, weight), test)
        quality = (test.score[rows, chosen] - test.score[:, safe]).mean()
        saved = (test.cost[:, safe] - test.cost[rows, chosen]).mean() / guard.cost_unit_
        told.append((quality + weight * saved, saved, quality, (chosen != safe).mean()))
    ours, bare = told
    return (
        f"known ground, n {len(test)}, weight {weight}: utility {ours[0]:+.4f} of {bare[0]:+.4f}, "
        f"saved units {ours[1]:+.3f} of {bare[1]:+.3f}, quality {ours[2]:+.4f} of {bare[2]:+.4f}, "
        f"routed {ours[3]:.1%} of {bare[3]:.1%}"
    )


def _decided(router: Any, table: OutcomeTable, weight: float) -> list[RoutingDecision]:
    return [router.route(Query(text, cost_weight=weight)) for text in table.queries]


def _columns(decisions: Sequence[RoutingDecision], table: OutcomeTable) -> Any:
    return np.array([table.models.index(one.model) for one in decisions])


def _safe(guard: GuardedRouter, table: OutcomeTable) -> int:
    return table.models.index(guard.best_single(CostQuality(0.0), table.models))


def new_model_lines(name: str, table: OutcomeTable, router: Router, seeds: int) -> Iterator[str]:
    """A line for each new model and number of anchors, and a summary for each number."""
    train, test = table.split("train"), complete(table.split("test"))
    encoder = LexicalEncoder(seed=0).fit(train.queries)
    drawn = {(n, s): choose_anchors(train, encoder, n, s) for n in ANCHORS for s in range(seeds)}
    _report(f"{name}: trained on every model")
    whole = aiq(router(train.models, encoder=encoder).fit(train), train, test)
    yield f"{'set':14} {'new model':32} anchors  AIQ less {whole:.4f}, of retraining"
    found: dict[int, list[float]] = {n: [] for n in ANCHORS}
    for new in new_models(train):
        _report(f"{name}: {new} comes later")
        names = [model for model in train.models if model != new]
        before = router(names, encoder=encoder).fit(train.of(names))
        for n in ANCHORS:
            each = [_extended(before, new, train.rows(drawn[n, s])) for s in range(seeds)]
            less = [aiq(one, train, test) - whole for one in each]
            found[n] += less
            yield f"{name:14} {new:32} {n:7}  {' '.join(f'{one:+.4f}' for one in less)}"
    for n, less in found.items():
        missed = sum(one < -ANCHORS[n] for one in less)
        yield (f"{name:14} {n} anchors: mean {np.mean(less):+.4f}, worst {min(less):+.4f}, "
               f"below -{ANCHORS[n]} in {missed} of {len(less)}")  # fmt: skip


def new_models(train: OutcomeTable) -> list[str]:
    """The cheapest, the one in the middle by quality, and the best; no model twice."""
    quality, cost = train.score.mean(axis=0), train.cost.mean(axis=0)
    order = np.argsort(quality, kind="stable")
    cheapest, best = int(np.lexsort((-quality, cost))[0]), int(order[-1])
    rest = [int(one) for one in order if one not in (cheapest, best)]
    return [train.models[one] for one in dict.fromkeys((cheapest, rest[len(rest) // 2], best))]


def _extended(router: PredictiveRouter, new: str, anchors: OutcomeTable) -> PredictiveRouter:
    extended = copy.copy(router)
    extended.add_candidate(Candidate(name=new), anchors)
    return extended


def aiq(router: PredictiveRouter, train: OutcomeTable, test: OutcomeTable) -> float:
    """AIQ (range) on the test rows."""
    bench = Bench(train, test, n_resamples=1)
    return bench.line_of(bench.judged(router)).aiq_range or 0.0


def _told(change: Vector) -> str:
    resampled = Resamples(len(change)).means(lambda rows: change[rows, None])[1][:, 0]
    low, high = interval(resampled)
    return f"{change.mean():+.4f} ({low:+.4f} to {high:+.4f})"


def _report(told: str) -> None:
    print(told, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
