"""A new model without retraining: a mixture of the models known already, and a pattern of its own.

On a few anchor queries that the pool answered too, the new model's scores are regressed on theirs,
shrunk towards the pool's average. What the mixture misses is taken for a Gaussian process over
queries (Rasmussen and Williams, 2006, ch. 2 and 5): two are alike when their texts or their domains
are, and when the router expects the same models to be good at them. Its strength is averaged over
what the anchors make likely, so that a few of them claim little.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared_core.encoders.base import Vectors
from shared_core.errors import DataError
from shared_core.learned import Learned
from shared_core.outcomes.table import OutcomeTable
from shared_core.policies.base import Matrix
from shared_core.routers.predictive.anchors import FEWEST

_MOST: Final = 1000
"""Anchors that the pattern is learned from; its time grows with their cube."""
_PENALTY_PER_MODEL: Final = 4.0
_NOISES: Final = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1e3, 1e5)
"""The noise's variance over the pattern's, from a strong pattern to as good as none."""

Vector = NDArray[np.float64]


class Extension(NamedTuple):
    """How the new model follows from the m known ones.

    Args:
        weights: (m,) of the known models' quality.
        level: what is added to the mixture on average.
        cost_ratio: the new model's cost over the known models' mean cost.
        error: standard error of its expected quality of a query that is no anchor.
        n: anchor queries used.
        own_cost: USD per answer where the known models are free, and no ratio says what it costs.
    """

    weights: Vector
    level: float
    cost_ratio: float
    error: float
    n: int
    own_cost: float = 0.0


class Places(NamedTuple):
    """Where n queries lie: unit vectors (n, d), and what is expected of the m models.

    ``profile`` (n, m) is each model's expected quality less the query's mean; ``scale`` (n,) the
    distance between profiles that counts as far.
    """

    vectors: Vectors
    profile: Matrix
    scale: Vector

    @classmethod
    def of(cls, vectors: Vectors, quality: Matrix) -> Places:
        """From vectors (n, d) and the router's expected quality (n, m)."""
        profile = quality - quality.mean(axis=1, keepdims=True)
        spread = float((profile - profile.mean(axis=0)).std())
        scale = max(spread, 1e-6) * np.sqrt(quality.shape[1])
        return cls(vectors, profile, np.full(len(vectors), scale))

    def likeness(self, to: Places) -> Matrix:
        """How alike (n, k) these and k others are, 0..1; far is what the others call so."""
        squares = (self.profile**2).sum(axis=1)[:, None] + (to.profile**2).sum(axis=1)
        apart = np.maximum(squares - 2 * self.profile @ to.profile.T, 0.0) / to.scale**2
        alike: Matrix = np.exp(-apart / 2) * (1 + self.vectors @ to.vectors.T) / 2
        return alike


class Additions(NamedTuple):
    """All that is known of k added models; arrays, which is what saving takes.

    Args:
        models: (k, 5 + m) level, cost ratio, error, anchors used, own cost, weights of the m known
            models.
        anchors: (N, d + m + 1) vectors, profiles and scale of all their anchors.
        pull: (N, k) what likeness to an anchor adds to each.
    """

    models: Matrix
    anchors: NDArray[np.float32]
    pull: Matrix

    def __call__(self, quality: Matrix, cost: Matrix, vectors: Vectors) -> tuple[Matrix, Matrix]:
        """Quality and cost (n, k) of the added ones from those (n, m) of the others."""
        told, weights = np.split(self.models, [5], axis=1)
        m = weights.shape[1]
        near = Places.of(vectors, quality).likeness(_unpacked(self.anchors, m))
        found = quality @ weights.T + told[:, 0] + near @ self.pull
        spent = cost.mean(axis=1, keepdims=True) * told[:, 1] + told[:, 4]
        return np.clip(found, 0.0, 1.0), spent

    @property
    def dearest(self) -> float:
        """The highest own cost of an added model."""
        return float(self.models[:, 4].max())

    def told(self, place: int) -> str:
        """How well the model at that place is known, in words."""
        error, n = self.models[place, 2:4]
        return f"known from {n:.0f} anchors, ±{error:.2f}"


LEARNED: Final = {
    "added_models_": Learned("added 5+models"),
    "added_anchors_": Learned("anchors place+models+1"),
    "added_pull_": Learned("anchors added"),
}
"""What ``Additions`` look like, where a router keeps them."""


def learn(
    known: OutcomeTable, new: OutcomeTable, quality: Matrix, vectors: Vectors
) -> tuple[Extension, Additions]:
    """The extension for one new model.

    Args:
        known: the pool's outcomes on the n anchors.
        new: the new model's outcomes on the same anchors, a single column.
        quality: (n, m) what the router expects of the pool's models there.
        vectors: (n, d) of the anchors.

    Raises:
        DataError: fewer than 20 anchors whose outcomes are all known.
    """
    rows = np.flatnonzero(np.isfinite(known.score).all(axis=1) & np.isfinite(new.score[:, 0]))
    if len(rows) < FEWEST:
        raise DataError(f"{len(rows)} anchors with every score known; it takes {FEWEST} or more")
    scores, wanted = known.score[rows], new.score[rows, 0]
    apart, spare = scores - scores.mean(axis=0), wanted - wanted.mean()
    weights = _shrunk(apart, spare)
    unseen = _left_out(apart, spare - apart @ weights)
    doubt = float(unseen.var()) * _vagueness(apart, quality[rows] - scores.mean(axis=0))
    some = np.unique(np.linspace(0, len(rows) - 1, _MOST).astype(np.int64))
    used = rows[some]
    places = Places.of(vectors[used], quality[used])
    missed = new.score[used, 0] - known.score[used] @ weights
    pull, level, variance = _pattern(places.likeness(places), missed, unseen[some])
    error = float(np.sqrt(variance + doubt))
    ratio = _ratio(new.cost[rows, 0], known.cost[rows])
    own = _own_cost(new.cost[rows, 0], known.cost[rows])
    found = Extension(weights, level + float(missed.mean()), ratio, error, len(rows), own)
    model = np.array([[found.level, ratio, error, len(rows), own, *weights]])
    return found, Additions(model, _packed(places), pull[:, None])


