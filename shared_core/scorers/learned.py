"""A scorer that has learned from outcomes what good answers look like."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray

from shared_core.decision import Answer
from shared_core.errors import DataError, NotFitted
from shared_core.outcomes.table import OutcomeTable
from shared_core.policies.base import Matrix
from shared_core.query import Query
from shared_core.scorers.base import Scorer
from shared_core.scorers.similarity import token_f1, words_of

Vector = NDArray[np.float64]
_LEAST_SPREAD = 1e-6
_N_SIGNS: Final = 8
_REFUSALS = ("sorry", "cannot", "can't", "unable", "don't know", "as an ai")


@dataclass(frozen=True)
class LearnedScorer(Scorer):
    """Regularised linear regression on an answer's words and a few signs; needs no model.

    The signs: mean log-probability and entropy, length, numbers, code, refusals, words repeated,
    words shared with the question. What is not known of an answer counts as average.

    A sure answer need not be one to keep, since a hard question is hard for all: whoever decides
    whether to go on needs to know what another model would add (arXiv 2307.02764). Learning from
    ``keep`` tells that.

    Args:
        ridge: strength of the regularisation.
        target: ``quality``, how good the answer is; or ``keep``, how good it is beside the best
            model's answer: 0.5 where they are alike.
        words: columns that the words are hashed into; 0 looks at the signs alone.
        learned: centre, scale, weights and the mean; see ``fitted``.
        usual: where the line starts for each model.
    """

    ridge: float = 10.0
    target: Literal["quality", "keep"] = "quality"
    words: int = 512
    learned: tuple[tuple[float, ...], ...] = field(default=(), repr=False)
    usual: tuple[tuple[str, float], ...] = ()

    def fitted(self, outcomes: OutcomeTable) -> Self:
        """A copy that has learned from a table with recorded answers.

        Raises:
            DataError: the table has no answers with a score, or a single model and ``keep``.
        """
        cases = list(answers_of(outcomes if self.target == "quality" else _kept(outcomes)))
        if not cases:
            raise DataError("the table has no answers with a score: give answer.<model> columns")
        signs = np.array([_seen(query, answer, self.words) for query, answer, _ in cases])
        quality = np.array([score for _, _, score in cases])
        known = np.where(np.isfinite(signs), 1.0, 0.0)
        count = np.maximum(known.sum(axis=0), 1.0)
        centre = np.nan_to_num(signs).sum(axis=0) / count
        spread = np.sqrt((np.nan_to_num(signs - centre) ** 2).sum(axis=0) / count)
        scale = np.where(spread > _LEAST_SPREAD, spread, 1.0)
        scale[_N_SIGNS:] = 1.0
        x = np.nan_to_num((signs - centre) / scale)
        names, model = np.unique([answer.model for _, answer, _ in cases], return_inverse=True)
        mean_x, mean_y = (_by_group(values, model) for values in (x, quality))
        within = x - mean_x[model]
        weights = np.linalg.solve(
            within.T @ within + self.ridge * np.eye(x.shape[1]),
            within.T @ (quality - mean_y[model]),
        )
        usual = zip(names.tolist(), (mean_y - mean_x @ weights).tolist(), strict=True)
        parts = (centre, scale, weights, np.array([quality.mean()]))
        learned = tuple(tuple(part.tolist()) for part in parts)
        return replace(self, learned=learned, usual=tuple(usual))

    def score(self, query: Query, answer: Answer, others: Sequence[Answer] = ()) -> float:
        if not self.learned:
            raise NotFitted("this scorer has not learned yet: take fitted(outcomes)")
        centre, scale, weights, mean = self._arrays
        signs = _seen(query, answer, len(centre) - _N_SIGNS)
        x = np.nan_to_num((signs - centre) / scale)
        return float(np.clip(x @ weights + dict(self.usual).get(answer.model, mean[0]), 0.0, 1.0))

    @cached_property
    def _arrays(self) -> tuple[Vector, ...]:
        return tuple(np.array(part) for part in self.learned)

    @classmethod
    def test_parameters(cls) -> Sequence[Mapping[str, Any]]:
        n = _N_SIGNS
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


def _kept(outcomes: OutcomeTable) -> OutcomeTable:
    """Scores beside those of the best model, which has nobody to be measured against."""
    if len(outcomes.models) < 2:
        raise DataError("what to keep shows beside another model: give two models or more")
    known = np.isfinite(outcomes.score)
    total, count = np.where(known, outcomes.score, 0.0).sum(axis=0), known.sum(axis=0)
    best = int(np.where(count > 0, total / np.maximum(count, 1), -1.0).argmax())
    score = 0.5 + (outcomes.score - outcomes.score[:, [best]]) / 2
    others = [name for name in outcomes.models if name != outcomes.models[best]]
    return replace(outcomes, measures={**outcomes.measures, "score": score}).of(others)


def _by_group(values: Matrix | Vector, group: NDArray[np.intp]) -> NDArray[np.float64]:
    """Mean of the values of each group."""
    return np.array([values[group == one].mean(axis=0) for one in range(group.max() + 1)])


def _seen(query: Query, answer: Answer, words: int) -> Vector:
    """The signs, then the words' columns: unit length, damped counts."""
    counts = np.zeros(words)
    if words:
        for word in words_of(answer.text):
            counts[zlib.crc32(word.encode("utf-8", "surrogatepass")) % words] += 1
    damped = np.log1p(counts)
    length = float(np.linalg.norm(damped)) or 1.0
    return np.concatenate([_signs(query, answer), damped / length])


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
