"""Details of a trial, JSON-ready, for reports.

``domains``      per domain: rows, and quality and cost of each router and line there
``calibration``  router -> predicted, actual, count per bin
``calls``        two models: router -> share of strong calls, quality; and the best possible
``curves``       router or line -> (cost, quality) at every setting
``latency``      router or model -> mean seconds, quality, where latencies are known
``decisions_per_second``  router -> of routing itself, measured here and now
``examples``     decisions with their queries: the dearest mistakes and the best catches
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from shared_core.evaluation import line_figures
from shared_core.evaluation.bench import Bench
from shared_core.evaluation.bootstrap import Resamples, interval
from shared_core.evaluation.evaluate import Trial
from shared_core.evaluation.judged import Judged
from shared_core.evaluation.metrics import two_model_metrics
from shared_core.evaluation.metrics.cost_metrics import Choices, Vector

MOST_DOMAINS: Final = 30
_LONGEST_QUERY: Final = 280


def of(trial: Trial, examples: int, domain: str | None) -> dict[str, Any]:
    """Everything there is to show; ``domain`` names the column, None leaves domains out."""
    found: dict[str, Any] = {"curves": _curves(trial), "calibration": _calibration(trial)}
    found |= {"calls": _calls(trial), "latency": _latency(trial)}
    found |= {"examples": _examples(trial, examples)}
    seconds = {name: one.seconds for name, one in trial.found.items()}
    n = len(trial.bench.test)
    found |= {"decisions_per_second": {name: n / s for name, s in seconds.items() if s}}
    return found | {"domains": _domains(trial, domain) if domain else []}


def _curves(trial: Trial) -> dict[str, Any]:
    lines = {"zero": trial.evaluation.lines["zero"], **trial.evaluation.routers}
    lines["oracle"] = trial.evaluation.lines["oracle"]
    shown = {name: (line.curve, line.points) for name, line in lines.items()}
    return {
        name: {"hull": _pairs(*curve), "points": _pairs(*points)}
        for name, (curve, points) in shown.items()
        if curve is not None and points is not None
    }


def _calibration(trial: Trial) -> dict[str, Any]:
    bins = {name: line_figures.calibration(trial.bench, one) for name, one in trial.found.items()}
    return {
        name: {
            "predicted": found.predicted.tolist(),
            "actual": found.actual.tolist(),
            "count": found.count.tolist(),
        }
        for name, found in bins.items()
        if found is not None
    }


def _calls(trial: Trial) -> dict[str, Any]:
    pairs = {name: trial.bench.pair(one) for name, one in trial.found.items()}
    shown: dict[str, Any] = {}
    for name, pair in pairs.items():
        if pair is None:
            continue
        share, quality = two_model_metrics.calls_curve(*pair)
        grid = np.linspace(0, 1, 101)
        shown[name] = _pairs(grid, np.interp(grid, share, quality))
        best = two_model_metrics.optimal_quality(grid, pair.strong, pair.weak)
        shown["best possible"] = _pairs(grid, best)
    return shown


def _latency(trial: Trial) -> dict[str, Any]:
    latency = trial.bench.test.measures.get("latency")
    if latency is None or not np.isfinite(latency).all():
        return {}
    seconds = latency.mean(axis=0)
    singles = zip(trial.bench.test.models, seconds, trial.bench.mean_score, strict=True)
    shown: dict[str, Any] = {name: [float(x), float(y)] for name, x, y in singles}
    for name, line in trial.evaluation.routers.items():
        if (mean := line.metrics.get("latency")) is not None:
            shown[f"router {name}"] = [mean, line.quality]
    return shown


def _domains(trial: Trial, column: str) -> list[dict[str, Any]]:
    values = trial.bench.test.columns.get(column)
    if values is None:
        return []
    names, group = np.unique([str(value) for value in values], return_inverse=True)
    sizes = np.bincount(group)
    order = np.argsort(-sizes, kind="stable")[:MOST_DOMAINS]
    return [_domain(trial, str(names[i]), np.flatnonzero(group == i)) for i in order]


def _domain(trial: Trial, name: str, rows: Choices) -> dict[str, Any]:
    bench = trial.bench
    score, cost = bench.test.score[rows], bench.test.cost[rows]
    single = score[:, bench.best]
    resamples = Resamples(len(rows), texts=[bench.test.origins[i] for i in rows])
    lines: dict[str, Any] = {}
    for router, found in trial.found.items():
        chosen = found.chosen[rows]
        quality = score[np.arange(len(rows)), chosen]
        _, resampled = resamples.means((quality - single)[:, None].__getitem__)
        lines[router] = {
            "quality": float(quality.mean()),
            "cost": float(cost[np.arange(len(rows)), chosen].mean()),
            "over_best_single": list(interval(resampled[:, 0])),
        }
    return {
        "domain": name,
        "n_test": len(rows),
        "best_single": {"quality": float(single.mean()), "cost": float(cost[:, bench.best].mean())},
        "oracle": {"quality": float(score.max(axis=1).mean())},
        "routers": lines,
    }


def _examples(trial: Trial, n: int) -> dict[str, list[dict[str, Any]]]:
    """Per router, of queries it sent elsewhere than to the best single model: where it gained most
    (as good for less money counts too), and where it lost most."""
    return {name: _examples_of(trial.bench, found, n) for name, found in trial.found.items()}


def _examples_of(bench: Bench, found: Judged, n: int) -> list[dict[str, Any]]:
    rows = np.flatnonzero(found.chosen != bench.best)
    score, cost, chosen = bench.test.score[rows], bench.test.cost[rows], found.chosen[rows]
    each = np.arange(len(rows))
    gained = score[each, chosen] - score[:, bench.best]
    saved = cost[:, bench.best] - cost[each, chosen]
    good = rows[np.lexsort((-saved, -gained))][: (n + 1) // 2]
    bad = rows[np.argsort(gained, kind="stable")][: min(n // 2, int((gained < 0).sum()))]
    return [_example(bench, found, int(row)) for row in (*good, *bad)]


def _example(bench: Bench, found: Judged, row: int) -> dict[str, Any]:
    models, column = bench.test.models, int(found.chosen[row])
    text = bench.test.queries[row]
    expected = found.predictions
    return {
        "query": text if len(text) <= _LONGEST_QUERY else text[:_LONGEST_QUERY] + "…",
        "model": models[column],
        "quality": float(bench.test.score[row, column]),
        "cost": float(bench.test.cost[row, column]),
        "expected": None if expected is None else float(expected.quality[row, column]),
        "best_single": models[bench.best],
        "best_single_quality": float(bench.test.score[row, bench.best]),
        "best_single_cost": float(bench.test.cost[row, bench.best]),
    }


def _pairs(x: Vector, y: Vector) -> list[list[float]]:
    return [[float(a), float(b)] for a, b in zip(x, y, strict=True)]
