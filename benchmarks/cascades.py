"""Routers that listen before they choose, on recorded outcomes: every answer heard is paid for.

    python benchmarks/cascades.py FOLDER [--figure architectures.svg] [--table cascades.md]

FOLDER holds `cascade_conf` and `zeroeval`; the project's own outcomes come with it. AUC is the mean
quality of the cost-quality hull between the cheapest and the dearest single model (2410.10347). All
is fitted and chosen on `train`, scores and predictions for it cross-fitted, and judged on all rows
of `test`. Intervals are 95 %, of a paired bootstrap over questions. A judge of error e is the true
score, flipped with probability e (RouterBench, arXiv 2403.12031). Four minutes.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared_core import (
    Answer,
    CascadeRouter,
    CostQuality,
    FunctionEncoder,
    HybridRouter,
    KNNRouter,
    LearnedScorer,
    LexicalEncoder,
    LinearRouter,
    MeanEntropy,
    MeanLogprob,
    ModelPool,
    OutcomeTable,
    Predictions,
    PredictiveRouter,
    Query,
    Scorer,
    small_models,
)
from shared_core.evaluation import cost_metrics
from shared_core.evaluation.cascade_metrics import paid_cascade
from shared_core.evaluation.replay import Replay, ibc_lift, replay
from shared_core.policies.base import Matrix
from shared_core.routers.predictive.cross_validation import folds
from shared_core.scorers.calibration import Calibrated
from shared_core.scorers.learned import answer_of

Rows = NDArray[np.int64]
Vector = NDArray[np.float64]
Fit = Callable[[OutcomeTable], Scorer]

WEIGHTS = (0.0, *np.geomspace(0.01, 2.0, 14).tolist())
FINE_WEIGHTS = (0.0, *np.geomspace(0.05, 0.6, 40).tolist())
ERRORS = (0.0, 0.01, 0.05, 0.1, 0.2, 0.4)
HEADINGS = (
    "scorer",
    "tells right from wrong (AUROC)",
    "cascade AUC",
    "over the best of zero line and routing",
    "hybrid AUC",
    "over the best of both",
    "hybrid over cascade",
    "IBC lift",
    "so",
)
N_THRESHOLDS = 15
N_FOLDS = 5
N_RESAMPLES = 400


@dataclass(frozen=True)
class Recorded(Scorer):
    """Looks a score up: (query text, model) -> score."""

    scores: dict[tuple[str, str], float] = field(default_factory=dict, repr=False)

    def score(self, query: Query, answer: Answer, others: Sequence[Answer] = ()) -> float:
        return self.scores.get((query.text, answer.model), float("nan"))


class Remembering(PredictiveRouter):
    """A fitted router's predictions, worked out once for all texts that will be asked for."""

    def __init__(self, inner: PredictiveRouter, texts: Sequence[str]) -> None:
        super().__init__(inner.pool)
        self.known = inner.predict(texts)
        self.row = {text: i for i, text in enumerate(texts)}
        self.cost_unit_ = self.known.cost_unit

    def predict(self, texts: Sequence[str]) -> Predictions:
        rows = [self.row[text] for text in texts]
        return replace(self.known, quality=self.known.quality[rows], cost=self.known.cost[rows])

    def _fit(self, *_: object) -> None: ...

    def _predict(self, vectors: Matrix) -> tuple[Matrix, Matrix]:
        raise NotImplementedError


