"""Pictures of an evaluation and of a study.

Colours are those of Okabe and Ito, which colour-blind people can tell apart; every line also has a
marker or dash of its own. The ground is white, so that pictures read the same on paper and on a
dark page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import cycle, pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from shared_core.errors import ConfigError
from shared_core.evaluation.lines import Evaluation, Line
from shared_core.evaluation.study import Study

COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_MARKS: Final = ("o", "^", "D", "v", "P", "X")
_DASHES: Final = ("-", "--", "-.", ":")
_GREY: Final = "#6b6b6b"
_FEW_MODELS: Final = 12
_LONGEST_NAME: Final = 28
"""Characters of a model's name; of a longer one, beginning and end."""
_WIDE_RANGE: Final = 30
"""Costs that differ by more than this factor need a logarithmic axis."""


def save_cost_quality(evaluation: Evaluation, path: str | Path, title: str = "") -> Path:
    """Draw quality over cost: single models, their random mixtures, oracle and routers.

    Args:
        evaluation: what to draw.
        path: ``.png``, ``.svg`` or ``.pdf``.
        title: above the picture.

    Raises:
        ConfigError: no such format, or the place cannot be written.
    """
    figure = _figure()
    axes = figure.subplots()
    _draw_singles(axes, evaluation)
    _draw_curve(axes, evaluation.lines["zero"], "mixing single models at random", _GREY, "--")
    for (colour, mark, dash), (name, line) in zip(
        _styles(), evaluation.routers.items(), strict=False
    ):
        _draw_curve(axes, line, f"{name}, all cost weights", colour, dash)
        _draw_point(axes, line, colour, mark)
    axes.set_xlabel("mean cost, USD per 1,000 queries")
    axes.set_ylabel("mean quality")
    data = "/".join(Path(evaluation.data).parts[-2:])
    axes.set_title(title or f"{data}: {evaluation.n_test:,} held-out queries")
    axes.margins(x=0.15)
    costs = [line.cost or 0.0 for line in evaluation.singles.values()]
    if min(costs) > 0 and max(costs) / min(costs) > _WIDE_RANGE:
        axes.set_xscale("log")
    axes.legend(frameon=False, loc="lower right")
    _read_names_literally(figure)
    return _saved(figure, Path(path))


def save_all(study: Study, folder: str | Path, prefix: str = "") -> list[Path]:
    """Every picture that the study has data for, each as .png and .svg; their paths."""
    found = study.close_ups
    drawn: dict[str, Callable[[Any], None]] = {}
    if found.get("calls"):
        drawn["calls-to-strong"] = lambda axes: _calls(axes, found["calls"])
    if found.get("calibration"):
        drawn["reliability"] = lambda axes: _reliability(axes, found["calibration"])
    if study.evaluation.routers:
        drawn["traffic"] = lambda axes: _traffic(axes, study.evaluation)
    if found.get("latency"):
        drawn["latency-quality"] = lambda axes: _latency(axes, found["latency"])
    if study.budget:
        drawn["label-budget"] = lambda axes: _budget(axes, study)
    if found.get("domains"):
        drawn["domains"] = lambda axes: _domains(axes, found["domains"])
    place = Path(folder)
    paths = [
        save_cost_quality(study.evaluation, place / f"{prefix}cost-quality.{kind}")
        for kind in ("png", "svg")
    ]
    for name, draw in drawn.items():
        figure = _figure()
        draw(figure.subplots())
        _read_names_literally(figure)
        paths += [_saved(figure, place / f"{prefix}{name}.{kind}") for kind in ("png", "svg")]
    return paths


def _figure() -> Figure:
    return Figure(figsize=(7.5, 5), layout="constrained", facecolor="white")


def _read_names_literally(figure: Figure) -> None:
    """Dollars in the names of models and data are no formula; later, those of the ticks are."""
    for text in figure.findobj(Text):
        if "$" in text.get_text():
            text.set_parse_math(False)


def _saved(figure: Figure, path: Path) -> Path:
    for axes in figure.axes:
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=150)
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot draw to {path}: {error}") from error
    return path


def _styles() -> Any:
    return zip(cycle(COLOURS), cycle(_MARKS), cycle(_DASHES), strict=False)


def _draw_singles(axes: Any, evaluation: Evaluation) -> None:
    for name, line in evaluation.singles.items():
        axes.plot([_milli(line.cost)], [line.quality], "s", color="#333333", markersize=5)
        if len(evaluation.singles) <= _FEW_MODELS or line.model in _named(evaluation):
            where = (_milli(line.cost), line.quality)
            axes.annotate(_short(name), where, (6, -10), textcoords="offset points", fontsize=8)
    oracle = evaluation.lines["oracle"]
    place = [_milli(oracle.cost)], [oracle.quality]
    axes.plot(
        *place, "*", color="#E69F00", markeredgecolor="#333333", markersize=14, label="oracle"
    )


def _short(name: str) -> str:
    """The name, its middle left out where it is long: names of one family differ at their ends."""
    half = (_LONGEST_NAME - 1) // 2
    return name if len(name) <= _LONGEST_NAME else f"{name[:half]}…{name[-half:]}"


def _named(evaluation: Evaluation) -> set[str | None]:
    """Models worth a name where there are many: the reference ones and those on the hull."""
    corners = evaluation.lines["zero"].curve
    on_hull = set() if corners is None else {round(float(x), 12) for x in corners[0]}
    hull = {m for m, one in evaluation.singles.items() if round(one.cost or 0.0, 12) in on_hull}
    return hull | {evaluation.lines[name].model for name in ("best_single", "cheapest")}


