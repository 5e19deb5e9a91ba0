"""Routers that listen before they choose, on recorded outcomes: every answer heard is paid for.

    python benchmarks/cascades.py FOLDER [--rows 300] [--figure cascades.svg]

FOLDER holds `cascade_conf` and `zeroeval`; the project's own outcomes come with it. AUC is the mean
quality of the cost-quality hull between the cheapest and the dearest single model (2410.10347);
everything is fitted, calibrated and chosen on `train`, and judged on `test`; differences carry 95 %
paired-bootstrap intervals. A judge of error e is the true score, flipped with probability e
(RouterBench, arXiv 2403.12031).
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from shared_core import (
    Answer,
    CascadeRouter,
    CostQuality,
    FunctionEncoder,
    HybridRouter,
    KNNRouter,
    LearnedScorer,
    LexicalEncoder,
    MeanEntropy,
    MeanLogprob,
    ModelPool,
    OutcomeTable,
    Query,
    Scorer,
    small_models,
)
from shared_core.evaluation import cost_metrics
from shared_core.evaluation.replay import Replay, cascade_auc, ibc_lift, replay
from shared_core.routers.base import Router
from shared_core.scorers.calibration import Calibrated
from shared_core.scorers.learned import answer_of, answers_of

WEIGHTS = (0.0, *np.geomspace(3e-3, 3.0, 16).tolist())
THRESHOLDS = np.linspace(0.1, 0.9, 7).tolist()
ERRORS = (0.0, 0.01, 0.05, 0.1, 0.2, 0.4)
N_RESAMPLES = 100


@dataclass(frozen=True)
class Recorded(Scorer):
    """Looks a score up: (query text, model) -> score."""

    scores: dict[tuple[str, str], float] = field(default_factory=dict, repr=False)

    def score(self, query: Query, answer: Answer, others: Sequence[Answer] = ()) -> float:
        return self.scores.get((query.text, answer.model), float("nan"))


@dataclass(frozen=True)
class Contest:
    """One data set: what to fit on, what to judge on, and who may answer."""

    name: str
    train: OutcomeTable
    test: OutcomeTable
    pool: ModelPool
    inner: KNNRouter

    def routing(self) -> list[Replay]:
        """The predictive router at all cost weights."""
        return [self._with_weight(weight) for weight in WEIGHTS]

    def _with_weight(self, weight: float) -> Replay:
        self.inner.policy = CostQuality(weight)
        return replay(self.inner, self.test)

    def cascade(self, scorer: Scorer) -> list[Replay]:
        """The chains and thresholds on the training rows' hull, on the test rows."""
        names = self.pool.by_price()
        chains = [names[i:j] for i in range(len(names)) for j in range(i + 1, len(names) + 1)]
        tried = [
            CascadeRouter([self.pool[name] for name in chain], scorer, threshold)
            for chain in chains
            for threshold in (THRESHOLDS if len(chain) > 1 else [0.0])
        ]
        kept = _on_hull(tried, self.train)
        return [replay(router, self.test) for router in kept]

    def hybrid(self, scorer: Scorer) -> list[Replay]:
        """Cascade routing at all cost weights."""
        router = HybridRouter(self.inner, scorer).fit(self.train)
        found = []
        for weight in WEIGHTS:
            router.cost_weight = weight
            found.append(replay(router, self.test))
        return found

    def calibrated(self, scorer: Scorer) -> Calibrated:
        """The scorer, its score turned into a probability on the training rows."""
        cases = [(scorer(query, answer), quality) for query, answer, quality in _cases(self.train)]
        score, quality = np.array(cases).T
        return Calibrated(scorer).fitted(score, quality)


