"""What an evaluation says: a line for each way of choosing, and all of them side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from shared_core.evaluation.metrics.cost_metrics import Vector

_NOISE: Final = 1e-9
"""Differences below this are rounding."""


@dataclass(frozen=True)
class Line:
    """How one way of choosing did on the test rows.

    Args:
        quality, cost: means over queries; None for a line that is no single point.
        model: the model, for lines that are one.
        aiq_range: mean height of its cost-quality hull; None for one without a knob.
        cost_at_best_single: smallest cost at the best single model's quality; None if out of reach.
        interval: 95 % paired-bootstrap intervals, by metric. ``aiq_over_zero``, ``saved`` and
            ``ahead`` are of what is gained at settings that other test rows chose, see
            ``evaluation.gained``; on those that it is drawn from, a curve looks better than it is.
        curve: corners (cost, quality) of the hull, for pictures.
        points: (cost, quality) at every setting of its knob.
        metrics: further figures by name, listed in ``evaluation.line_figures``; None where one is
            not defined.
        traffic: share of the queries that each model gets.
    """

    quality: float | None = None
    cost: float | None = None
    model: str | None = None
    aiq_range: float | None = None
    cost_at_best_single: float | None = None
    interval: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    curve: tuple[Vector, Vector] | None = field(default=None, repr=False)
    points: tuple[Vector, Vector] | None = field(default=None, repr=False)
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    traffic: Mapping[str, float] = field(default_factory=dict)

    @property
    def beats_zero(self) -> bool:
        """Whether it is above the zero router beyond the 95 % interval, by ``aiq_over_zero``."""
        return "aiq_over_zero" in self.interval and self.interval["aiq_over_zero"][0] > _NOISE

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, without what is not known."""
        told: dict[str, Any] = {"quality": self.quality, "cost": self.cost, "model": self.model}
        told |= {"aiq_range": self.aiq_range, **self.metrics}
        if self.interval:
            told["interval"] = {name: list(ends) for name, ends in self.interval.items()}
        if self.traffic:
            told["traffic"] = dict(self.traffic)
        known = {name: value for name, value in told.items() if value is not None}
        if self.aiq_range is not None and self.quality is not None:
            known["cost_at_best_single"] = self.cost_at_best_single
        return known


@dataclass(frozen=True)
class Evaluation:
    """Routers beside the lines, on the same test rows.

    Args:
        data: what was evaluated.
        n_train, n_test: rows fitted on and judged on.
        lines: ``best_single`` (chosen on the training rows), ``cheapest``, ``random``, ``zero``
            (random mixtures of single models), ``oracle``.
        routers: the routers by name.
        singles: every single model.
        notes: what a reader of the figures has to know: rows left out, ties broken.
    """

    data: str
    n_train: int
    n_test: int
    lines: Mapping[str, Line]
    routers: Mapping[str, Line]
    singles: Mapping[str, Line] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The JSON object that ``llmrouter evaluate --json`` prints."""
        told = {
            "data": self.data,
            "n_train": self.n_train,
            "n_test": self.n_test,
            "lines": {name: line.to_dict() for name, line in self.lines.items()},
            "routers": {name: line.to_dict() for name, line in self.routers.items()},
            "singles": {name: line.to_dict() for name, line in self.singles.items()},
        }
        return told | ({"notes": list(self.notes)} if self.notes else {})
