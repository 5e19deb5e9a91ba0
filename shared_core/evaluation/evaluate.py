"""Fit routers on one table, judge them on another, beside the lines that matter."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from shared_core.encoders.base import Encoder
from shared_core.errors import ConfigError, DataError
from shared_core.evaluation import line_figures
from shared_core.evaluation.bench import Bench
from shared_core.evaluation.bench import complete as complete
from shared_core.evaluation.judged import Judgeable, Judged
from shared_core.evaluation.lines import Evaluation as Evaluation
from shared_core.evaluation.lines import Line as Line
from shared_core.evaluation.metrics.answer_metrics import bert_sim
from shared_core.outcomes.table import OutcomeTable
from shared_core.policies.base import Matrix
from shared_core.policies.cost_quality import CostQuality
from shared_core.pool import ModelPool
from shared_core.routers.predictive.base import PredictiveRouter
from shared_core.routers.predictive.learnable import with_costs

Progress = Callable[[str], None]

NO_COSTS: Final = "no costs are known: every answer counts as free"


@dataclass(frozen=True)
class Trial:
    """An evaluation with what it was made from, to look closer.

    Args:
        bench: where the routers were judged.
        found: what each router does on the test rows.
        evaluation: the figures.
    """

    bench: Bench
    found: Mapping[str, Judged]
    evaluation: Evaluation


def evaluate(
    routers: Mapping[str, type[PredictiveRouter]],
    train: OutcomeTable,
    test: OutcomeTable,
    *,
    data: str = "",
    pool: ModelPool | None = None,
    policy: CostQuality | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Evaluation:
    """Fit each router on ``train`` and judge it on ``test``.

    Args:
        routers: name -> class.
        train, test: tables of the same models; test rows with an unknown outcome are left out.
        data: a name for the report.
        pool: candidates with prices, where the tables lack costs; bare names when not given.
        policy: the operating point reported as ``quality`` and ``cost``.
        seed: of the routers and the bootstrap.
        progress: told what is being done.

    Raises:
        DataError: the tables' models differ, or no test row is complete.
        ConfigError: a router is no class.
    """
    pool = pool or ModelPool(train.models)
    complete(with_costs(test.of(train.models).priced(pool)))  # fails before anything long does
    fitted = fit_all(routers, train, pool, policy or CostQuality(), seed, progress)
    if progress is not None:
        progress(f"judging on {len(test):,} rows")
    return judge(fitted, train, test, data=data, pool=pool, seed=seed)


def judge(
    routers: Mapping[str, Judgeable],
    train: OutcomeTable,
    test: OutcomeTable,
    *,
    data: str = "",
    pool: ModelPool | None = None,
    seed: int = 0,
) -> Evaluation:
    """Judge any way of choosing on ``test``; ``train`` only says which single model is best.

    Args:
        routers: name -> fitted router, function, table of scores: see ``evaluation.judged``.

    Other arguments and errors as for ``evaluate``.

    Raises:
        DataError: also where a router's answer does not fit the table.
    """
    return trial(routers, train, test, data=data, pool=pool, seed=seed).evaluation


def trial(
    routers: Mapping[str, Judgeable],
    train: OutcomeTable,
    test: OutcomeTable,
    *,
    data: str = "",
    pool: ModelPool | None = None,
    policy: CostQuality = CostQuality(),
    seed: int = 0,
    similar_by: Encoder | None = None,
) -> Trial:
    """``judge``, and what to look closer with.

    Args:
        policy: operating point of contestants that bring none.
        similar_by: also report BERTSim of the chosen answers by this encoder; the table then needs
            answers and a column ``reference``.
    """
    pool = pool or ModelPool(train.models)
    asked = test.of(train.models).priced(pool)
    whole = complete(asked)
    similarity = None if similar_by is None else similarities(whole, similar_by)
    bench = Bench(train.priced(pool), whole, seed, policy, similarity)
    found = {name: bench.judged(router) for name, router in routers.items()}
    lines = {name: line_figures.full_line(bench, one) for name, one in found.items()}
    reference = bench.lines()
    evaluation = Evaluation(
        data,
        len(train),
        len(whole),
        reference,
        line_figures.compared(lines, reference["zero"]),
        bench.singles(),
        _notes(train, asked, whole, lines),
    )
    return Trial(bench, found, evaluation)


def fit_all(
    routers: Mapping[str, type[PredictiveRouter]],
    train: OutcomeTable,
    pool: ModelPool,
    policy: CostQuality,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, PredictiveRouter]:
    """Each router, fitted on ``train``.

    Those that bring no encoder would all train the same: the first does, which takes most of its
    time, and the others read by it.
    """
    report = progress or (lambda _: None)
    if ready := [name for name, one in routers.items() if not callable(one)]:
        raise ConfigError(
            f"{', '.join(ready)}: routers that are to be fitted are given by their class; "
            "judge(routers, train, test) takes those that are ready"
        )
    fitted: dict[str, PredictiveRouter] = {}
    trained: Encoder | None = None
    for name, router_class in routers.items():
        report(f"{name}: fitting on {len(train):,} rows")
        router = router_class(pool, policy=policy, seed=seed)
        brings_none = router.encoder is None and _takes_encoder(router)
        if brings_none:
            router.encoder = trained
        fitted[name] = router.fit(train, _prefixed(report, name))
        if brings_none:
            trained = router.encoder_
    return fitted


def _takes_encoder(router: PredictiveRouter) -> bool:
    return "encoder" in inspect.signature(type(router)).parameters


def similarities(table: OutcomeTable, encoder: Encoder) -> Matrix:
    """BERTSim (n, m) of each model's answers with the references; NaN where there is no answer.

    Raises:
        DataError: the table has no answers, or no column ``reference``.
    """
    references = table.columns.get("reference")
    if references is None or not table.answers:
        raise DataError("BERTSim needs columns 'reference' and 'answer.<model>'")
    if not encoder.is_fitted:
        encoder = encoder.fit([str(one) for one in references if one])
    found = np.full(table.score.shape, np.nan)
    for model, answers in table.answers.items():
        pairs = zip(answers, references, strict=True)
        rows = [i for i, (answer, reference) in enumerate(pairs) if answer and reference]
        if rows:
            said, wanted = [answers[i] for i in rows], [str(references[i]) for i in rows]
            found[rows, table.models.index(model)] = bert_sim(said, wanted, encoder).values
    return found


def _notes(
    train: OutcomeTable, asked: OutcomeTable, whole: OutcomeTable, lines: Mapping[str, Line]
) -> tuple[str, ...]:
    notes = []
    if left_out := len(asked) - len(whole):
        notes.append(f"{left_out:,} test rows left out: a score or a cost is unknown")
    known = set(train.origins)
    if seen := sum(text in known for text in whole.origins):
        notes.append(f"{seen:,} test rows have the text of a training row: routers have seen them")
    if not asked.has_costs:
        notes.append(NO_COSTS)
    for name, line in lines.items():
        if tied := line.metrics.get("tied"):
            notes.append(
                f"{name}: ties on {tied:.1%} of the queries; the cheapest of the tied counts, "
                "equal scores in random order"
            )
    return tuple(notes)


def _prefixed(report: Progress, name: str) -> Progress:
    return lambda step: report(f"{name}: {step}")
