"""What BERTRouter and CausalLMRouter share: a transformer under MLPRouter's networks."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

import numpy as np

from shared_core._lazy import load
from shared_core.checks import check_above_zero, check_counts
from shared_core.encoders.base import Encoder
from shared_core.policies.base import Matrix, Policy
from shared_core.policies.cost_quality import CostQuality
from shared_core.pool import Candidate, ModelPool
from shared_core.routers.predictive.base import Progress
from shared_core.routers.predictive.cross_validation import advantage_error, folds
from shared_core.routers.predictive.mlp import MLPRouter
from shared_core.routers.predictive.reading import Reading, scale

if TYPE_CHECKING:
    from shared_core.encoders.fine_tuned import FineTunedEncoder

_PARTS: Final = 5
"""One of so many parts of the texts judges the fine-tuning."""


class TransformerRouter(MLPRouter):
    """A transformer, and small networks on its vectors for the quality and cost of all models.

    Fine-tuning can make it worse, on few rows above all. So a fifth of the texts is held back, and
    the fine-tuned transformer is taken only where its predictions of these are better by more than
    the standard error of the difference; ``tuning_`` says how it went.

    The weights and the tokenizer are saved with the router: it loads without the model's folder.
    torch reads the texts, unless the transformer is written as ONNX: see ``as_onnx``. To train on
    such a folder, or on any other encoder, too, take an MLPRouter with that encoder.

    Args:
        pool, policy, seed: see PredictiveRouter.
        model: a folder, or a name on the Hugging Face hub; safetensors only, no code of its own.
        epochs: passes of fine-tuning; 0 leaves the transformer as it is.
        rate: the transformer's highest learning rate.
        batch_size: texts of a step of fine-tuning.
        max_tokens: tokens of a text that are read.
        networks, temperature: see MLPRouter.
    """

    POOLING: ClassVar[str]
    encoder_: Encoder

    def __init__(
        self,
        pool: ModelPool | Iterable[Candidate | str],
        model: str,
        policy: Policy = CostQuality(),
        seed: int = 0,
        epochs: int = 0,
        rate: float = 3e-5,
        batch_size: int = 16,
        max_tokens: int = 256,
        networks: int = 5,
        temperature: float | None = None,
    ) -> None:
        check_counts(batch_size=batch_size, max_tokens=max_tokens)
        check_counts(0, epochs=epochs)
        check_above_zero(rate=rate)
        super().__init__(pool, policy, None, seed, networks=networks, temperature=temperature)
        self.model = model
        self.epochs = epochs
        self.rate = rate
        self.batch_size = batch_size
        self.max_tokens = max_tokens

    def as_onnx(self, folder: str | Path, *, bits: int = 8) -> Self:
        """A copy that needs no torch to be loaded, to predict and to be saved.

        Its transformer is read from a folder, which is not saved with it: see ``OnnxEncoder``.
        With eight bits it is more than twice as quick, and what it expects moves a little.

        Args:
            folder: where to write the transformer; must not exist yet.
            bits: of a weight, 8 or 32; see ``export_onnx``.

        Raises:
            NotFitted: before ``fit`` or ``load``.
            ConfigError: the folder is there already, or this is such a copy.
        """
        self._check_fitted()
        export = load("shared_core.encoders.onnx_export", f"{type(self).__name__}.as_onnx")
        twin = copy.copy(self)
        twin.encoder_ = export.export_onnx(self.encoder_, folder, bits=bits)
        twin.provenance_ = {**self.provenance_, "encoder": twin.encoder_.fingerprint}
        return twin

    def _trained_encoder(self, texts: Sequence[str], report: Progress) -> FineTunedEncoder:
        report("loading the transformer")
        fine_tuned = load("shared_core.encoders.fine_tuned", f"{type(self).__name__}.fit")
        encoder: FineTunedEncoder = fine_tuned.FineTunedEncoder.of(
            self.model, self.POOLING, self.max_tokens
        )
        return encoder

    def _see(self, reading: Reading) -> Any:
        return reading

    def _fit(self, vectors: Any, quality: Matrix, cost: Matrix, progress: Progress) -> None:
        seen: Reading = vectors
        if self.epochs:
            seen = self._best_reading(seen, quality, cost, progress)
        super()._fit(super()._see(seen), quality, cost, progress)
        if seen is vectors:
            return
        self.encoder_ = seen.encoder
        if self._held_out is not None:
            predicted, score, price = self._held_out
            judges = self._judges(seen)[:, None]  # the transformer has learned from the others
            self._held_out = predicted, np.where(judges, score, np.nan), price

    def _predict(self, vectors: Any) -> tuple[Matrix, Matrix]:
        return super()._predict(super()._see(vectors))

    def again(self, seen: Reading, quality: Matrix, cost: Matrix) -> MLPRouter:
        """Its networks again; the transformer stays as it is, since to train it takes long."""
        settings: dict[str, Any] = {"networks": self.networks, "temperature": self.temperature}
        head = MLPRouter(self.pool, seed=self.seed, **settings)
        head.cost_unit_ = self.cost_unit_
        head._learn(seen, quality, cost)
        return head

    def _best_reading(
        self, plain: Reading, quality: Matrix, cost: Matrix, progress: Progress
    ) -> Reading:
        """The texts as the fine-tuned transformer reads them, or the plain one if that is safer."""
        held = self._judges(plain)
        if held.all():
            self.tuning_ = "not fine-tuned: there is only one text"
            return plain
        _ = plain.vectors  # worked out once, its rows are taken below
        rest = np.flatnonzero(~held)
        encoder = self._tuned(plain.rows(rest), quality[rest], cost[rest], progress)
        tuned = plain.read_by(encoder)
        _ = tuned.vectors
        before, after = (self._missed(one, quality, cost, held) for one in (plain, tuned))
        gain, error = _mean_and_error(before - after)
        told = f"changes the error on texts held back by {-gain:+.5f} ± {error:.5f}"
        self.tuning_ = f"{'fine-tuned' if gain > error else 'not fine-tuned'}: it {told}"
        progress(self.tuning_)
        return tuned if gain > error else plain

    def _judges(self, seen: Reading) -> Any:
        """Which texts (n,) are held back to judge the fine-tuning."""
        return folds(seen.origins, _PARTS, self.seed) == 0

    def _tuned(
        self, seen: Reading, quality: Matrix, cost: Matrix, progress: Progress
    ) -> FineTunedEncoder:
        self.middle_, self.spread_ = scale(seen.shape)
        design = self._design(super()._see(seen))
        objective = self._objective(quality, cost)
        tuning = self._with_torch("tuning").Tuning(
            self.epochs, self.rate, self.batch_size, self.seed
        )
        tuned: FineTunedEncoder = tuning(self.encoder_, seen, design, objective, progress)
        return tuned

    def _missed(self, seen: Reading, quality: Matrix, cost: Matrix, held: Any) -> Matrix:
        """Error of the advantage of each row held back (h,), by a head fitted on the others."""
        rest, judged = np.flatnonzero(~held), np.flatnonzero(held)
        head = self.again(seen.rows(rest), quality[rest], cost[rest])
        told, _ = head._predict(head._see(seen.rows(judged)))
        rows = zip(told[:, None], quality[judged][:, None], strict=True)
        return np.array([advantage_error(*row) for row in rows])


def _mean_and_error(values: Matrix) -> tuple[float, float]:
    """The mean, and its standard error: infinite for a single value."""
    if len(values) < 2:
        return float(values.mean()), float("inf")
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))
