"""Similarity-weighted ranking: a Bradley-Terry ladder for each query, of the games most like it.

RouteLLM's SW ranking (arXiv 2406.18665, section 4.2): every training query is a game between each
pair of models, won by the higher score, drawn by equal ones; games weigh the more, the more similar
their query is to the one asked, in what it is about and in its form.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

import numpy as np

from shared_core.checks import check_from_zero
from shared_core.encoders.base import Encoder, Vectors, unit
from shared_core.encoders.shape import WIDTH
from shared_core.errors import DataError
from shared_core.learned import Learned, declared
from shared_core.outcomes import preferences
from shared_core.policies.base import Matrix, Policy
from shared_core.policies.cost_quality import CostQuality
from shared_core.pool import Candidate, ModelPool
from shared_core.routers.predictive import neighbours
from shared_core.routers.predictive.base import PredictiveRouter, Progress
from shared_core.routers.predictive.reading import SCALE, Reading, beside_form, scale

_ROUNDS: Final = 6
_PRIOR_GAMES: Final = 30.0
_AT_ONCE: Final = 512
"""Rows whose games are counted at a time; each has a table of all pairs."""


class EloRouter(PredictiveRouter):
    """Bradley-Terry strengths from games weighted by similarity.

    It allows for whom a model played: where models met unlike opponents, as in an arena's
    preferences, the other routers take a share of points for quality, whoever it was won against.
    Of logs with one answer for each query nothing can be learned here.

    Args:
        pool, policy, encoder, seed: see PredictiveRouter.
        sharpness: a game weighs ``exp(sharpness * similarity)``; 0 gives one ladder for all.
        form_weight: see KNNRouter.
    """

    learned = declared(
        PredictiveRouter.learned,
        SCALE,
        vectors_=Learned("row vector+form"),
        scores_=Learned("row models", has_gaps=True),
        means_=Learned("models"),
        costs_=Learned("models"),
        overall_=Learned("models models", low=0),
        level_=Learned(),
        slope_=Learned(),
    )

    def __init__(
        self,
        pool: ModelPool | Iterable[Candidate | str],
        policy: Policy = CostQuality(),
        encoder: Encoder | None = None,
        seed: int = 0,
        sharpness: float = 6.0,
        form_weight: float = 0.15,
    ) -> None:
        check_from_zero(sharpness=sharpness, form_weight=form_weight)
        super().__init__(pool, policy, encoder, seed)
        self.sharpness = sharpness
        self.form_weight = form_weight

    def _see(self, reading: Reading) -> Vectors:
        return np.hstack([reading.vectors, reading.shape])

    def _placed(self, seen: Vectors) -> Vectors:
        return unit(beside_form(seen, self.middle_, self.spread_, self.form_weight))

    def _fit(self, vectors: Vectors, quality: Matrix, cost: Matrix, progress: Progress) -> None:
        progress("playing the games")
        vars(self).pop("_right_and_known", None)
        self.middle_, self.spread_ = scale(vectors[:, -WIDTH:])
        self.vectors_ = self._placed(vectors)
        self.scores_ = quality.astype(np.float32)
        self.means_ = np.nanmean(quality, axis=0)
        self.costs_ = np.nanmean(cost, axis=0)
        self.overall_ = _overall(self.scores_)
        self._check_compared()
        won = _win_shares(_strengths(self.overall_[None]))[0]
        self.level_, self.slope_ = _line(won, self.means_)

    def _check_compared(self) -> None:
        """Raise a DataError where some models never played any that lead to the first."""
        reached = preferences.reached(self.overall_ + self.overall_.T > 0)
        if not reached.all():
            groups = (reached, ~reached)
            told = (", ".join(np.array(self.pool.names)[group]) for group in groups)
            raise DataError(
                f"no row has a score of {' and one of '.join(told)}: EloRouter learns from models "
                "that answered the same query; KNNRouter and AutoRouter do with one answer each"
            )

    def _predict(self, vectors: Vectors) -> tuple[Matrix, Matrix]:
        quality, placed = np.empty((len(vectors), len(self.means_))), self._placed(vectors)
        for rows in neighbours.chunks(len(vectors), len(self.vectors_)):
            quality[rows] = self._quality(placed[rows])
        return quality, np.tile(self.costs_, (len(vectors), 1))

    def _quality(self, vectors: Vectors) -> Matrix:
        weight = np.exp(np.float32(self.sharpness) * (vectors @ self.vectors_.T - 1))
        effective = weight.sum(axis=1) ** 2 / np.maximum((weight**2).sum(axis=1), 1e-30)
        weight /= np.maximum(weight.sum(axis=1, keepdims=True), 1e-30)
        games = self._games(weight)
        trust = (effective / (effective + _PRIOR_GAMES))[:, None, None]
        won = _win_shares(_strengths(trust * games + (1 - trust) * self.overall_))
        return self.level_ + self.slope_ * won

    def _games(self, weight: Vectors) -> Matrix:
        """Weighted wins (q, m, m) of the row's model over the column's, by shares (q, n)."""
        if self._right_and_known is None:
            return np.stack([self._games_of_heaviest(row) for row in weight])
        right, known = self._right_and_known
        if known.all():
            won = (weight @ right).astype(np.float64)
            games: Matrix = (1 + won[:, :, None] - won[:, None, :]) / 2
            return games
        return np.stack([_two_level_wins(right, known, row) for row in weight])

    def _games_of_heaviest(self, weight: Vectors) -> Matrix:
        heavy = np.argsort(-weight)[:256]
        shares = weight[heavy] / max(float(weight[heavy].sum()), 1e-30)
        wins: Matrix = np.tensordot(shares, _wins(self.scores_[heavy]), axes=1)
        return wins

    @cached_property
    def _right_and_known(self) -> tuple[Vectors, Vectors] | None:
        """Which scores are right and which are known (n, m), where they have two levels."""
        known = np.isfinite(self.scores_)
        levels = np.unique(self.scores_[known])
        if len(levels) > 2:
            return None
        return (self.scores_ == levels[-1]).astype(np.float32), known.astype(np.float32)

    @classmethod
    def test_parameters(cls) -> Sequence[Mapping[str, Any]]:
        return [{}]


def _wins(scores: Vectors) -> Matrix:
    """Wins (n, m, m) of the row's model over the column's; 0.5 for a draw, 0 for no game."""
    mine, theirs = scores[:, :, None], scores[:, None, :]
    won: Matrix = (mine > theirs) + 0.5 * (mine == theirs)
    return won


def _overall(scores: Vectors) -> Matrix:
    """Wins (m, m) over all rows, on average; no more than some rows' tables at a time."""
    some = range(0, len(scores), _AT_ONCE)
    wins: Matrix = sum(_wins(scores[at : at + _AT_ONCE]).sum(axis=0) for at in some) / len(scores)
    return wins