@dataclass(frozen=True)
class Contest:
    """One data set: what to fit on, what to judge on, and who may answer.

    Args:
        inner: the best predictive router, fitted.
        expected: what it predicts for training rows it did not see (n, m).
        samples: rows of test (resamples, n), the first of them as they are.
    """

    name: str
    train: OutcomeTable
    test: OutcomeTable
    pool: ModelPool
    inner: PredictiveRouter
    expected: Matrix
    weights: Sequence[float]
    samples: Rows

    def routing(self) -> list[Replay]:
        """The predictive router at all cost weights."""
        return [self._with_weight(weight) for weight in self.weights]

    def _with_weight(self, weight: float) -> Replay:
        self.inner.policy = CostQuality(weight)
        return replay(self.inner, self.test)

    def singles(self) -> list[Replay]:
        """Each model alone: their hull is the zero line."""
        ones = np.ones(len(self.test))
        columns = zip(self.test.score.T, self.test.cost.T, strict=True)
        return [Replay(score, cost, ones) for score, cost in columns]

    def cascade(self, scorer: Scorer, scores: Matrix) -> list[Replay]:
        """The chains and thresholds on the training rows' hull, on the test rows."""
        tried = [
            (chain, threshold, paid_cascade(*self._chain(chain, threshold, scores)))
            for chain in _chains(self.pool.by_price())
            for threshold in (_thresholds(scores) if len(chain) > 1 else [0.0])
        ]
        points = np.array([[axis.mean() for axis in paid] for *_, paid in tried])
        hull = zip(*(axis.tolist() for axis in cost_metrics.hull(*points.T)), strict=True)
        chosen = dict(zip(map(tuple, points.tolist()), tried, strict=True))
        kept = [chosen[point] for point in hull if point in chosen]
        return [replay(self._router(chain, at, scorer), self.test) for chain, at, _ in kept]

    def hybrid(self, scorer: Scorer, scores: Matrix) -> list[Replay]:
        """Cascade routing at all cost weights."""
        router = HybridRouter(self.inner, scorer, longest=5)
        router.fit(self.train, scores=scores, expected=self.expected)
        found = []
        for weight in self.weights:
            router.cost_weight = weight
            found.append(replay(router, self.test))
        return found

    @property
    def pair(self) -> tuple[str, str]:
        """The best single model on train, and the next cheaper one on its zero line."""
        *_, small, large = _hull_models(self.train)
        return small, large

    def lift(self, scorer: Scorer, scores: Matrix) -> float:
        """AutoMix's IBC lift of that pair, per cent, at the threshold that lifts most on train."""
        best, at = -np.inf, 0.0
        for threshold in _thresholds(scores):
            cost, quality = paid_cascade(*self._chain(self.pair, threshold, scores))
            one = Replay(quality, cost, np.ones(len(cost)))
            if (worth := ibc_lift(one, self.train, *self.pair)) > best:
                best, at = worth, threshold
        on_test = replay(self._router(self.pair, at, scorer), self.test)
        return ibc_lift(on_test, self.test, *self.pair)

    def auc(self, curve: list[Replay]) -> Vector:
        """Cascade AUC (resamples,), the first on the test rows as they are."""
        cost = np.array([one.cost[self.samples].mean(axis=1) for one in curve])
        quality = np.array([one.quality[self.samples].mean(axis=1) for one in curve])
        singles = self.test.cost[self.samples].mean(axis=1)
        ends = zip(cost.T, quality.T, singles.min(axis=1), singles.max(axis=1), strict=True)
        return np.array([cost_metrics.aiq_range(*one) for one in ends])

    def _chain(
        self, chain: Sequence[str], threshold: float, scores: Matrix
    ) -> tuple[list[int], NDArray[np.bool_], Matrix, Matrix]:
        order = [self.train.models.index(name) for name in chain]
        return order, scores >= threshold, self.train.score, self.train.cost

    def _router(self, chain: Sequence[str], threshold: float, scorer: Scorer) -> CascadeRouter:
        return CascadeRouter([self.pool[name] for name in chain], scorer, threshold)


