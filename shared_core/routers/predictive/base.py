"""What every router that predicts does: check the data, encode, weigh, rank, explain."""

from __future__ import annotations

import datetime
import inspect
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Self

import numpy as np

from shared_core.artifacts import Artifact
from shared_core.checks import check_counts
from shared_core.decision import Flow, RoutingDecision
from shared_core.encoders.base import Encoder, Vectors, check_encoder
from shared_core.encoders.lexical import LexicalEncoder
from shared_core.errors import ConfigError, DataError, NotFitted
from shared_core.learned import Learned, check, declared
from shared_core.outcomes.table import OutcomeTable
from shared_core.policies.base import Matrix, Policy, Predictions, Weighing, check_policy
from shared_core.policies.cost_quality import CostQuality
from shared_core.pool import Candidate, ModelPool
from shared_core.query import Query
from shared_core.routers.base import Router
from shared_core.routers.predictive.anchors import one_each
from shared_core.routers.predictive.cross_validation import N_FOLDS, Folds, folds, numbered
from shared_core.routers.predictive.extension import LEARNED, Additions, Extension, learn, together
from shared_core.routers.predictive.learnable import (
    cost_unit,
    learnable,
    with_all_models,
    with_costs,
)
from shared_core.routers.predictive.reading import Reading

Progress = Callable[[str], None]

_ADDED: Final = tuple(f"added_{name}_" for name in Additions._fields)
"""Attributes that tell of the models that came later."""


