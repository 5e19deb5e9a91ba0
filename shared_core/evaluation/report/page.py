"""The report as one page that needs nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from typing import Any


def written(report: Mapping[str, Any]) -> str:
    """HTML with its style, its script and its data inside."""
    here = resources.files(__package__)
    parts = {
        "STYLE": here.joinpath("page.css").read_text(encoding="utf-8"),
        "SCRIPT": here.joinpath("page.js").read_text(encoding="utf-8"),
        "DATA": _inside_a_script(json.dumps(report, allow_nan=False)),
    }
    before, *rest = _cut(here.joinpath("page.html").read_text(encoding="utf-8"), list(parts))
    return str(before) + "".join(parts[name] + text for name, text in rest)


def _cut(template: str, names: list[str]) -> list[Any]:
    """Text before the first mark, then (mark's name, text after it); data are never searched."""
    places = sorted((template.index(f"/*{name}*/"), name) for name in names)
    pieces: list[Any] = [template[: places[0][0]]]
    ends = [start for start, _ in places[1:]] + [len(template)]
    for (start, name), end in zip(places, ends, strict=True):
        pieces.append((name, template[start + len(name) + 4 : end]))
    return pieces


def _inside_a_script(text: str) -> str:
    """JSON that cannot end the script it stands in, whatever a query says."""
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