def _two_level_wins(right: Vectors, known: Vectors, weight: Vectors) -> Matrix:
    """``_wins`` of right-or-wrong scores, weighted: half a win, and half of what one is ahead."""
    played = (known * weight[:, None]).T @ known
    ahead = (right * weight[:, None]).T @ known
    games: Matrix = ((played + ahead - ahead.T) / 2).astype(np.float64)
    return games


def _strengths(wins: Matrix) -> Matrix:
    """Bradley-Terry strengths (q, m) of win tables (q, m, m): maximum likelihood, by Newton.

    From equal strengths its first steps are too short rather than too long, so that it arrives.
    """
    m = wins.shape[1]
    won = (wins + 1e-4) * (1 - np.eye(m))
    games, total = won + won.transpose(0, 2, 1), won.sum(axis=2)
    log, diagonal = np.zeros(total.shape), np.arange(m)
    for _ in range(_ROUNDS):
        chance = 1 / (1 + np.exp(log[:, None, :] - log[:, :, None]))
        expected = games * chance
        pairs = expected * (1 - chance)
        curvature = 1 / m - pairs
        curvature[:, diagonal, diagonal] += pairs.sum(axis=2)
        short = (total - expected.sum(axis=2))[:, :, None]
        log += np.linalg.solve(curvature, short)[:, :, 0]
    strength: Matrix = np.exp(log)
    return strength


def _win_shares(strength: Matrix) -> Matrix:
    """Chance (q, m) to beat a model of the pool drawn at random, itself included."""
    shares: Matrix = (strength[:, :, None] / (strength[:, :, None] + strength[:, None, :])).mean(2)
    return shares


def _line(won: Matrix, means: Matrix) -> tuple[float, float]:
    """Level and slope that turn win shares into quality; who wins more is never expected worse."""
    spread = won - won.mean()
    slope = max(float(spread @ means / max(float(spread @ spread), 1e-12)), 1e-6)
    return float(means.mean() - slope * won.mean()), slope