class PredictiveRouter(Router):
    """Predicts quality and cost per model and takes what the policy finds worth it.

    A new one writes ``_fit`` and ``_predict``; everything else is here.

    Args:
        pool: the candidates.
        policy: what is worth it.
        encoder: texts -> vectors; the embedded lexical encoder, trained along, when not given.
            An encoder that has learned already is used as it is.
        seed: of everything random.
    """

    learned = declared(
        train_means_=Learned("models", is_optional=True),  # members of a stack have none
        cost_unit_=Learned(low=1e-300),
    )

    def __init__(
        self,
        pool: ModelPool | Iterable[Candidate | str],
        policy: Policy = CostQuality(),
        encoder: Encoder | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(pool)
        check_policy(policy)
        check_counts(0, seed=seed)
        self.policy = policy
        check_encoder(encoder)
        self.encoder = encoder
        self.seed = seed

    def _see(self, reading: Reading) -> Any:
        """What of the texts ``_fit`` and ``_predict`` are given: their vectors (n, d), float32."""
        return reading.vectors

    def _places(self, reading: Reading) -> Vectors:
        """Unit vectors (n, d) that are near where a new model's answers should be as good."""
        return reading.vectors

    @abstractmethod
    def _fit(self, vectors: Any, quality: Matrix, cost: Matrix, progress: Progress) -> None:
        """Learn from vectors (n, d), quality (n, m) and cost (n, m); NaN is unknown."""

    @abstractmethod
    def _predict(self, vectors: Any) -> tuple[Matrix, Matrix]:
        """Quality (n, m) and cost in USD (n, m) for vectors (n, d)."""

    def fit(self, outcomes: OutcomeTable, progress: Progress | None = None) -> Self:
        """Learn from outcomes of exactly the pool's models.

        Args:
            outcomes: the training table.
            progress: told in words what is being done.

        Raises:
            DataError: models missing here or there, or nothing to learn from.
        """
        report = progress or _silent
        for name in _ADDED:
            vars(self).pop(name, None)
        table = learnable(outcomes, self.pool)
        self.encoder_ = self._trained_encoder(table.queries, report)
        report("encoding the queries")
        self.cost_unit_ = cost_unit(table.cost)
        self.train_means_ = np.nanmean(table.score, axis=0)
        reading = Reading(table.queries, self.encoder_, table.domains, table.origins)
        self._learn(reading, table.score, table.cost, report)
        self.provenance_ = {
            "rows": len(table),
            "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "encoder": self.encoder_.fingerprint,
        }
        return self

    def predict(self, texts: Sequence[str]) -> Predictions:
        """Quality and cost of every model of the pool for each text.

        Raises:
            NotFitted: before ``fit`` or ``load``.
            ConfigError: something else than a list of texts.
        """
        self._check_fitted()
        if isinstance(texts, str):
            raise ConfigError("predict takes a list of texts; for one text: predict([text])")
        texts = tuple(texts)
        if odd := [type(text).__name__ for text in texts if not isinstance(text, str)]:
            raise ConfigError(f"predict takes a list of texts, not of {odd[0]}")
        if not texts:
            nothing = np.zeros((0, len(self.pool)))
            return Predictions(self.pool.names, nothing, nothing, self.cost_unit_)
        reading = Reading(texts, self.encoder_)
        quality, cost = self._predict(self._see(reading))
        if (added := self._added) is not None:
            new = added(quality, cost, self._places(reading))
            quality, cost = np.hstack([quality, new[0]]), np.hstack([cost, new[1]])
        return Predictions(self.pool.names, quality, cost, self.cost_unit_)

    def add_candidate(self, candidate: Candidate | str, outcomes: OutcomeTable) -> Extension:
        """Take a new model into the pool without retraining, from its outcomes on a few queries.

        Args:
            candidate: the new model.
            outcomes: 50 to 400 anchor queries (see ``choose_anchors``) with the scores of the new
                model and of the models trained on; costs or token counts with prices, too. Rows
                of equal text are one anchor.

        Returns:
            What was learned of it; ``error`` is how sure its expected quality is.

        Raises:
            DataError: too few anchors, or neither costs nor prices of the new model.
        """
        self._check_fitted()
        trained = self.pool.names[: len(self.train_means_)]
        pool = ModelPool([*self.pool.values(), candidate])
        name = pool.names[-1]
        table = one_each(outcomes.of([*trained, name]).priced(pool))
        reading = Reading(table.queries, self.encoder_)
        expected, spent = self._predict(self._see(reading))
        known, new = table.of(trained), table.of([name])
        if not (spent.any() or np.isfinite(known.cost).any()):
            known = with_costs(known)  # as they were when this learned: free
        found, added = learn(known, new, expected, self._places(reading))
        if not np.isfinite(found.cost_ratio):
            raise DataError(f"no cost of {name} is known: give costs, or tokens and prices")
        added = together(self._added, added)
        for attribute, value in zip(_ADDED, added, strict=True):
            setattr(self, attribute, value)
        if found.own_cost:  # the others are free, so that there was no unit yet
            self.cost_unit_ = added.dearest
        self.pool = pool
        return found

    def _caveat(self, model: str) -> str:
        """What to keep in mind of a choice: how well a model that came later is known."""
        if (added := self._added) is None:
            return ""
        place = self.pool.names.index(model) - len(self.train_means_)
        return f"; {model} is {added.told(place)}" if place >= 0 else ""

    @property
    def _added(self) -> Additions | None:
        """What is known of the models that came later."""
        values = [getattr(self, name) for name in _ADDED if hasattr(self, name)]
        return Additions(*values) if values else None

    @property
    def is_quick(self) -> bool:
        return hasattr(self, "encoder_") and self.encoder_.is_quick

    def flow(self, query: Query) -> Flow:
        eligible, rejected = self.pool.eligible(query)
        return self.weighed(query, self.predict([query.text]).of(eligible), rejected)
        yield

    def weighing(self, query: Query) -> Weighing:
        """How it weighs for this query, whose own cost weight counts."""
        return Weighing(self.policy.weighing(query.cost_weight), self.cost_unit_)

    def weighed(
        self, query: Query, predictions: Predictions, rejected: Mapping[str, str]
    ) -> RoutingDecision:
        """The decision by the policy; of models equally worth it the cheaper one comes first.

        Args:
            query: what is asked; its own cost weight counts.
            predictions: (1, m) for the models that can serve it.
            rejected: those that cannot, and why.
        """
        eligible = predictions.models
        policy = self.policy.weighing(query.cost_weight)
        utility = policy(predictions)[0]
        order = np.lexsort((predictions.cost[0], -utility))
        ranking = tuple(eligible[i] for i in order)
        told = replace(predictions, quality=predictions.quality.clip(0.0, 1.0))
        return RoutingDecision(
            ranking=ranking,
            router=type(self).__name__,
            cause="policy" if len(eligible) > 1 else "only_candidate",
            reason=_reason(told, order, policy) + self._caveat(ranking[0]),
            quality=dict(zip(eligible, told.quality[0].tolist(), strict=True)),
            cost=dict(zip(eligible, predictions.cost[0].tolist(), strict=True)),
            rejected=rejected,
        )

    def artifact(self) -> Artifact:
        self._check_fitted()
        return super().artifact()

    def check_learned(self, **sizes: int) -> dict[str, int]:
        added = np.shape(getattr(self, "added_models_", ()))
        known = {"models": len(self.pool) - sum(added[:1])}
        if hasattr(self, "encoder_"):
            known.update(self.encoder_.sizes)
        found = super().check_learned(**{**known, **sizes})
        if not any(hasattr(self, name) for name in _ADDED):
            return found
        found["place"] = self._places_width(found)
        return check(type(self).__name__, LEARNED, vars(self), found)

    def _places_width(self, sizes: Mapping[str, int]) -> int:
        """The d of ``_places``, by the lengths of axes."""
        return sizes["vector"]

    def settled(self) -> Self:
        """A fresh router of the same settings, those it chose itself included."""
        given = {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}
        chosen = {name: getattr(self, f"{name}_") for name in given if self._has_chosen(name)}
        return type(self)(**given | chosen)

    def _learn(
        self, seen: Reading, quality: Matrix, cost: Matrix, progress: Progress | None = None
    ) -> None:
        """Learn from n texts that its encoder has read, and their outcomes.

        Args:
            seen: the texts.
            quality, cost: (n, m); NaN is unknown.
            progress: told in words what is being done.
        """
        self._origins = numbered(seen.origins)
        try:
            self._fit(self._see(seen), quality, cost, progress or _silent)
        finally:
            del self._origins

    def _folds(self, rows: Vectors, n_folds: int = N_FOLDS) -> Folds:
        """A fold (n,) for each of the rows that ``_fit`` is given, to choose settings by.

        Equal rows share theirs, and so do those that were made from the same text.
        """
        origin = getattr(self, "_origins", np.arange(len(rows)))
        first = np.unique(origin, return_index=True)[1][origin]
        return folds([rows[i].tobytes() for i in first], n_folds, self.seed)

    def again(self, seen: Reading, quality: Matrix, cost: Matrix) -> PredictiveRouter:
        """A router as this one would be, had it learned from these n rows; its choices stay.

        Args:
            seen: their texts.
            quality, cost: (n, m); NaN is unknown.
        """
        twin = self.settled()
        twin.cost_unit_ = self.cost_unit_
        outcomes = with_all_models(quality), with_all_models(cost)
        twin._learn(seen, *outcomes)
        return twin

    def _has_chosen(self, name: str) -> bool:
        return name != "encoder" and getattr(self, name) is None and hasattr(self, f"{name}_")

    def _check_fitted(self) -> None:
        if not hasattr(self, "cost_unit_"):
            raise NotFitted(
                f"this {type(self).__name__} has not learned yet: call fit(outcomes) or load"
            )

    def _trained_encoder(self, texts: Sequence[str], report: Progress) -> Encoder:
        if self.encoder is None:
            return LexicalEncoder(seed=self.seed).fit(texts, report)
        return self.encoder if self.encoder.is_fitted else self.encoder.fit(texts, report)


def _reason(predictions: Predictions, order: Sequence[int] | Any, policy: Policy) -> str:
    quality, cost = predictions.quality[0], predictions.cost[0]
    chosen, best = int(order[0]), int(np.argmax(quality))
    told = f"expected quality {quality[chosen]:.2f} at ${cost[chosen]:.2g}"
    if len(quality) == 1:
        return f"{told}; the only model that can serve"
    other = best if best != chosen else int(order[1])
    rest = f"{predictions.models[other]} {quality[other]:.2f} at ${cost[other]:.2g}"
    return f"{told}, against {rest}; by {policy.explain()}"


def _silent(_: str) -> None:
    """Progress told to nobody."""
