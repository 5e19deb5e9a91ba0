"""One table looked at from every side: seeds, domains, label budgets, domains held out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shared_core.checks import check_counts, check_kinds, check_one_of
from shared_core.encoders.base import Encoder
from shared_core.errors import DataError
from shared_core.evaluation import close_ups
from shared_core.evaluation.bench import Bench, complete
from shared_core.evaluation.bootstrap import difference
from shared_core.evaluation.evaluate import Trial, fit_all, trial
from shared_core.evaluation.judged import Judgeable, Judged
from shared_core.evaluation.lines import Evaluation
from shared_core.outcomes.table import OutcomeTable
from shared_core.policies.cost_quality import CostQuality
from shared_core.pool import ModelPool
from shared_core.routers.predictive.base import PredictiveRouter
from shared_core.routers.predictive.learnable import with_costs

Progress = Callable[[str], None]
Makers = Mapping[str, type[PredictiveRouter]]
Steps = list[tuple[int, list[float]]]
"""Rows learned from, and AIQ with each seed."""

PARTS: Final = ("seeds", "domains", "budget", "held-out")
BUDGETS: Final = (50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000)
BUDGET_SEEDS: Final = 3
MOST_HELD_OUT: Final = 12
FEWEST_HELD_OUT: Final = 10
"""Domains with fewer test rows than this say nothing by themselves."""


@dataclass(frozen=True)
class Plan:
    """How closely to look.

    Args:
        parts: out of ``PARTS``; what is not there is left out.
        seeds: how many, for routers that draw lots while they learn.
        domain: column that names the domain.
        policy: operating point.
        examples: decisions shown with their queries.
        similar_by: encoder for BERTSim of the chosen answers, where wanted.
        seed: the first one.
    """

    parts: tuple[str, ...] = PARTS
    seeds: int = 5
    domain: str = "dataset"
    policy: CostQuality = CostQuality()
    examples: int = 8
    similar_by: Encoder | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        check_kinds(tuple, parts=self.parts)
        for part in self.parts:
            check_one_of(PARTS, part=part)
        check_counts(seeds=self.seeds)
        check_counts(0, examples=self.examples, seed=self.seed)


@dataclass(frozen=True)
class Study:
    """What came out for one table.

    Args:
        evaluation: with the first seed.
        close_ups: JSON-ready details by name, see ``evaluation.close_ups``.
        by_seed: router -> AIQ with each seed.
        budget: router -> steps, the fewest rows first.
        held_out: per domain, what routers that never saw it do there.
        notes: looks that could not be taken, with the reason.
    """

    evaluation: Evaluation
    close_ups: Mapping[str, Any] = field(default_factory=dict)
    by_seed: Mapping[str, list[float]] = field(default_factory=dict)
    budget: Mapping[str, Steps] = field(default_factory=dict)
    held_out: list[dict[str, Any]] = field(default_factory=list)
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: the evaluation's keys, and those of the closer looks."""
        return {
            **self.evaluation.to_dict(),
            "by_seed": dict(self.by_seed),
            "budget": {name: [list(step) for step in steps] for name, steps in self.budget.items()},
            "held_out": self.held_out,
            "notes": [*self.evaluation.notes, *self.notes],
            **self.close_ups,
        }


def study(
    makers: Makers,
    train: OutcomeTable,
    test: OutcomeTable,
    *,
    data: str = "",
    pool: ModelPool | None = None,
    plan: Plan = Plan(),
    others: Mapping[str, Judgeable] | None = None,
    progress: Progress | None = None,
) -> Study:
    """Fit and judge routers, and look closely.

    Args:
        makers: name -> class of a router to fit.
        train, test: tables of the same models.
        data: a name for the report.
        pool: candidates with prices, where the tables lack costs.
        plan: how closely to look.
        others: further ways of choosing, as they are: see ``evaluation.judged``.
        progress: told what is being done.

    Raises:
        DataError: as ``evaluate`` raises it.
    """
    look = _Look(makers, train, test, pool or ModelPool(train.models), plan, progress)
    first = look.trial(data, others or {})
    look.note_domains_left_out()
    shown = close_ups.of(first, plan.examples, plan.domain if "domains" in plan.parts else None)
    return Study(
        evaluation=first.evaluation,
        close_ups=shown,
        by_seed=(each := look.by_seed(first)),
        budget=look.budget(each) if "budget" in plan.parts else {},
        held_out=look.held_out() if "held-out" in plan.parts else [],
        notes=tuple(look.notes),
    )


