"""Two runs beside each other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shared_core import ConfigError, DataError
from shared_core.evaluation.report.comparison import compare, judged_on_other_rows, read_run


def run(**line: Any) -> dict[str, Any]:
    """A run of one router on one table."""
    return {"t": {"data": "t", "routers": {"knn": {"quality": 0.8, "cost": 0.01, **line}}}}


def failed(
    before: dict[str, Any], after: dict[str, Any], margin: float, *figures: str
) -> list[str]:
    """Names of the figures that regressed."""
    return [c.figure for c in compare(before, after, figures) if c.regressed(margin)]


def test_a_margin_is_what_may_be_lost() -> None:
    assert failed(run(), run(quality=0.79), 0.011, "quality") == []
    assert failed(run(), run(quality=0.78), 0.011, "quality") == ["quality"]
    assert failed(run(), run(quality=0.9), 0.0, "quality") == []


@pytest.mark.parametrize(("before", "after"), [(0.7, 0.69), (0.5, 0.49), (0.83, 0.82)])
def test_a_fall_of_just_the_margin_is_allowed(before: float, after: float) -> None:
    assert failed(run(quality=before), run(quality=after), 0.01, "quality") == []


def test_lower_is_better_where_it_is() -> None:
    assert failed(run(), run(cost=0.0104), 0.05, "cost") == []  # of the earlier cost, 4 % more
    assert failed(run(), run(cost=0.0106), 0.05, "cost") == ["cost"]
    assert failed(run(cpt50=30.0), run(cpt50=32.0), 0.01, "cpt50") == ["cpt50"]
    assert failed(run(cpt50=40.0), run(cpt50=40.5), 0.01, "cpt50") == []  # half a point of percent
    assert failed(run(ece=0.1), run(ece=0.05), 0.0, "ece") == []


def test_from_nothing_any_cost_is_worse() -> None:
    assert failed(run(cost=0.0), run(cost=1.0), 100.0, "cost") == ["cost"]
    assert failed(run(cost=0.0), run(cost=0.0), 0.0, "cost") == []


def test_runs_on_other_rows_are_told() -> None:
    def judged(n: int, quality: float, name: str = "t") -> dict[str, Any]:
        singles = {"a": {"quality": quality}}
        return {name: {"n_test": n, "routers": {}, "singles": singles}}

    assert judged_on_other_rows(judged(9, 0.5), judged(9, 0.5, "elsewhere")) == []
    assert judged_on_other_rows(judged(9, 0.5), judged(8, 0.5)) == ["t"]
    assert judged_on_other_rows(judged(9, 0.5), judged(9, 0.6)) == ["t"]
    assert judged_on_other_rows(run(), run()) == []


def test_what_is_gone_has_regressed() -> None:
    gone = {"t": {"data": "t", "routers": {}}}
    assert failed(run(), gone, 1.0, "quality") == ["quality"]
    assert failed(run(), run(quality=float("nan")), 1.0, "quality") == ["quality"]
    assert failed(run(apgr=float("nan")), run(), 0.0, "apgr", "quality") == []
    assert failed(run(apgr=None), run(), 0.0, "apgr", "quality") == []


def test_a_gate_that_compares_nothing_is_an_error() -> None:
    nobody = {"t": {"data": "t", "routers": {}}}
    for before, figures in ((run(apgr=None), ["apgr"]), (nobody, ["quality"]), (run(), [])):
        with pytest.raises(DataError, match="nothing to compare: no router of the earlier run"):
            compare(before, run(), figures)


def test_runs_of_one_table_each_need_no_common_name() -> None:
    other = {"elsewhere/t": {**run()["t"], "data": "elsewhere/t"}}
    assert failed(run(), other, 0.0, "quality", "cost") == []
    two = {**run(), "u": run()["t"]}
    with pytest.raises(DataError, match="share no table"):
        compare(two, {"x": {}, "y": {}})
    with pytest.raises(ConfigError, match="no figure speed to compare"):
        compare(run(), run(), ["speed"])


def test_runs_are_read_from_folders_reports_and_json(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(json.dumps({"tables": [run()["t"]]}), encoding="utf-8")
    plain = tmp_path / "plain.json"
    plain.write_text(json.dumps(run()["t"]), encoding="utf-8")
    assert read_run(tmp_path) == read_run(tmp_path / "report.json") == read_run(plain)
    plain.write_text(json.dumps({"evaluations": [run()["t"]]}), encoding="utf-8")
    assert read_run(plain) == read_run(tmp_path)
    broken = [run(quality=value)["t"] for value in ("good", [1], float("nan"))]
    broken += [{"data": "t", "routers": told} for told in ({"knn": "good"}, [1], None)]
    for content in ("{", "[]", '{"data": 1}', "3", *map(json.dumps, broken), "[" * 200_000):
        plain.write_text(content, encoding="utf-8")
        with pytest.raises(DataError, match=r"is no report\.json"):
            read_run(plain)
