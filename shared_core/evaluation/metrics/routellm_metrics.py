"""What RouteLLM's own evaluation computes, step by step (variant ``routellm``; arXiv 2406.18665).

It differs from the paper's definitions: it looks at the deciles of the score only, integrates over
the shares it happens to reach, and interpolates CPT on a curve that need not rise. Use it beside
figures from that code, ``two_model_metrics`` otherwise. Checked against version 0.2.0 with pandas
2.3: ``pandas.qcut`` and ``numpy.interp`` decide the details.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from shared_core.errors import DataError
from shared_core.evaluation.metrics.cost_metrics import Vector, area


@dataclass(frozen=True)
class RouteLLMCurve:
    """Points of the threshold sweep, in order of share.

    Args:
        thresholds: (k,) scores from which a query goes to the strong model.
        strong_percentage: (k,) percent of queries that do, rising.
        quality: (k,) mean quality there, in percent unless scaled otherwise.
        strong_quality, weak_quality: of each model alone, on the same scale.
    """

    thresholds: Vector
    strong_percentage: Vector
    quality: Vector
    strong_quality: float
    weak_quality: float

    @property
    def auc(self) -> float:
        """Area under quality over the share of strong calls."""
        return area(self.strong_percentage / 100, self.quality)

    @property
    def apgr(self) -> float:
        """(area - area under weak) / (area under strong - area under weak)."""
        reached = float(self.strong_percentage[-1] - self.strong_percentage[0]) / 100
        weak, strong = self.weak_quality * reached, self.strong_quality * reached
        if strong == weak:
            raise DataError("no gap to recover: both models are equally good, or one point only")
        return (self.auc - weak) / (strong - weak)

    def cpt(self, target: float) -> float:
        """Percent of strong calls at PGR ``target`` (0 to 1), by ``numpy.interp`` as it comes.

        Where quality is not monotone in the share, the figure depends on numpy's search; it is
        kept as it is, because the published figures were made so.
        """
        wanted = target * (self.strong_quality - self.weak_quality) + self.weak_quality
        return float(np.interp(wanted, self.quality, self.strong_percentage))


def routellm_curve(
    score: ArrayLike, strong: ArrayLike, weak: ArrayLike, n_bins: int = 10, scale: float = 100.0
) -> RouteLLMCurve:
    """Sweep the edges of ``n_bins`` equally filled bins of the score.

    Args:
        score: (n,) strong-win rates; a NaN never reaches a threshold.
        strong, weak: (n,) quality of each model's answers, 0 to 1.
        n_bins: bins; 10 in the published figures.
        scale: of the curve's quality: percent as for MMLU and GSM8K; 1 as for MT-Bench, whose
            scores they take as they are. APGR and CPT do not depend on it.

    Raises:
        DataError: different lengths, no query, or edges that coincide: too many equal scores for so
            many bins. Break the ties (``with_ties_broken``), or use fewer bins, and say so.
    """
    rates, best, cheap = (np.asarray(values, float) for values in (score, strong, weak))
    if not rates.shape == best.shape == cheap.shape or rates.ndim != 1 or not len(rates):
        raise DataError(f"not one number per query: {rates.shape}, {best.shape}, {cheap.shape}")
    thresholds = _bin_edges(rates, n_bins)
    chosen = [rates >= edge for edge in thresholds[:-1]] + [rates > thresholds[-1]]
    share = np.array([mask.sum() / len(rates) * 100 for mask in chosen])
    quality = np.array([_mean(np.where(mask, best, cheap)) * scale for mask in chosen])
    order = np.argsort(share, kind="stable")
    ends = _mean(best) * scale, _mean(cheap) * scale
    return RouteLLMCurve(thresholds[order], share[order], quality[order], *ends)


def with_ties_broken(score: ArrayLike, seed: int = 0) -> Vector:
    """The score's ranks (n,), 0 to 1, equal scores in random order: always fit for any bins.

    The order of unequal scores stays; the row order decides nothing but which of the equal ones
    comes first.
    """
    rates = np.asarray(score, float)
    order = np.lexsort((np.random.default_rng(seed).random(len(rates)), rates))
    ranks = np.empty(len(rates))
    ranks[order] = (np.arange(len(rates)) + 0.5) / max(len(rates), 1)
    return ranks


def _bin_edges(rates: Vector, n_bins: int) -> Vector:
    known = rates[~np.isnan(rates)]
    if n_bins < 1 or not len(known):
        raise DataError(f"{len(known)} scores cannot be cut into {n_bins} bins")
    edges: Vector = np.percentile(known, np.linspace(0, 1, n_bins + 1) * 100.0)
    if n_bins > 1 and len(np.unique(edges)) < len(edges):
        raise DataError(
            f"bin edges coincide: the scores have too many ties for {n_bins} bins; break the ties "
            "with with_ties_broken(score), or take fewer bins, and say so beside the figure"
        )
    return edges


def _mean(values: Vector) -> float:
    return float(values.sum() / len(values))
