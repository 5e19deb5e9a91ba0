"""What BERTRouter and CausalLMRouter share: a transformer under a head over all models."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np

from shared_core.encoders.fine_tuned import FineTunedEncoder
from shared_core.encoders.shape import WIDTH
from shared_core.errors import ConfigError
from shared_core.policies.base import Matrix, Policy
from shared_core.policies.cost_quality import CostQuality
from shared_core.pool import Candidate, ModelPool
from shared_core.routers.predictive import reading, ridge
from shared_core.routers.predictive.base import Progress
from shared_core.routers.predictive.reading import Reading
from shared_core.routers.predictive.regression import RegressionRouter
from shared_core.routers.predictive.tuning import Tuning


class TransformerRouter(RegressionRouter):
    """A transformer, fine-tuned or frozen, with one linear head for the quality and cost of all.

    The weights and the tokenizer are saved with the router: it loads without the model's folder.

    Args:
        pool, policy, seed: see PredictiveRouter.
        model: a folder, or a name on the Hugging Face hub; safetensors only, no code of its own.
        epochs: passes of fine-tuning, the best on rows held back counts; 0 leaves the transformer
            as it is and fits the head by ridge regression, its strength chosen by cross-validation.
        rate: learning rate of the transformer.
        batch_size: texts of a training step.
        max_tokens: tokens of a text that are read.
        temperature: of the soft labels (TO-Router, arXiv 2408.12320).
    """

    POOLING: ClassVar[str]
    encoder_: FineTunedEncoder

    def __init__(
        self,
        pool: ModelPool | Iterable[Candidate | str],
        model: str,
        policy: Policy = CostQuality(),
        seed: int = 0,
        epochs: int = 3,
        rate: float = 5e-5,
        batch_size: int = 32,
        max_tokens: int = 256,
        temperature: float = 10.0,
    ) -> None:
        if epochs < 0 or min(batch_size, max_tokens) < 1 or min(rate, temperature) <= 0:
            raise ConfigError(
                "epochs counts from 0 up, batch_size and max_tokens from 1, rate and temperature "
                "are above 0"
            )
        super().__init__(pool, policy, None, seed)
        self.model = model
        self.epochs = epochs
        self.rate = rate
        self.batch_size = batch_size
        self.max_tokens = max_tokens
        self.temperature = temperature

    def _trained_encoder(self, texts: Sequence[str], report: Progress) -> FineTunedEncoder:
        report("loading the transformer")
        return FineTunedEncoder.of(self.model, self.POOLING, self.max_tokens)

    def _see(self, reading: Reading) -> Any:
        return reading

    def _fit(self, seen: Any, quality: Matrix, cost: Matrix, progress: Progress) -> None:
        if not self.epochs:
            super()._fit(super()._see(seen), quality, cost, progress)
            return
        self.middle_, self.spread_ = reading.scale(seen.shape)
        form = self._design(seen.shape)[:, -WIDTH:]
        targets = ridge.filled(quality, cost, self.cost_unit_)
        tune = Tuning(self.epochs, self.rate, self.batch_size, self.temperature, self.seed)
        self.encoder_, head = tune(self.encoder_, seen.texts, form, targets, quality, progress)
        self.weights_, self.offset_ = head.weights.astype(np.float32), head.offset
        self.least_cost_ = np.nanmin(cost, axis=0)

    def _predict(self, seen: Any) -> tuple[Matrix, Matrix]:
        return super()._predict(super()._see(seen))