def main() -> int:
    """Print a table for each data set."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="folder of data sets")
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
        draw(own, curves, over_errors, given.figure)
    if given.table is not None:
        given.table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


def of_our_own(lines: list[str]) -> tuple[Contest, dict[str, list[Replay]]]:
    """Three small models with real log-probabilities."""
    table, pool = small_models()
    table = table.priced(pool)
    contest = _contest("small_models", table, _readers(pool, table))
    scorers: dict[str, Fit] = {
        "log-probability": _calibrated(MeanLogprob()),
        "entropy": _calibrated(MeanEntropy()),
        "learned": LearnedScorer().fitted,
        "perfect judge": lambda _: _judge(table, 0.0),
    }
    return contest, compare(contest, scorers, lines)


def self_verified(folder: Path, lines: list[str]) -> None:
    """Llama 3.1 8B and GPT-5, with self-verification and log-probabilities; no query texts."""
    table = OutcomeTable.read(folder / "outcomes.parquet")
    opaque = [hashlib.sha256(str(one).encode()).hexdigest() for one in table.columns["query_id"]]
    table = replace(table, queries=tuple(opaque))  # the ids name the task, which nobody may see
    nothing = FunctionEncoder(lambda texts: np.ones((len(texts), 1), np.float32), name="nothing")
    constant = KNNRouter(_priced(table), encoder=nothing, shrinkage=1e6)
    contest = _contest("cascade_conf", table, [constant], FINE_WEIGHTS)
    columns = ("confidence", "avg_logprob", "avg_entropy_nats")
    scorers: dict[str, Fit] = {name: _calibrated(_column(table, name)) for name in columns}
    compare(contest, scorers | {"perfect judge": lambda _: _judge(table, 0.0)}, lines)


def simulated_judge(folder: Path, lines: list[str]) -> dict[str, list[Vector]]:
    """Those of 24 models that are worth their cost on train, and a judge that errs so often."""
    table = OutcomeTable.read(folder / "outcomes.parquet")
    table = table.of(_hull_models(table.split("train")))
    contest = _contest("zeroeval", table, _readers(_priced(table), table))
    judges: dict[str, Fit] = {
        f"judge, error {error:.2f}": _calibrated(_judge(table, error)) for error in ERRORS
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
    _tell(lines, f"\n### {contest.name}: {len(contest.test):,} test questions of all")
    told = f"Zero line {_interval(zero)}; best predictive router {_interval(routing)}"
    _tell(lines, f"\n{told}, over the zero line {_signed(routing - zero)}.")
    _tell(lines, f"AUROC and lift: {' -> '.join(contest.pair)}.\n")
    _tell(lines, f"| {' | '.join(HEADINGS)} |\n{'|---' * len(HEADINGS)}|")
    for name, fit in scorers.items():
        scorer, scores = fit(contest.train), _cross_fitted(fit, contest.train)
        cascade, hybrid = contest.cascade(scorer, scores), contest.hybrid(scorer, scores)
        curves |= {f"cascade, {name}": cascade, f"hybrid, {name}": hybrid}
        best = np.maximum(zero, routing) if zero[0] > routing[0] else routing
        own, both = contest.auc(cascade), contest.auc(hybrid)
        lift = contest.lift(scorer, scores)
        signal = _auroc(contest, _scores(scorer, contest.test))
        cells = [
            name, _interval(signal), _interval(own), _signed(own - best), _interval(both),
            _signed(both - best), _signed(both - own), f"{lift:+.0f} %",
            _verdict(signal, own - best, both - best),
        ]  # fmt: skip
        _tell(lines, f"| {' | '.join(cells)} |")
    return curves


def _tell(lines: list[str], text: str) -> None:
    lines.append(text)
    print(text, flush=True)


def _interval(values: Vector) -> str:
    low, high = np.quantile(values[1:], [0.025, 0.975])
    return f"{values[0]:.4f} ({low:.4f} to {high:.4f})"


def _signed(values: Vector) -> str:
    low, high = np.quantile(values[1:], [0.025, 0.975])
    return f"{values[0]:+.4f} ({low:+.4f} to {high:+.4f})"


def _verdict(signal: Vector, cascade: Vector, hybrid: Vector) -> str:
    heard = "tells right from wrong" if np.quantile(signal[1:], 0.025) > 0.5 else "tells nothing"
    return f"{heard}; cascade {_standing(cascade)}, hybrid {_standing(hybrid)}"


def _standing(gain: Vector) -> str:
    low, high = np.quantile(gain[1:], [0.025, 0.975])
    return "better" if low > 0 else "worse" if high < 0 else "level"


def _auroc(contest: Contest, scores: Matrix) -> Vector:
    """How often (resamples,) the better of two answers of the pair's small model scores higher."""
    column = contest.test.models.index(contest.pair[0])
    score, quality = scores[:, column], contest.test.score[:, column]
    better = quality[:, None] > quality
    higher = (np.sign(score[:, None] - score) + 1) / 2
    found = []
    for rows in contest.samples:
        weight = np.bincount(rows, minlength=len(score)).astype(float)
        pairs = better * weight[:, None] * weight
        found.append((pairs * higher).sum() / pairs.sum())
    return np.array(found)


