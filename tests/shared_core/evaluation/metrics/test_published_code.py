"""The variants named for other people's code give what that code gave, to 1e-9."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from beside import DATA, SHARED

from shared_core import (
    DataError,
    OutcomeTable,
    aiq_routerbench,
    optimal_quality,
    routellm_curve,
    routerbench_hull,
    with_ties_broken,
)

FIXTURES = SHARED / "fixtures"
ROUTELLM = DATA / "routellm" / "outcomes.parquet"
EXACT = {"rel": 0, "abs": 1e-9}

needs_fixtures = pytest.mark.skipif(
    not FIXTURES.is_dir(), reason="the outputs of other people's code are not beside this checkout"
)
needs_routellm = pytest.mark.skipif(
    not ROUTELLM.exists(), reason="the data set routellm is not beside this checkout"
)


def told(name: str) -> dict[str, Any]:
    """A fixture's content."""
    return dict(json.loads((FIXTURES / name).read_text(encoding="utf-8")))


def inputs(name: str) -> dict[str, np.ndarray]:
    """A fixture's columns of numbers."""
    with (FIXTURES / name).open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    names = [column for column in rows[0] if column != "prompt_sha1"]
    return {column: np.array([float(row[column]) for row in rows]) for column in names}


@needs_fixtures
@pytest.mark.parametrize("path", sorted(FIXTURES.glob("routellm_*.json")), ids=lambda p: p.stem)
def test_routellm(path: Path) -> None:
    fixture = told(path.name)
    columns = inputs(fixture["inputs"])
    strong, weak = columns["strong"], columns["weak"]
    for run, expected in fixture["results"].items():
        name, _, n_bins = run.partition("@")
        if "error" in expected:
            score = columns.get(name, np.full(len(strong), 0.5))
            with pytest.raises(DataError, match="edges coincide"):
                routellm_curve(score, strong, weak, int(n_bins))
            continue
        curve = routellm_curve(columns[name], strong, weak, expected["num_results"])
        points = sorted(expected["points"], key=lambda point: point["strong_percentage"])
        for mine, theirs in (
            (curve.thresholds, "threshold"),
            (curve.strong_percentage, "strong_percentage"),
            (curve.quality, "accuracy"),
        ):
            assert mine == pytest.approx([point[theirs] for point in points], **EXACT)
        assert curve.apgr == pytest.approx(expected["apgr"], **EXACT)
        assert curve.auc == pytest.approx(expected["auc"], **EXACT)
        for target in (20, 50, 80):
            assert curve.cpt(target / 100) == pytest.approx(expected[f"cpt{target}"], **EXACT)
        shares = np.array([int(share) for share in expected["optimal"]]) / 100
        optimal = 100 * optimal_quality(shares, strong, weak)
        assert optimal == pytest.approx(list(expected["optimal"].values()), **EXACT)


def test_the_scale_changes_the_curve_and_nothing_else() -> None:
    rng = np.random.default_rng(0)
    score, strong, weak = rng.random(72), 9 + rng.random(72), 8 + rng.random(72)
    plain, percent = (routellm_curve(score, strong, weak, scale=scale) for scale in (1.0, 100.0))
    assert plain.strong_quality == pytest.approx(strong.mean())
    assert percent.quality == pytest.approx(100 * plain.quality)
    assert percent.apgr == pytest.approx(plain.apgr)
    assert percent.cpt(0.5) == pytest.approx(plain.cpt(0.5))


@needs_fixtures
def test_routerbench() -> None:
    fixture = told("routerbench_aiq.json")
    for name, points in fixture["inputs"].items():
        expected, alone = fixture["hull"][name], fixture["aiq"][f"single:{name}"]
        if isinstance(expected, dict):
            with pytest.raises(DataError, match="three different costs"):
                routerbench_hull(points)
            continue
        assert routerbench_hull(points) == pytest.approx(np.array(expected), **EXACT)
        assert aiq_routerbench([points]) == pytest.approx(alone, **EXACT)
    for group, names in fixture["groups"].items():
        together = aiq_routerbench([fixture["inputs"][name] for name in names])
        assert together == pytest.approx(fixture["aiq"][group], **EXACT)


def test_routerbench_hull_keeps_one_of_several_points_at_an_end() -> None:
    hull = routerbench_hull([(1, 0.2), (2, 0.9), (2, 0.4), (3, 0.5)])
    assert hull.tolist() == [[1, 0.2], [2, 0.9]]  # the dearest is lower than the last before it


@needs_routellm
@pytest.mark.parametrize(
    ("data", "n", "weak", "strong", "oracle", "perfect"),
    [
        ("mmlu", 14_037, 68.0915, 80.5870, 85.8730, 1.268),
        ("gsm8k", 1_307, 63.7337, 85.7689, 92.9610, 1.115),
        ("mt_bench", 72, 8.28125, 9.2118, 9.3160, 0.953),
    ],
)
def test_reference_values(
    data: str, n: int, weak: float, strong: float, oracle: float, perfect: float
) -> None:
    best, cheap = routellm_outcomes(data)
    assert len(best) == n
    means = [values.mean() for values in (cheap, best, np.maximum(best, cheap))]
    assert means == pytest.approx([weak, strong, oracle], abs=5e-5)
    gain = with_ties_broken(best - cheap)
    assert routellm_curve(gain, best, cheap).apgr == pytest.approx(perfect, abs=5e-4)


def routellm_outcomes(benchmark: str) -> tuple[np.ndarray, np.ndarray]:
    """Strong and weak outcomes as the paper counts them: clean prompts, MT-Bench per question."""
    table = OutcomeTable.read(ROUTELLM)
    names = zip(table.columns["dataset"], table.columns["contaminated"], strict=True)
    rows = table.rows(np.array([name == benchmark and not dirty for name, dirty in names]))
    score = rows.score[:, np.argsort(-rows.score.mean(axis=0))]
    if benchmark != "mt_bench":
        return 100 * score[:, 0], 100 * score[:, 1]
    question = [
        str(name).removesuffix("-t1").removesuffix("-t2") for name in rows.columns["query_id"]
    ]
    _, group = np.unique(question, return_inverse=True)
    turns = np.bincount(group)
    best, cheap = (10 * np.bincount(group, weights=score[:, j]) / turns for j in (0, 1))
    return best, cheap
