"""A study looks at a table from every side, and its report says what it saw."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from shared_core import (
    DataError,
    KNNRouter,
    LexicalEncoder,
    OutcomeTable,
    Plan,
    Report,
    Study,
    study,
)
from shared_core.evaluation import close_ups
from shared_core.evaluation.splits import train_and_test


@pytest.fixture(scope="module")
def found(table: OutcomeTable) -> Study:
    train, test, _ = train_and_test(table)
    plan = Plan(seeds=2, similar_by=LexicalEncoder())
    always = {"always large": lambda texts: ["large"] * len(texts)}
    return study({"knn": KNNRouter}, train, test, data="made up", plan=plan, others=always)


def test_every_side_is_there(found: Study) -> None:
    told = found.to_dict()
    assert len(told["by_seed"]["knn"]) == 2
    assert [size for size, _ in told["budget"]["knn"]] == [50, 100, 192]
    assert told["budget"]["knn"][-1][1] == told["by_seed"]["knn"]
    assert {one["domain"] for one in told["held_out"]} == {"sums", "poems", "facts"}
    assert {one["domain"]: one["n_test"] for one in told["domains"]} == {
        "sums": 16, "poems": 16, "facts": 16
    }  # fmt: skip
    assert set(told["curves"]) == {"zero", "knn", "oracle"}  # the other one has no knob
    assert set(told["calibration"]) == {"knn"}
    assert told["decisions_per_second"]["knn"] > 0
    assert set(told["latency"]) == {"small", "middle", "large", "router knn", "router always large"}
    assert json.loads(json.dumps(told, allow_nan=False)) == told


def test_domains_add_up_to_the_whole(found: Study) -> None:
    domains = found.close_ups["domains"]
    total = sum(one["n_test"] * one["routers"]["knn"]["quality"] for one in domains)
    assert total / 48 == pytest.approx(found.evaluation.routers["knn"].quality)
    for one in domains:
        low, high = one["routers"]["knn"]["over_best_single"]
        assert low <= one["routers"]["knn"]["quality"] - one["best_single"]["quality"] <= high


def test_bert_sim_follows_the_chosen_answers(found: Study) -> None:
    lines = found.evaluation.routers
    large = lines["always large"]
    assert large.metrics["bert_sim"] == pytest.approx(large.quality, abs=0.05)


def test_examples_show_gains_first_and_can_be_left_out(table: OutcomeTable, found: Study) -> None:
    shown = found.close_ups["examples"]["knn"]
    gains = [one["quality"] - one["best_single_quality"] for one in shown]
    assert gains[0] == max(gains)
    assert all(gain < 0 for gain in gains[4:])
    assert all(one["model"] != one["best_single"] for one in shown)
    train, test, _ = train_and_test(table)
    quiet = study({"knn": KNNRouter}, train, test, plan=Plan(parts=(), examples=0))
    assert quiet.close_ups["examples"] == {"knn": []}
    assert not any(text in json.dumps(quiet.to_dict()) for text in table.queries)
    assert quiet.held_out == []
    assert quiet.budget == {}


def test_the_report_is_written_whole(found: Study, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs the extra `eval`")
    made = Report([found], [{"read": "240 records", "split": "the column"}])
    names = {path.relative_to(tmp_path).as_posix() for path in made.write(tmp_path)}
    pictures = (
        "cost-quality",
        "reliability",
        "traffic",
        "latency-quality",
        "label-budget",
        "domains",
    )
    assert {f"figures/{name}.{kind}" for name in pictures for kind in ("png", "svg")} <= names
    assert {"report.json", "report.md", "report.html"} <= names
    told = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert told["format"] == 1
    assert told["tables"][0]["verdicts"]["knn"] in (tmp_path / "report.md").read_text("utf-8")
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    for title in ("## made up", "### Seeds", "### Label budget", "### By domain", "held out"):
        assert title in text
    assert "![figures/traffic.png](figures/traffic.png)" in text


def test_without_a_split_equal_texts_share_a_side(table: OutcomeTable) -> None:
    twice = table.rows(list(range(len(table))) * 2)
    columns = {name: values for name, values in twice.columns.items() if name != "split"}
    plain = OutcomeTable(twice.models, twice.queries, twice.measures, columns)
    train, test, how = train_and_test(plain, seed=1)
    assert not set(train.queries) & set(test.queries)
    assert len(train) / len(plain) == pytest.approx(0.7, abs=0.1)
    assert "no column 'split'" in how
    with pytest.raises(DataError, match="too few"):
        train_and_test(plain.rows([0]))


def test_a_look_that_cannot_be_taken_is_told_and_costs_no_other(table: OutcomeTable) -> None:
    score = table.score.copy()
    sums = np.array([domain == "sums" for domain in table.columns["dataset"]])
    train_rows = np.array([side == "train" for side in table.columns["split"]])
    score[train_rows & ~sums, 0] = np.nan  # the small model was tried on sums only
    rare = replace(table, measures={**table.measures, "score": score})
    train, test, _ = train_and_test(rare)
    found = study({"knn": KNNRouter}, train, test, plan=Plan(seeds=1, parts=("held-out",)))
    assert {one["domain"] for one in found.held_out} == {"poems", "facts"}
    assert len(found.notes) == 1
    assert "held-out domain sums left out" in found.notes[0]
    assert found.notes[0] in found.to_dict()["notes"]


def test_what_a_domain_never_seen_brings_has_an_interval(found: Study) -> None:
    for one in found.held_out:
        line = one["routers"]["knn"]
        low, high = line["over_best_single"]
        assert low <= line["quality"] - one["best_single"] <= high


def test_the_seed_is_that_of_every_look(table: OutcomeTable) -> None:
    seeds = []

    class Watched(KNNRouter):
        def fit(self, outcomes: OutcomeTable, *rest: object) -> Watched:
            seeds.append(self.seed)
            return super().fit(outcomes, *rest)  # type: ignore[arg-type]

    train, test, _ = train_and_test(table)
    study({"knn": Watched}, train, test, plan=Plan(seeds=1, seed=7))
    assert set(seeds) == {7}


def test_domains_that_are_not_shown_are_told(
    table: OutcomeTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(close_ups, "MOST_DOMAINS", 2)
    train, test, _ = train_and_test(table)
    found = study({"knn": KNNRouter}, train, test, plan=Plan(seeds=1, parts=("domains",)))
    assert "domains: the 2 largest of 3" in found.notes
