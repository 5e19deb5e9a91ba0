"""The further figures of a line, by the names that reports and ``--json`` use.

==========================  =====================================================================
``aiq_over_zero``           gained over the zero router at settings that other test rows chose
``saved``                   then saved to match the best single model, as a share of its cost
``ahead``                   and quality above that model's
``perf_gain``               best quality on its curve / best single model's - 1
``cost_save``, ``qnc``      see ``cost_metrics``; the best single model of the training rows
``gap_at_oracle``           1 - quality / the oracle's
``regret``                  quality lost per query against that query's best model
``regret_reachable``        quality below the best point of its own curve
``above_zero``              quality above random mixtures of single models at the same cost
``cost_efficiency``         quality gained over the cheapest model per extra USD
``arena_score``             RouterArena's, at the operating point
``selection_entropy``       in nats; 0 for a router that always takes the same model
``ece``                     calibration error of the predicted quality of the chosen models
``abstained``               share of the decisions that a guard made in the router's place
``tied``                    share of queries that models tied for: cost or their order decided
``apgr``, ``cpt50/80``      two models: RouteLLM, variant ``paper``; CPT in percent of calls
``apgr_routellm`` …         two models: what RouteLLM's code gives, ties broken at random
``latency``                 mean seconds of the chosen answers, where measured
``queries_per_second``      with those latencies, one query at a time
``bert_sim``                chosen answers against references, where asked for
``aiq_routerbench``         RouterBench's own AIQ, x_max shared with the others
``pareto_dist``             mean distance to the Pareto front of routers and models
==========================  =====================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from shared_core.evaluation.bench import Bench, Pair
from shared_core.evaluation.bootstrap import Resamples, interval
from shared_core.evaluation.judged import Judged
from shared_core.evaluation.lines import Line
from shared_core.evaluation.metrics import (
    calibration_metrics,
    cost_metrics,
    pareto_metrics,
    routellm_metrics,
    routerbench_metrics,
    selection_metrics,
    throughput_metrics,
    two_model_metrics,
)
from shared_core.evaluation.metrics.cost_metrics import Choices, Vector
from shared_core.policies.base import Matrix

Figures = dict[str, float | None]

_GROUPS: Final = 128
"""Groups of queries, by score, on which APGR is resampled."""
_DECILES: Final = 10
_MOSTLY: Final = 0.975
"""Share of resamples that need a gap between the models: what is divided by none has no end."""
_NO_GAP: Final = 1e-9


def full_line(bench: Bench, found: Judged) -> Line:
    """The line of what a router does, with every figure that can be had."""
    line = bench.line_of(found)
    figures = {**line.metrics, **_of_choices(bench, line, found.chosen)}
    figures |= _of_answers(bench, found.chosen)
    figures |= _of_curve(bench, line) | _of_predictions(bench, found)
    pair = bench.pair(found)
    if pair is None:
        return replace(line, metrics=figures)
    resampled = resampled_apgr(pair, bench.resamples)
    ends = {"apgr": interval(resampled)} if np.isfinite(resampled).mean() > _MOSTLY else {}
    return replace(line, metrics=figures | _of_pair(pair), interval={**line.interval, **ends})


def compared(routers: Mapping[str, Line], zero: Line) -> dict[str, Line]:
    """The routers with the figures that hang on each other and on the single models."""
    swept = {name: line for name, line in routers.items() if line.points is not None}
    points = [_points(line) for line in (*swept.values(), zero)]
    front = np.concatenate([x for x, _ in points]), np.concatenate([y for _, y in points])
    theirs = _routerbench({**swept, "": zero})
    found = dict(routers)
    for name, line in swept.items():
        distance = pareto_metrics.pareto_dist(*_points(line), *front)
        joint = {"aiq_routerbench": theirs.get(name), "pareto_dist": distance}
        found[name] = replace(line, metrics={**line.metrics, **joint})
    return found


def calibration(bench: Bench, found: Judged) -> calibration_metrics.ReliabilityDiagram | None:
    """Predicted against actual quality of the chosen models, where it predicts any."""
    if found.predictions is None:
        return None
    rows = np.arange(len(found.chosen))
    predicted = found.predictions.quality[rows, found.chosen]
    return calibration_metrics.reliability_diagram(predicted, bench.test.score[rows, found.chosen])


def resampled_apgr(pair: Pair, resamples: Resamples) -> Vector:
    """APGR in each resample (resamples,); infinite where it has no gap between the models.

    On groups of neighbouring scores, within which the curve is taken to be straight.
    """
    group = _groups(pair.score)
    gain = pair.strong - pair.weak
    n_groups = int(group.max()) + 1

    def columns(rows: slice) -> Matrix:
        members = np.eye(n_groups)[group[rows]]
        return np.hstack([members, members * gain[rows, None]])

    _, means = resamples.means(columns)
    share, gained = means[:, :n_groups], np.cumsum(means[:, n_groups:], axis=1)
    before = np.hstack([np.zeros((len(gained), 1)), gained[:, :-1]])
    whole = gained[:, -1]
    with np.errstate(divide="ignore", invalid="ignore"):
        apgr = (share * (before + gained)).sum(axis=1) / 2 / whole
    return np.where(whole > _NO_GAP, apgr, np.inf)


def _groups(score: Vector) -> Choices:
    """Group (n,) of each query, the highest scores first; equal scores share one."""
    values, inverse, counts = np.unique(-score, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - counts / 2
    grouped = np.unique((middle * _GROUPS / len(score)).astype(int), return_inverse=True)[1]
    chosen: Choices = grouped[inverse] if len(values) else inverse
    return chosen


def _of_choices(bench: Bench, line: Line, chosen: Choices) -> Figures:
    quality, cost = line.quality or 0.0, line.cost or 0.0
    oracle = bench.oracle.quality or 0.0
    zero = float(np.interp(cost, *cost_metrics.hull(bench.mean_cost, bench.mean_score)))
    cheapest = float(bench.mean_score[bench.cheapest]), float(bench.mean_cost[bench.cheapest])
    return {
        "gap_at_oracle": selection_metrics.gap_at_oracle(quality, oracle) if oracle else None,
        "regret": selection_metrics.regret(chosen, bench.test.score),
        "above_zero": quality - zero,
        "cost_efficiency": cost_metrics.cost_efficiency(quality, cost, *cheapest),
        "arena_score": selection_metrics.arena_score(quality, cost * 1000),
        "selection_entropy": selection_metrics.selection_entropy(chosen, len(bench.test.models)),
    }


def _of_answers(bench: Bench, chosen: Choices) -> Figures:
    rows = np.arange(len(chosen))
    figures: Figures = {}
    if bench.similarity is not None:
        similar = bench.similarity[rows, chosen]
        known = similar[np.isfinite(similar)]
        figures["bert_sim"] = float(known.mean()) if len(known) else None
    latency = bench.test.measures.get("latency")
    seconds = None if latency is None else latency[rows, chosen]
    if seconds is not None and np.isfinite(seconds).all() and seconds.any():
        figures["latency"] = float(seconds.mean())
        figures["queries_per_second"] = throughput_metrics.throughput(seconds).queries_per_second
    return figures


def _of_curve(bench: Bench, line: Line) -> Figures:
    if line.curve is None:
        return {}
    best, price = float(bench.mean_score[bench.best]), float(bench.mean_cost[bench.best])
    return {
        "perf_gain": cost_metrics.perf_gain(line.curve[1], best) if best > 0 else None,
        "cost_save": cost_metrics.cost_save(*line.curve, best, price) if price > 0 else None,
        "qnc": cost_metrics.qnc(*line.curve, best, price) if price > 0 else None,
        "regret_reachable": max(0.0, float(line.curve[1].max()) - (line.quality or 0.0)),
    }


def _of_predictions(bench: Bench, found: Judged) -> Figures:
    figures: Figures = {"tied": found.tied, "abstained": found.abstained}
    shown = calibration(bench, found)
    return figures if shown is None else figures | {"ece": shown.ece}


def _of_pair(pair: Pair) -> Figures:
    figures: Figures = {
        "apgr": two_model_metrics.apgr(*pair),
        "cpt50": two_model_metrics.cpt(*pair, 0.5),
        "cpt80": two_model_metrics.cpt(*pair, 0.8),
    }
    if len(pair.score) > _DECILES:
        ranked = routellm_metrics.with_ties_broken(pair.score)
        theirs = routellm_metrics.routellm_curve(ranked, pair.strong, pair.weak, _DECILES)
        figures |= {
            "apgr_routellm": theirs.apgr,
            "cpt50_routellm": theirs.cpt(0.5),
            "cpt80_routellm": theirs.cpt(0.8),
        }
    return figures


def _routerbench(swept: Mapping[str, Line]) -> dict[str, float]:
    """By name, of those with the three different costs that RouterBench's code takes."""
    able = {
        name: np.stack(_points(line), axis=1)
        for name, line in swept.items()
        if len(np.unique(_points(line)[0])) > 2
    }
    if not able:
        return {}
    found = routerbench_metrics.aiq_routerbench(list(able.values()))
    return dict(zip(able, found.tolist(), strict=True))


def _points(line: Line) -> tuple[Vector, Vector]:
    return line.points or (np.zeros(0), np.zeros(0))