def together(old: Additions | None, new: Additions) -> Additions:
    """Both, the new ones last."""
    if old is None:
        return new
    (n, k), (n_new, k_new) = old.pull.shape, new.pull.shape
    pull = np.zeros((n + n_new, k + k_new))
    pull[:n, :k], pull[n:, k:] = old.pull, new.pull
    return Additions(
        np.vstack([old.models, new.models]), np.vstack([old.anchors, new.anchors]), pull
    )


def _shrunk(scores: Matrix, wanted: Vector) -> Vector:
    """Ridge weights (m,), drawn towards the same weight for every known model."""
    m = scores.shape[1]
    alike = np.full(m, 1 / m)
    rest = scores.T @ (wanted - scores @ alike)
    weights: Vector = alike + np.linalg.solve(_penalised(scores), rest)
    return weights


def _penalised(scores: Matrix) -> Matrix:
    gram: Matrix = scores.T @ scores + _PENALTY_PER_MODEL * np.eye(scores.shape[1])
    return gram


def _left_out(scores: Matrix, missed: Vector) -> Vector:
    """What the mixture would miss (n,) of each anchor, had it been learned from the others."""
    own = (scores * np.linalg.solve(_penalised(scores), scores.T).T).sum(axis=1)
    unseen: Vector = missed / (1 - own - 1 / len(missed))
    return unseen


def _vagueness(scores: Matrix, expected: Matrix) -> float:
    """Mean variance of the mixture of what is expected (k, m), in units of the noise's."""
    return float((expected * np.linalg.solve(_penalised(scores), expected.T).T).sum(axis=1).mean())


def _pattern(likeness: Matrix, missed: Vector, unseen: Vector) -> tuple[Vector, float, float]:
    """Pull (n,) of each anchor, what it adds everywhere, and the variance of what is expected.

    What the mixture misses is smaller on the anchors that it was learned from, the more so the more
    models there are: the variance goes by ``unseen``, what it misses of others.
    """
    n = len(missed)
    middle = np.eye(n) - 1 / n
    strength, axes = np.linalg.eigh(middle @ likeness @ middle)
    strength = np.maximum(strength, 0.0)
    grown = [strength / noise + 1 for noise in _NOISES]
    told = axes.T @ (missed - missed.mean())
    share, _ = _likely(told, grown)
    inverse = sum(w / (noise * one) for w, noise, one in zip(share, _NOISES, grown, strict=True))
    pull: Vector = axes @ (told * inverse)
    share, variance = _likely(axes.T @ (unseen - unseen.mean()), grown)
    doubt = [v * _left_out_variance(axes, one) for v, one in zip(variance, grown, strict=True)]
    return pull, -float(likeness.mean(axis=0) @ pull), float(share @ np.array(doubt))


def _likely(told: Vector, grown: list[Vector]) -> tuple[Vector, Vector]:
    """How likely each strength is (marginal likelihoods, all as likely before), and its noise."""
    n, volume = len(told), np.array([float(np.log(one).sum()) for one in grown])
    variance = np.array([(told**2 / one).sum() / (n - 1) for one in grown])
    log = -((n - 1) * np.log(np.maximum(variance, 1e-12)) + volume) / 2
    weight = np.exp(log - log.max())
    return weight / weight.sum(), variance


def _left_out_variance(axes: Matrix, grown: Vector) -> float:
    """Mean variance, in units of the noise's, of what is expected of an anchor from the others."""
    own = (axes**2) @ (1 / grown)
    return float((1 / np.maximum(own, 1e-12) - 1).mean() + 1 / len(axes))


def _packed(places: Places) -> NDArray[np.float32]:
    return np.column_stack(places).astype(np.float32)


def _unpacked(anchors: NDArray[np.float32], m: int) -> Places:
    vectors, profile, scale = np.split(anchors, [-1 - m, -1], axis=1)
    return Places(vectors, profile.astype(np.float64), scale[:, 0].astype(np.float64))


def _ratio(new: Vector, known: Matrix) -> float:
    spent, usual = _mean_costs(new, known)
    return 0.0 if usual == 0 else spent / usual


def _own_cost(new: Vector, known: Matrix) -> float:
    spent, usual = _mean_costs(new, known)
    return spent if usual == 0 else 0.0


def _mean_costs(new: Vector, known: Matrix) -> tuple[float, float]:
    """The new model's and the known models' where all are known; NaN where they never are."""
    both = np.isfinite(new) & np.isfinite(known).all(axis=1)
    if not both.any():
        return float("nan"), float("nan")
    return float(new[both].mean()), float(known[both].mean())