class _Look:
    """The fits a study takes."""

    def __init__(
        self,
        makers: Makers,
        train: OutcomeTable,
        test: OutcomeTable,
        pool: ModelPool,
        plan: Plan,
        progress: Progress | None,
    ) -> None:
        self.makers, self.pool, self.plan = makers, pool, plan
        self.train = train
        self.test = complete(with_costs(test.of(train.models).priced(pool)))
        self.whole_test = test
        self.report = progress or (lambda _: None)
        self.notes: list[str] = []

    def trial(self, data: str, others: Mapping[str, Judgeable]) -> Trial:
        fitted = fit_all(
            self.makers, self.train, self.pool, self.plan.policy, self.plan.seed, self.report
        )
        self.report(f"judging on {len(self.test):,} rows")
        return trial(
            {**fitted, **others}, self.train, self.whole_test, data=data, pool=self.pool,
            policy=self.plan.policy, seed=self.plan.seed, similar_by=self.plan.similar_by,
        )  # fmt: skip

    def by_seed(self, first: Trial) -> dict[str, list[float]]:
        lines = first.evaluation.routers
        found = {name: [lines[name].aiq_range or 0.0] for name in self.makers}
        for seed in range(1, self.plan.seeds if "seeds" in self.plan.parts else 1):
            self.report(f"seed {seed + 1} of {self.plan.seeds}")
            for name, aiq in self._aiq(self.train, self.test, self.plan.seed + seed).items():
                found[name].append(aiq)
        return found

    def budget(self, all_rows: Mapping[str, list[float]]) -> dict[str, Steps]:
        found: dict[str, Steps] = {name: [] for name in self.makers}
        for size in [n for n in BUDGETS if n < len(self.train)]:
            self.report(f"learning from {size:,} rows")
            seeds = range(self.plan.seed, self.plan.seed + min(BUDGET_SEEDS, self.plan.seeds))
            try:
                each = [self._aiq(_sample(self.train, size, s), self.test, s) for s in seeds]
            except DataError as error:  # a look that cannot be taken must not cost the others
                self.notes.append(f"label budget of {size:,} queries left out: {error}")
                continue
            for name in self.makers:
                found[name].append((size, [one[name] for one in each]))
        return {name: [*steps, (len(self.train), all_rows[name])] for name, steps in found.items()}

    def note_domains_left_out(self) -> None:
        n, most = len(_sizes(self.test, self.plan.domain)), close_ups.MOST_DOMAINS
        if "domains" in self.plan.parts and n > most:
            self.notes.append(f"domains: the {most} largest of {n}")

    def held_out(self) -> list[dict[str, Any]]:
        domains = _sizes(self.test, self.plan.domain)
        chosen = [name for name, n in domains.items() if n >= FEWEST_HELD_OUT][:MOST_HELD_OUT]
        if 1 < len(domains) > len(chosen):
            self.notes.append(f"domains held out: the {len(chosen)} largest of {len(domains)}")
        found = [self._tried_without(name) for name in chosen] if len(domains) > 1 else []
        return [one for one in found if one is not None]

    def _tried_without(self, domain: str) -> dict[str, Any] | None:
        try:
            return self._without(domain)
        except DataError as error:
            self.notes.append(f"held-out domain {domain} left out: {error}")
            return None

    def _without(self, domain: str) -> dict[str, Any]:
        self.report(f"without {domain}")
        rest = self.train.rows(~_of_domain(self.train, self.plan.domain, domain))
        there = self.test.rows(_of_domain(self.test, self.plan.domain, domain))
        fitted = fit_all(self.makers, rest, self.pool, self.plan.policy, self.plan.seed)
        bench = self._bench(rest, there)
        found = {name: bench.judged(router) for name, router in fitted.items()}
        reference = bench.lines()
        return {
            "domain": domain,
            "n_test": len(there),
            "zero": reference["zero"].aiq_range,
            "best_single": reference["best_single"].quality,
            "routers": {name: _held_out_line(bench, one) for name, one in found.items()},
        }

    def _aiq(self, train: OutcomeTable, test: OutcomeTable, seed: int) -> dict[str, float]:
        fitted = fit_all(self.makers, train, self.pool, self.plan.policy, seed)
        bench = self._bench(train, test)
        found = {name: bench.line_of(bench.judged(router)) for name, router in fitted.items()}
        return {name: line.aiq_range or 0.0 for name, line in found.items()}

    def _bench(self, train: OutcomeTable, test: OutcomeTable) -> Bench:
        return Bench(train.priced(self.pool), test, policy=self.plan.policy, n_resamples=1)


def _held_out_line(bench: Bench, found: Judged) -> dict[str, Any]:
    line, test = bench.line_of(found), bench.test
    quality = test.score[np.arange(len(test)), found.chosen]
    over = difference(quality, test.score[:, bench.best], test.origins)
    return {
        "aiq_range": line.aiq_range,
        "quality": line.quality,
        "cost": line.cost,
        "over_best_single": list(over),
    }


def _sample(table: OutcomeTable, size: int, seed: int) -> OutcomeTable:
    """Rows at random, in which every model has a known score."""
    order = np.random.default_rng(seed).permutation(len(table))
    known = np.isfinite(table.score[order]).any(axis=1)
    chosen = table.rows(order[known][:size])
    if not np.isfinite(chosen.score).any(axis=0).all():
        raise DataError(f"{size} rows hold no outcome of some models: leave the label budget out")
    return chosen


def _of_domain(table: OutcomeTable, column: str, domain: str) -> NDArray[np.bool]:
    values = table.columns.get(column, ())
    return np.array([str(value) == domain for value in values], dtype=bool)


def _sizes(table: OutcomeTable, column: str) -> dict[str, int]:
    """Domain -> rows, the largest first."""
    names, counts = np.unique([str(v) for v in table.columns.get(column, ())], return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return {str(names[i]): int(counts[i]) for i in order}
