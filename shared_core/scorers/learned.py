"""A scorer that has learned from outcomes what good answers look like."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from shared_core.decision import Answer
from shared_core.errors import DataError, NotFitted
from shared_core.outcomes.table import OutcomeTable
from shared_core.query import Query
from shared_core.scorers.base import Scorer
from shared_core.scorers.similarity import token_f1, words_of

Vector = NDArray[np.float64]
_LEAST_SPREAD = 1e-6
_REFUSALS = ("sorry", "cannot", "can't", "unable", "don't know", "as an ai")


@dataclass(frozen=True)
class LearnedScorer(Scorer):
    """Regularised linear regression of quality on a few signs that need no model.

    The signs: mean log-probability and entropy, length, numbers, code, refusals, words repeated,
    words shared with the question. What is not known of an answer counts as average.

    Args:
        ridge: strength of the regularisation.
        learned: centre, scale and weights; see ``fitted``.
    """

    ridge: float = 10.0
    learned: tuple[tuple[float, ...], ...] = ()

    def fitted(self, outcomes: OutcomeTable) -> Self:
        """A copy that has learned from a table with recorded answers.

        Raises:
            DataError: the table has no answers with a score.
        """
        cases = list(answers_of(outcomes))
        if not cases:
            raise DataError("the table has no answers with a score: give answer.<model> columns")
        signs = np.array([_signs(query, answer) for query, answer, _ in cases])
        quality = np.array([score for _, _, score in cases])
        known = np.where(np.isfinite(signs), 1.0, 0.0)
        count = np.maximum(known.sum(axis=0), 1.0)
        centre = np.nan_to_num(signs).sum(axis=0) / count
        spread = np.sqrt((np.nan_to_num(signs - centre) ** 2).sum(axis=0) / count)
        scale = np.where(spread > _LEAST_SPREAD, spread, 1.0)
        x = np.nan_to_num((signs - centre) / scale)
        weights = np.linalg.solve(
            x.T @ x + self.ridge * np.eye(x.shape[1]), x.T @ (quality - quality.mean())
        )
        parts = (centre, scale, weights, np.array([quality.mean()]))
        return replace(self, learned=tuple(tuple(part.tolist()) for part in parts))

    def score(self, query: Query, answer: Answer, others: Sequence[Answer] = ()) -> float:
        if not self.learned:
            raise NotFitted("this scorer has not learned yet: take fitted(outcomes)")
        centre, scale, weights, mean = (np.array(part) for part in self.learned)
        x = np.nan_to_num((np.array(_signs(query, answer)) - centre) / scale)
        return float(np.clip(x @ weights + mean[0], 0.0, 1.0))

    @classmethod
    def test_parameters(cls) -> Sequence[Mapping[str, Any]]:
        n = len(_signs(Query(""), Answer("", "")))
        return [{"learned": ((0.0,) * n, (1.0,) * n, (0.01,) * n, (0.5,))}]


def answers_of(outcomes: OutcomeTable) -> list[tuple[Query, Answer, float]]:
    """Query, answer and score of every recorded answer of a table."""
    found = []
    for column, model in enumerate(outcomes.models):
        for row in range(len(outcomes) if model in outcomes.answers else 0):
            score = float(outcomes.score[row, column])
            if np.isfinite(score):
                found.append((Query(outcomes.queries[row]), answer_of(outcomes, row, model), score))
    return found


def answer_of(outcomes: OutcomeTable, row: int, model: str) -> Answer:
    """The recorded answer, with the measures that were recorded with it."""
    column = outcomes.models.index(model)

    def told(name: str) -> float | None:
        value = outcomes.measures[name][row, column] if name in outcomes.measures else math.nan
        return float(value) if math.isfinite(value) else None

    in_tokens, out_tokens = told("in_tokens"), told("out_tokens")
    return Answer(
        model,
        (outcomes.answers[model][row] or "") if model in outcomes.answers else "",
        in_tokens=None if in_tokens is None else int(in_tokens),
        out_tokens=None if out_tokens is None else int(out_tokens),
        logprob=told("logprob"),
        entropy=told("entropy"),
    )


def _signs(query: Query, answer: Answer) -> list[float]:
    text, words = answer.text, words_of(answer.text)
    lowered = text.lower()
    return [
        math.nan if answer.logprob is None else answer.logprob,
        math.nan if answer.entropy is None else answer.entropy,
        float(np.log1p(len(text))),
        float(any(character.isdigit() for character in text)),
        float("```" in text or "def " in text),
        float(any(refusal in lowered for refusal in _REFUSALS)),
        1 - len(set(words)) / len(words) if words else 1.0,
        token_f1(query.text, text),
    ]