def main() -> int:
    """Print a table for each data set."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="folder of data sets")
    parser.add_argument("--rows", type=int, default=300, help="most test rows (default 300)")
    parser.add_argument("--figure", type=Path, help="draw our own outcomes' curves into this file")
    given = parser.parse_args()
    of_our_own(given.rows, given.figure)
    if not given.folder.is_dir():
        print(f"no data at {given.folder}: no more measured", file=sys.stderr)
        return 1
    self_verified(given.folder / "cascade_conf")
    simulated_judge(given.folder / "zeroeval", given.rows)
    return 0


def of_our_own(rows: int, figure: Path | None) -> None:
    """Three small models with real log-probabilities."""
    table, pool = small_models()
    train, test = table.priced(pool).split("train"), table.priced(pool).split("test")
    inner = KNNRouter(pool).fit(train)
    contest = Contest("small_models", train, _first(test, rows), pool, inner)
    scorers = {
        "log-probability": contest.calibrated(MeanLogprob()),
        "entropy": contest.calibrated(MeanEntropy()),
        "learned": LearnedScorer().fitted(train),
    }
    curves = compare(contest, scorers)
    if figure is not None:
        draw(curves, contest, figure)


def self_verified(folder: Path) -> None:
    """Llama 3.1 8B and GPT-5, with self-verification and log-probabilities; no query texts."""
    table = OutcomeTable.read(folder / "outcomes.parquet")
    table = replace(table, queries=tuple(map(str, table.columns["query_id"])))
    train, test = table.split("train"), table.split("test")
    mean_cost = train.cost.mean(axis=0).tolist()
    pool = ModelPool(
        {"name": name, "input_price": cost, "output_price": cost}
        for name, cost in zip(table.models, mean_cost, strict=True)
    )
    nothing = FunctionEncoder(lambda texts: np.ones((len(texts), 1), np.float32), name="nothing")
    inner = KNNRouter(pool, encoder=nothing, k=150).fit(train)
    contest = Contest("cascade_conf", train, test, pool, inner)
    columns = ("confidence", "avg_logprob", "avg_entropy_nats")
    scorers = {name: contest.calibrated(_column(table, name)) for name in columns}
    compare(contest, scorers)


def simulated_judge(folder: Path, rows: int) -> None:
    """24 models and a judge that errs so often; chains and routers on the training rows' hull."""
    table = OutcomeTable.read(folder / "outcomes.parquet")
    corner = _hull_models(table.split("train"))
    table = table.of(corner)
    train, test = table.split("train"), _first(table.split("test"), rows)
    pool = ModelPool(
        {"name": name, "input_price": cost, "output_price": cost}
        for name, cost in zip(corner, train.cost.mean(axis=0).tolist(), strict=True)
    )
    inner = KNNRouter(pool, encoder=LexicalEncoder().fit(train.queries)).fit(train)
    contest = Contest("zeroeval", train, test, pool, inner)
    compare(
        contest, {f"judge, error {e:.2f}": contest.calibrated(_judge(table, e)) for e in ERRORS}
    )


def compare(contest: Contest, scorers: dict[str, Scorer]) -> dict[str, list[Replay]]:
    """Print AUCs of routing, cascade and cascade routing for every scorer."""
    test = contest.test
    zero = cascade_auc(
        list(zip(test.cost.mean(axis=0), test.score.mean(axis=0), strict=True)), test
    )
    routing = contest.routing()
    curves = {"routing": routing}
    told = cascade_auc([one.point for one in routing], test)
    print(f"\n{contest.name}: {len(test):,} test rows, {len(test.models)} models")
    print(f"zero router {zero:.4f}, predictive router {told:.4f}")
    print(
        f"{'scorer':20} {'cascade':8} {'over routing':19} {'hybrid':8} {'over routing':19} IBC lift"
    )
    for name, scorer in scorers.items():
        cascade, hybrid = contest.cascade(scorer), contest.hybrid(scorer)
        curves[f"cascade, {name}"], curves[f"hybrid, {name}"] = cascade, hybrid
        cells = " ".join(_cell(one, routing, test) for one in (cascade, hybrid))
        print(f"{name:20} {cells} {_lift(contest, scorer)}", flush=True)
    return curves


def _cell(curve: list[Replay], routing: list[Replay], test: OutcomeTable) -> str:
    auc = cascade_auc([one.point for one in curve], test)
    rng = np.random.default_rng(0)
    samples = rng.integers(0, len(test), (N_RESAMPLES, len(test)))
    gains = [_auc_of(curve, rows, test) - _auc_of(routing, rows, test) for rows in samples]
    low, high = np.quantile(gains, [0.025, 0.975])
    return f"{auc:.4f}  {low:+.4f} to {high:+.4f} "


def _auc_of(curve: list[Replay], rows: np.ndarray, test: OutcomeTable) -> float:  # type: ignore[type-arg]
    points = np.array([(one.cost[rows].mean(), one.quality[rows].mean()) for one in curve])
    singles = test.cost[rows].mean(axis=0)
    return cost_metrics.aiq_range(*points.T, float(singles.min()), float(singles.max()))


