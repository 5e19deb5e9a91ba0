"""What a source of token log-probabilities does, and NLL by it (TO-Router, arXiv 2408.12320)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from shared_core.errors import DataError
from shared_core.evaluation.metrics.answer_metrics import negative_log_likelihood
from shared_core.evaluation.metrics.cost_metrics import Vector


class Likelihood(ABC):
    """A language model that says how likely it finds an answer that others gave."""

    @abstractmethod
    def logprobs(self, prompt: str, answer: str) -> Vector:
        """Log-probability (t,), in nats, of each token of the answer, given what comes before it.

        The prompt is taken as it is: chat templates are the caller's. The answer is tokenised by
        itself, so a leading space counts.

        Raises:
            DataError: the answer has no token, or it does not fit the model's context.
        """

    def nll(self, prompts: Sequence[str], answers: Sequence[str]) -> Vector:
        """Mean negative log-likelihood per token (n,) of each answer; perplexity is its ``exp``.

        Raises:
            DataError: different lengths, or as for ``logprobs``.
        """
        if len(prompts) != len(answers):
            raise DataError(f"{len(prompts)} prompts and {len(answers)} answers are no pairs")
        pairs = zip(prompts, answers, strict=True)
        return np.array([negative_log_likelihood(self.logprobs(*pair)) for pair in pairs])
