"""Pictures say what they show, whatever the models are called."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from shared_core import KNNRouter, OutcomeTable, Plan, study
from shared_core.evaluation.splits import train_and_test

pytest.importorskip("matplotlib", reason="needs the extra `eval`")

PREFIX = "accounts/a-provider/models/a-family-of-models-of-a-long-name"


def test_long_names_of_models_leave_room_for_the_picture(
    table: OutcomeTable, tmp_path: Path
) -> None:
    from shared_core.evaluation.plots import save_all

    train, test, _ = train_and_test(
        replace(table, models=tuple(f"{PREFIX}-{size}" for size in table.models), answers={})
    )
    found = study({"knn": KNNRouter}, train, test, plan=Plan(parts=("budget",), seeds=1))
    written = {path.name: path for path in save_all(found, tmp_path)}
    for name in ("cost-quality.svg", "traffic.svg", "latency-quality.svg"):
        told = _texts(written[name])
        assert any(text.endswith("name-large") and "…" in text for text in told)
        assert max(map(len, told)) < 60
    assert {"50", "100"} <= set(_texts(written["label-budget.svg"]))


def _texts(picture: Path) -> list[str]:
    """What is written in an SVG: a comment stands before the outlines of each text."""
    return re.findall(r"<!-- (.*?) -->", picture.read_text(encoding="utf-8"))
