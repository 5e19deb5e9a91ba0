"""How good is an answer beside a reference (TO-Router, arXiv 2408.12320)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from shared_core.encoders.base import Encoder
from shared_core.encoders.lexical import LexicalEncoder
from shared_core.errors import DataError
from shared_core.evaluation.metrics.cost_metrics import Vector


@dataclass(frozen=True)
class BERTSim:
    """Similarities (n,), -1 to 1, and the encoder they hang on, named with its fingerprint."""

    values: Vector
    encoder: str

    @property
    def mean(self) -> float:
        """Over the pairs."""
        return float(self.values.mean())


def bert_sim(
    answers: Sequence[str], references: Sequence[str], encoder: Encoder | None = None
) -> BERTSim:
    """Cosine of the sentence embeddings of answer and reference, per pair.

    Values of different encoders are not comparable. A text in which the encoder finds no feature
    has similarity 0 to everything, itself included.

    Args:
        answers, references: (n,) texts.
        encoder: any encoder that has learned. When not given, the embedded lexical encoder, which
            learns its word weights from the references.

    Raises:
        DataError: different lengths or no pair.
    """
    if len(answers) != len(references) or not len(answers):
        raise DataError(f"{len(answers)} answers and {len(references)} references are no pairs")
    by = LexicalEncoder().fit(list(references)) if encoder is None else encoder
    left, right = by(list(answers)), by(list(references))
    cosines = np.einsum("nd,nd->n", left.astype(float), right.astype(float))
    return BERTSim(np.clip(cosines, -1.0, 1.0), f"{type(by).__name__} {by.fingerprint}")


def negative_log_likelihood(logprobs: ArrayLike) -> float:
    """Mean negative log-likelihood per token, in nats, of an answer's token log-probabilities.

    Raises:
        DataError: no token, or a log-probability above 0.
    """
    values = np.asarray(logprobs, float).ravel()
    if not len(values) or np.isnan(values).any() or (values > 0).any():
        raise DataError(f"{len(values)} log-probabilities; each is a number up to 0")
    return float(-values.mean())


def perplexity(nll: float) -> float:
    """exp(NLL): the number of equally likely tokens the model was torn between."""
    return float(np.exp(nll))
