"""Pictures of an evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from shared_core.errors import ConfigError
from shared_core.evaluation.evaluate import Evaluation, Line

_COLOURS = ("#0b6e4f", "#7b2d8b", "#b5651d", "#1f5fa8", "#a8324a", "#4d4d4d")


def save_cost_quality(evaluation: Evaluation, path: str | Path, title: str = "") -> Path:
    """Draw quality over cost: single models, their random mixtures, oracle and routers.

    Args:
        evaluation: what to draw.
        path: ``.png``, ``.svg`` or ``.pdf``.
        title: above the picture.

    Raises:
        ConfigError: no such format, or the place cannot be written.
    """
    figure = Figure(figsize=(7.5, 5), layout="constrained")
    axes = figure.subplots()
    _draw_singles(axes, evaluation)
    _draw_curve(axes, evaluation.lines["zero"], "mixing single models at random", "#888888", "--")
    for colour, (name, line) in zip(_COLOURS, evaluation.routers.items(), strict=False):
        _draw_curve(axes, line, f"{name} router, all cost weights", colour, "-")
        axes.plot(_milli(line.cost), line.quality or 0.0, "o", color=colour, markersize=9)
    axes.set_xlabel("mean cost, USD per 1,000 queries")
    axes.set_ylabel("mean quality")
    axes.set_title(title or f"{evaluation.data}: {evaluation.n_test:,} held-out queries")
    axes.grid(alpha=0.25)
    axes.margins(x=0.15)
    axes.legend(frameon=False, loc="lower right")
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(target, dpi=150)
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot draw to {target}: {error}") from error
    return target


def _draw_singles(axes: Any, evaluation: Evaluation) -> None:
    for name, line in evaluation.singles.items():
        axes.plot([_milli(line.cost)], [line.quality], "s", color="#333333", markersize=5)
        axes.annotate(
            name,
            (_milli(line.cost), line.quality),
            (6, -10),
            textcoords="offset points",
            fontsize=8,
        )
    oracle = evaluation.lines["oracle"]
    axes.plot(
        [_milli(oracle.cost)], [oracle.quality], "*", color="#c59a00", markersize=13, label="oracle"
    )


def _draw_curve(axes: Any, line: Line, label: str, colour: str, style: str) -> None:
    if line.curve is None:
        return
    cost, quality = line.curve
    axes.plot(cost * 1000, quality, style, color=colour, label=label)


def _milli(cost: float | None) -> float:
    return (cost or 0.0) * 1000