def _draw_curve(axes: Any, line: Line, label: str, colour: str, style: str) -> None:
    if line.curve is None:
        return
    cost, quality = line.curve
    # Straight in cost, so that mixtures are right on a logarithmic axis too.
    grid = np.unique(np.concatenate([np.linspace(a, b, 25) for a, b in pairwise(cost)] or [cost]))
    axes.plot(grid * 1000, np.interp(grid, cost, quality), style, color=colour, label=label)


def _draw_point(axes: Any, line: Line, colour: str, mark: str) -> None:
    """The operating point, with its 95 % intervals as a cross."""
    quality, cost = line.quality or 0.0, line.cost or 0.0
    ends = line.interval.get("quality", (quality, quality))
    spread = line.interval.get("cost", (cost, cost))
    axes.errorbar(
        _milli(cost),
        quality,
        yerr=[[max(0.0, quality - ends[0])], [max(0.0, ends[1] - quality)]],
        xerr=[[max(0.0, _milli(cost - spread[0]))], [max(0.0, _milli(spread[1] - cost))]],
        fmt=mark,
        color=colour,
        markersize=8,
        capsize=3,
        elinewidth=1,
    )


def _milli(cost: float | None) -> float:
    return (cost or 0.0) * 1000


def _calls(axes: Any, calls: Mapping[str, Sequence[Sequence[float]]]) -> None:
    for (colour, _, dash), (name, points) in zip(_styles(), calls.items(), strict=False):
        x, y = zip(*points, strict=True)
        best = name == "best possible"
        axes.plot([100 * s for s in x], y, ":" if best else dash, color=_GREY if best else colour,
                  label=name)  # fmt: skip
    (x0, y0), *_, (x1, y1) = next(iter(calls.values()))
    axes.plot([100 * x0, 100 * x1], [y0, y1], "--", color="#999999", label="random")
    axes.set_xlabel("calls to the strong model, %")
    axes.set_ylabel("mean quality")
    axes.legend(frameon=False)


def _reliability(axes: Any, bins: Mapping[str, Mapping[str, Any]]) -> None:
    axes.plot([0, 1], [0, 1], "--", color="#999999", label="as predicted")
    for (colour, mark, _), (name, found) in zip(_styles(), bins.items(), strict=False):
        most = max(found["count"])
        sizes = [30 + 170 * count / most for count in found["count"]]
        axes.plot(found["predicted"], found["actual"], "-", color=colour, alpha=0.5)
        axes.scatter(
            found["predicted"], found["actual"], s=sizes, marker=mark, color=colour, label=name
        )
    axes.set_xlabel("predicted quality of the chosen model (size: how many)")
    axes.set_ylabel("actual quality")
    axes.legend(frameon=False)


def _traffic(axes: Any, evaluation: Evaluation) -> None:
    routers = evaluation.routers
    used = [m for m in evaluation.singles if any(r.traffic.get(m) for r in routers.values())]
    height = 0.8 / max(1, len(routers))
    for row, ((colour, _, _), (name, line)) in enumerate(
        zip(_styles(), routers.items(), strict=False)
    ):
        places = [i + row * height for i in range(len(used))]
        axes.barh(places, [100 * line.traffic.get(m, 0.0) for m in used], height, color=colour,
                  label=name)  # fmt: skip
    axes.set_yticks([i + 0.4 - height / 2 for i in range(len(used))],
                    [_short(model) for model in used], fontsize=8)  # fmt: skip
    axes.invert_yaxis()
    axes.set_xlabel("share of the queries, %")
    axes.legend(frameon=False)


def _latency(axes: Any, latency: Mapping[str, Sequence[float]]) -> None:
    styles = _styles()
    for name, (seconds, quality) in latency.items():
        colour, mark = ("#333333", "s")
        if name.startswith("router "):
            colour, mark, _ = next(styles)
        axes.plot([seconds], [quality], mark, color=colour, markersize=8)
        axes.annotate(
            _short(name), (seconds, quality), (6, -10), textcoords="offset points", fontsize=8
        )
    axes.set_xlabel("mean seconds to the answer")
    axes.set_ylabel("mean quality")
    axes.margins(x=0.2)


def _budget(axes: Any, study: Study) -> None:
    for (colour, mark, dash), (name, steps) in zip(_styles(), study.budget.items(), strict=False):
        sizes = [size for size, _ in steps]
        middle = [sum(each) / len(each) for _, each in steps]
        axes.fill_between(sizes, [min(e) for _, e in steps], [max(e) for _, e in steps],
                          color=colour, alpha=0.15)  # fmt: skip
        axes.plot(sizes, middle, dash, marker=mark, color=colour, label=name)
    zero = study.evaluation.lines["zero"].aiq_range or 0.0
    axes.axhline(zero, linestyle="--", color="#999999", label="mixing single models")
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("training queries")
    axes.set_ylabel("AIQ (band: seeds)")
    axes.legend(frameon=False)


def _domains(axes: Any, domains: Sequence[Mapping[str, Any]]) -> None:
    shown = list(domains)[:15]
    for row, (colour, mark, _) in zip(range(len(shown[0]["routers"])), _styles(), strict=False):
        name = list(shown[0]["routers"])[row]
        for place, domain in enumerate(shown):
            one = domain["routers"][name]
            low, high = one["over_best_single"]
            gain = one["quality"] - domain["best_single"]["quality"]
            y = place + 0.18 * row
            axes.plot([low, high], [y, y], color=colour, linewidth=1.5)
            axes.plot([gain], [y], mark, color=colour, label=None if place else name)
    axes.axvline(0, color="#999999", linestyle="--")
    names = [f"{_short(domain['domain'])} ({domain['n_test']:,})" for domain in shown]
    axes.set_yticks(range(len(shown)), names, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("quality over the best single model, 95 % interval")
    axes.legend(frameon=False)
