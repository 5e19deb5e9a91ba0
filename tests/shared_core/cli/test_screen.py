"""What commands show."""

from __future__ import annotations

import io

import pytest

pytest.importorskip("typer", reason="needs the extra `eval`")

from rich.console import Console

from shared_core.cli import screen
from shared_core.evaluation.lines import Evaluation, Line

BEST = Line(quality=0.9, cost=0.01, model="large")


@pytest.mark.parametrize(
    ("line", "is_out_of_reach"),
    [
        (Line(quality=0.8, cost=0.005, aiq_range=0.7), True),
        (Line(quality=0.8, cost=0.005, aiq_range=0.7, cost_at_best_single=0.0), False),
        (Line(quality=0.8, cost=0.005), False),
    ],
)
def test_what_no_setting_reaches_is_said_to_be_out_of_reach(
    line: Line, is_out_of_reach: bool
) -> None:
    written = io.StringIO()
    told = Evaluation("data", 40, 40, {"best_single": BEST}, {"knn": line})
    screen.evaluated(Console(file=written, width=200), told)
    assert ("out of reach" in written.getvalue()) is is_out_of_reach
