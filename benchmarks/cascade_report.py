"""What a contest's table and figure say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from cascade_contest import Contest, Vector

from shared_core import OutcomeTable
from shared_core.evaluation.metrics import cost_metrics
from shared_core.evaluation.replay import Replay
from shared_core.policies.base import Matrix


def tell(lines: list[str], text: str) -> None:
    lines.append(text)
    print(text, flush=True)


def interval(values: Vector) -> str:
    low, high = np.quantile(values[1:], [0.025, 0.975])
    return f"{values[0]:.4f} ({low:.4f} to {high:.4f})"


def signed(values: Vector) -> str:
    low, high = np.quantile(values[1:], [0.025, 0.975])
    return f"{values[0]:+.4f} ({low:+.4f} to {high:+.4f})"


def verdict(own: Vector, going_on: Vector, cascade: Vector, hybrid: Vector) -> str:
    """What it tells beyond the question, and how those that listen to it stand."""
    subjects = [
        subject
        for subject, added in (("its answer", own), ("going on", going_on))
        if np.quantile(added[1:], 0.025) > 0
    ]
    told = f"tells of {' and of '.join(subjects)}" if subjects else "adds nothing"
    return f"{told}; cascade {_standing(cascade)}, hybrid {_standing(hybrid)}"


def _standing(gain: Vector) -> str:
    low, high = np.quantile(gain[1:], [0.025, 0.975])
    return "better" if low > 0 else "worse" if high < 0 else "level"


def auroc(contest: Contest, scores: Matrix) -> Vector:
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


def added(contest: Contest, known: Matrix, new: Matrix, *, going_on: bool) -> Vector:
    """Share of variance (resamples,) that the score of the pair's small model explains on test.

    Beyond what is predicted from the question for both models; lines fitted on train.

    Args:
        known, new: the scorer's scores (n, m) on train and on test.
        going_on: explain what the large model adds to the small one, not the small one's quality.
    """
    pair = [contest.train.models.index(name) for name in contest.pair]
    predicted = contest.inner.predict(contest.test.queries).quality
    usual = float(np.nan_to_num(np.nanmean(known[:, pair[0]])))

    def case(table: OutcomeTable, expected: Matrix, scores: Matrix) -> tuple[Vector, Matrix]:
        small, large = table.score[:, pair].T
        score = np.where(np.isnan(scores[:, pair[0]]), usual, scores[:, pair[0]])
        columns = [np.ones(len(small)), *expected[:, pair].T, score, score**2]
        return large - small if going_on else small, np.column_stack(columns)

    y, x = case(contest.train, contest.expected, known)
    truth, seen = case(contest.test, predicted, new)
    errors = []
    for width in (3, 5):
        line = np.linalg.lstsq(x[:, :width], y, rcond=None)[0]
        errors.append((truth - seen[:, :width] @ line) ** 2)
    saved = (errors[0] - errors[1])[contest.samples].mean(axis=1)
    share: Vector = saved / truth[contest.samples].var(axis=1)
    return share


def draw(
    contest: Contest,
    curves: dict[str, list[Replay]],
    over_errors: dict[str, list[Vector]],
    errors: Sequence[float],
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
        right.plot(errors, [one[0] for one in over_errors[kind]], "o-", color=colour, label=kind)
        right.fill_between(errors, low, high, color=colour, alpha=0.12)
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
