"""The report as one document, and its files."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from shared_core._lazy import load
from shared_core.evaluation.report import markdown, page
from shared_core.evaluation.study import Study
from shared_core.evaluation.verdict import verdict

FORMAT: Final = 1


@dataclass(frozen=True)
class Report:
    """Studies of one or many tables.

    Args:
        studies: in the order they are shown.
        origins: for each, how its rows were read and split, in words.
    """

    studies: Sequence[Study]
    origins: Sequence[Mapping[str, str]]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: ``format``, ``made_by``, ``date``, ``tables``."""
        return {
            "format": FORMAT,
            "made_by": f"llmrouter-integrations {metadata.version('llmrouter-integrations')}",
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "tables": [
                {**study.to_dict(), **origin, "verdicts": _verdicts(study)}
                for study, origin in zip(self.studies, self.origins, strict=True)
            ],
        }

    def write(self, folder: str | Path, pictures: bool = True) -> list[Path]:
        """Write report.json, report.md, report.html and ``figures/``; the paths written.

        Raises:
            MissingExtra: pictures without matplotlib.
        """
        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        told = self.to_dict()
        drawn = self._pictures(place / "figures") if pictures else []
        names = [path.relative_to(place).as_posix() for path in drawn]
        files = {
            "report.json": json.dumps(told, indent=1, allow_nan=False),
            "report.md": markdown.written(told, names),
            "report.html": page.written(told),
        }
        for name, text in files.items():
            (place / name).write_text(text + "\n", encoding="utf-8")
        return [*(place / name for name in files), *drawn]

    def _pictures(self, folder: Path) -> list[Path]:
        plots = load("shared_core.evaluation.plots", wanted_by="pictures of a report")
        drawn: list[Path] = []
        for number, study in enumerate(self.studies, start=1):
            prefix = f"{number}-" if len(self.studies) > 1 else ""
            drawn += plots.save_all(study, folder, prefix)
        return drawn


def _verdicts(study: Study) -> dict[str, str]:
    lines = study.evaluation.routers
    return {name: verdict(study.evaluation, line) for name, line in lines.items()}