def _lift(contest: Contest, scorer: Scorer) -> str:
    """AutoMix's lift of the cheapest-to-best cascade, its threshold chosen on the training rows."""
    small = contest.pool.by_price()[0]
    large = contest.train.models[int(contest.train.score.mean(axis=0).argmax())]
    if small == large:
        return "-"
    chain = [contest.pool[small], contest.pool[large]]
    tried = [CascadeRouter(chain, scorer, threshold) for threshold in THRESHOLDS]
    on_train = [replay(router, contest.train) for router in tried]
    worth = [
        (ibc_lift(one, contest.train, small, large), router)
        for one, router in zip(on_train, tried, strict=True)
        if 0.05 < float((one.asked > 1).mean()) < 0.95
    ]
    if not worth:
        return "-"
    _, best = max(worth, key=lambda pair: pair[0])
    return f"{ibc_lift(replay(best, contest.test), contest.test, small, large):+.0f} %"


def draw(curves: dict[str, list[Replay]], contest: Contest, path: Path) -> None:
    """One figure: quality over cost of the three architectures and the single models."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 4.5), layout="constrained")
    axes = figure.subplots()
    for name, colour in (("routing", "#1f5fa8"), ("cascade, learned", "#b5651d"),
                         ("hybrid, learned", "#0b6e4f")):  # fmt: skip
        points = np.array([one.point for one in curves[name]])
        cost, quality = cost_metrics.hull(*points.T)
        axes.plot(cost * 1e6, quality, "o-", color=colour, label=name.partition(",")[0])
    test = contest.test
    means = zip(test.models, test.cost.mean(axis=0), test.score.mean(axis=0), strict=True)
    for name, cost, quality in means:
        axes.plot(cost * 1e6, quality, "ks")
        axes.annotate(name, (cost * 1e6, quality), (6, -10), textcoords="offset points")
    axes.set_xlabel("mean cost of all models asked, USD per million queries")
    axes.set_ylabel("mean quality")
    axes.set_title(f"{len(test):,} held-out questions, three small models, answers as recorded")
    axes.legend(frameon=False, loc="lower right")
    axes.grid(alpha=0.25)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})


def _on_hull(routers: list[CascadeRouter], table: OutcomeTable) -> list[Router]:
    points = np.array([replay(router, table).point for router in routers])
    corners = set(zip(*(axis.tolist() for axis in cost_metrics.hull(*points.T)), strict=True))
    kept = {tuple(point): router for point, router in zip(points.tolist(), routers, strict=True)}
    return [router for point, router in kept.items() if point in corners]


def _hull_models(train: OutcomeTable) -> list[str]:
    cost, score = train.cost.mean(axis=0), train.score.mean(axis=0)
    corners = set(cost_metrics.hull(cost, score)[0].tolist())
    return [name for name, one in zip(train.models, cost.tolist(), strict=True) if one in corners]


def _judge(table: OutcomeTable, error: float) -> Recorded:
    def verdict(text: str, model: str, truth: float) -> float:
        digest = hashlib.sha256(f"{model} {text}".encode()).digest()
        is_wrong = int.from_bytes(digest[:8], "big") / 2**64 < error
        return 1.0 - truth if is_wrong else truth

    return Recorded(
        {
            (text, model): verdict(text, model, float(table.score[row, column]))
            for row, text in enumerate(table.queries)
            for column, model in enumerate(table.models)
        }
    )


def _column(table: OutcomeTable, name: str) -> Recorded:
    """A column's values as scores of the small model's answers; less entropy is better."""
    sign = -1.0 if "entropy" in name else 1.0
    values = zip(table.queries, table.columns[name], strict=True)
    return Recorded({(text, table.models[0]): sign * float(value) for text, value in values})


def _cases(table: OutcomeTable) -> list[tuple[Query, Answer, float]]:
    """Every answer, recorded or not, with its score."""
    return answers_of(table) or [
        (Query(text), answer_of(table, row, model), float(table.score[row, column]))
        for row, text in enumerate(table.queries)
        for column, model in enumerate(table.models)
    ]


def _first(table: OutcomeTable, rows: int) -> OutcomeTable:
    return table.rows(range(min(rows, len(table))))


if __name__ == "__main__":
    sys.exit(main())
