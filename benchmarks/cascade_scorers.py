"""Scorers of recorded answers, fitted and cross-fitted."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from shared_core import Answer, OutcomeTable, Query, Scorer
from shared_core.policies.base import Matrix
from shared_core.routers.predictive.cross_validation import folds
from shared_core.scorers.calibration import Calibrated
from shared_core.scorers.learned import answer_of

Fit = Callable[[OutcomeTable], Scorer]
N_FOLDS = 5


@dataclass(frozen=True)
class Recorded(Scorer):
    """Looks a score up: (query text, model) -> score."""

    scores: dict[tuple[str, str], float] = field(default_factory=dict, repr=False)

    def score(self, query: Query, answer: Answer, others: Sequence[Answer] = ()) -> float:
        return self.scores.get((query.text, answer.model), float("nan"))


def calibrated(scorer: Scorer) -> Fit:
    def fit(train: OutcomeTable) -> Scorer:
        return Calibrated(scorer).fitted(scores_of(scorer, train).ravel(), train.score.ravel())

    return fit


def cross_fitted(fit: Fit, train: OutcomeTable) -> Matrix:
    """Scores (n, m) of every training row by a scorer that did not learn from it."""
    fold = folds(train.queries, N_FOLDS, 0)
    found = np.empty_like(train.score)
    for held_out in range(N_FOLDS):
        found[fold == held_out] = scores_of(
            fit(train.rows(fold != held_out)), train.rows(fold == held_out)
        )
    return found


def scores_of(scorer: Scorer, table: OutcomeTable) -> Matrix:
    return np.array(
        [
            [scorer(text, answer_of(table, row, model)) for model in table.models]
            for row, text in enumerate(table.queries)
        ]
    )


def judge(table: OutcomeTable, error: float) -> Recorded:
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


def column(table: OutcomeTable, name: str) -> Recorded:
    """A column's values as scores of the small model's answers; less entropy is better."""
    sign = -1.0 if "entropy" in name else 1.0
    values = zip(table.queries, table.columns[name], strict=True)
    return Recorded({(text, table.models[0]): sign * float(value) for text, value in values})