def draw(
    contest: Contest,
    curves: dict[str, list[Replay]],
    over_errors: dict[str, list[Vector]],
    path: Path,
) -> None:
    """Left: quality over cost on our own outcomes; right: AUC over the judge's error."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    colours = {"routing": "#1f5fa8", "cascade": "#b5651d", "hybrid": "#0b6e4f"}
    for kind, colour in colours.items():
        name = kind if kind == "routing" else f"{kind}, log-probability"
        cost, quality = cost_metrics.hull(*np.array([one.point for one in curves[name]]).T)
        left.plot(cost * 1e6, quality, "o-", color=colour, label=kind)
        low, high = np.quantile([one[1:] for one in over_errors[kind]], [0.025, 0.975], axis=1)
        right.plot(ERRORS, [one[0] for one in over_errors[kind]], "o-", color=colour, label=kind)
        right.fill_between(ERRORS, low, high, color=colour, alpha=0.12)
    test = contest.test
    for name, cost, quality in zip(test.models, test.cost.mean(0), test.score.mean(0), strict=True):
        left.plot(cost * 1e6, quality, "ks")
        left.annotate(name, (cost * 1e6, quality), (6, -10), textcoords="offset points")
    left.set_xlabel("mean cost of all models asked, USD per million questions")
    left.set_ylabel("mean quality")
    left.set_title("three small models, scored by log-probability")
    right.set_xlabel("error rate of the simulated judge")
    right.set_ylabel("mean quality over the cost range (AUC)")
    right.set_title("zeroeval: what listening brings depends on the judge")
    for axes in (left, right):
        axes.legend(frameon=False)
        axes.grid(alpha=0.25)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})


def _contest(
    name: str,
    table: OutcomeTable,
    routers: Sequence[PredictiveRouter],
    weights: Sequence[float] = WEIGHTS,
) -> Contest:
    """The set, with the one of the routers that does best on train, cross-validated."""
    train, test = table.split("train"), table.split("test")
    predicted = []
    for router in routers:
        expected = HybridRouter(router, MeanLogprob()).out_of_fold(train)
        predicted.append((_routing_auc(expected, train), router, expected))
    _, inner, expected = max(predicted, key=lambda one: one[0])
    samples = np.random.default_rng(0).integers(0, len(test), (N_RESAMPLES, len(test)))
    inner = Remembering(inner.fit(train), test.queries)
    as_it_is = np.arange(len(test))
    return Contest(
        name, train, test, inner.pool, inner, expected, weights, np.vstack([as_it_is, samples])
    )


def _readers(pool: ModelPool, table: OutcomeTable) -> list[PredictiveRouter]:
    """Routers that predict from the question's text."""
    encoder = LexicalEncoder().fit(table.split("train").queries)
    return [KNNRouter(pool, encoder=encoder), LinearRouter(pool, encoder=encoder)]


def _routing_auc(expected: Matrix, train: OutcomeTable) -> float:
    mean_cost = train.cost.mean(axis=0)
    rows, points = np.arange(len(train)), []
    for weight in WEIGHTS:
        chosen = (expected - weight * mean_cost / mean_cost.max()).argmax(axis=1)
        points.append((train.cost[rows, chosen].mean(), train.score[rows, chosen].mean()))
    return cost_metrics.aiq_range(*np.array(points).T, mean_cost.min(), mean_cost.max())


def _calibrated(scorer: Scorer) -> Fit:
    def fit(train: OutcomeTable) -> Scorer:
        return Calibrated(scorer).fitted(_scores(scorer, train).ravel(), train.score.ravel())

    return fit


def _cross_fitted(fit: Fit, train: OutcomeTable) -> Matrix:
    """Scores (n, m) of every training row by a scorer that did not learn from it."""
    fold = folds(train.queries, N_FOLDS, 0)
    found = np.empty_like(train.score)
    for held_out in range(N_FOLDS):
        found[fold == held_out] = _scores(
            fit(train.rows(fold != held_out)), train.rows(fold == held_out)
        )
    return found


def _scores(scorer: Scorer, table: OutcomeTable) -> Matrix:
    return np.array(
        [
            [scorer(text, answer_of(table, row, model)) for model in table.models]
            for row, text in enumerate(table.queries)
        ]
    )


def _chains(names: Sequence[str]) -> list[tuple[str, ...]]:
    """All chains of two models and of neighbours in price, and each model alone."""
    n = len(names)
    neighbours = {tuple(names[i:j]) for i in range(n) for j in range(i + 1, n + 1)}
    pairs = {(names[i], names[j]) for i in range(n) for j in range(i + 1, n)}
    return sorted(neighbours | pairs)


def _thresholds(scores: Matrix) -> list[float]:
    """Evenly between low and high scores: at a score itself, a hair decides what passes."""
    low, high = np.nanquantile(scores, [0.01, 0.99])
    found: list[float] = np.linspace(low, high, N_THRESHOLDS + 2)[1:-1].tolist()
    return found


def _priced(table: OutcomeTable) -> ModelPool:
    mean_cost = table.split("train").cost.mean(axis=0).tolist()
    return ModelPool(
        {"name": name, "input_price": cost, "output_price": cost}
        for name, cost in zip(table.models, mean_cost, strict=True)
    )


def _hull_models(train: OutcomeTable) -> list[str]:
    cost, score = train.cost.mean(axis=0), train.score.mean(axis=0)
    corners = set(cost_metrics.hull(cost, score)[0].tolist())
    kept = [(one, name) for name, one in zip(train.models, cost.tolist(), strict=True)]
    return [name for one, name in sorted(kept) if one in corners]


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


if __name__ == "__main__":
    sys.exit(main())
