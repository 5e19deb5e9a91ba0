"""`llmrouter evaluate` and `llmrouter compare`, as far as they go beyond the first contract."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

pytest.importorskip("typer", reason="needs the extra `eval`")
pytest.importorskip("matplotlib", reason="needs the extra `eval`")

from typer.testing import CliRunner, Result

from shared_core import Always, Candidate, ConfigError, CostQuality, DataError
from shared_core.cli import app as cli
from shared_core.cli import evaluating
from shared_core.cli.app import app
from shared_core.cli.evaluating import REGRESSED


def llmrouter(*arguments: object) -> Result:
    """The command, in this process."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def write(path: Path, wrong: int = 0) -> Path:
    """``small`` can do sums, ``large`` everything; no split; the last rows broken."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        names = ["query", "dataset", "score.small", "score.large", "cost.small", "cost.large"]
        writer.writerow(names)
        for i in range(160):
            is_sum = i % 2 == 0
            text = (
                f"what is the sum of {i} and {i + 3}" if is_sum else f"write a poem about city {i}"
            )
            right = is_sum and i >= wrong
            writer.writerow([text, "sums" if is_sum else "poems", int(right), 1, 0.001, 0.01])
        writer.writerow(["broken", "sums", "good", 1, 0.001, 0.01])
    return path


def test_a_saved_router_is_judged_on_rows_it_has_not_seen(tmp_path: Path) -> None:
    data, newer, router = write(tmp_path / "one.csv"), write(tmp_path / "two.csv"), tmp_path / "r"
    assert llmrouter("train", data, "--out", router, "--router", "linear").exit_code == 0
    judge = ("--routers", "knn", "--saved", f"today={router}", "--json")
    done = llmrouter("evaluate", data, "--test", newer, *judge)
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)["routers"]
    assert told.keys() == {"knn", "today"}
    assert told["today"]["quality"] == 1.0
    assert told["today"]["traffic"]["small"] == pytest.approx(0.5, abs=0.01)
    assert told["today"]["aiq_range"] is not None
    again = llmrouter("evaluate", data, *judge)
    assert isinstance(again.exception, ConfigError)
    assert "today=" in str(again.exception)
    assert "may have learned from" in str(again.exception)
    twice = llmrouter("evaluate", data, "--test", newer, *judge, "--saved", f"knn={router}")
    assert "are called knn" in str(twice.exception)


@pytest.mark.slow
def test_report_of_many_tables_and_any_router(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = write(tmp_path / "one.csv"), write(tmp_path / "two.csv")
    (tmp_path / "mine.py").write_text(
        "def choose(texts):\n    return ['small' if 'sum' in text else 'large' for text in texts]\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    out = tmp_path / "out"
    done = llmrouter(
        "evaluate", one, two, "--report", out, "--seeds", 1, "--skip", "budget,held-out",
        "--function", "mine=mine:choose",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "1 whose score is no number" in " ".join(done.output.split())
    told = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert [table["data"] for table in told["tables"]] == [str(one), str(two)]
    table = told["tables"][0]
    assert set(table["routers"]) == {"knn", "mine", "prompt length"}  # two models: the baseline
    assert table["routers"]["mine"]["quality"] == 1.0
    assert table["budget"] == {}
    assert table["routers"]["knn"]["apgr"] > 0.6
    assert (out / "figures" / "1-calls-to-strong.png").exists()
    assert (out / "report.html").stat().st_size > 20_000


def test_json_of_one_table_keeps_its_contract(tmp_path: Path) -> None:
    told = json.loads(llmrouter("evaluate", write(tmp_path / "a.csv"), "--json").stdout)
    knn = told["routers"]["knn"]
    for key in (
        "quality",
        "cost",
        "aiq_range",
        "cost_at_best_single",
        "interval",
        "apgr",
        "cpt50",
        "cpt80",
    ):
        assert key in knn
    assert set(told["lines"]) == {"best_single", "cheapest", "random", "zero", "oracle"}
    many = llmrouter("evaluate", tmp_path / "a.csv", tmp_path / "a.csv", "--json")
    assert len(json.loads(many.stdout)["evaluations"]) == 2


def test_what_is_wrong_with_a_file_is_said_before_any_router_is_fitted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluating, "study", lambda *_, **__: pytest.fail("work that is lost"))
    done = llmrouter("evaluate", write(tmp_path / "a.csv"), tmp_path / "b.csv")
    assert "no file" in str(done.exception)
    done = llmrouter("evaluate", tmp_path / "a.csv", "--picture", tmp_path / "a.csv" / "p.png")
    assert f"cannot draw to {tmp_path}" in str(done.exception)


def test_scores_from_a_file(tmp_path: Path) -> None:
    data = write(tmp_path / "a.csv")
    rows = list(csv.DictReader(data.open(encoding="utf-8")))
    said = tmp_path / "said.jsonl"
    said.write_text("\n".join(json.dumps({"query": r["query"], "model": "large"}) for r in rows))
    told = json.loads(llmrouter("evaluate", data, "--scores", f"mine={said}", "--json").stdout)
    assert told["routers"]["mine"]["traffic"] == {"small": 0.0, "large": 1.0}


def test_a_file_that_says_too_little_is_refused(tmp_path: Path) -> None:
    said = tmp_path / "said.jsonl"
    rows = [{"query": "a", "small": 0.1, "large": 0.2}, {"query": "b", "small": 0.1}]
    said.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    done = llmrouter("evaluate", write(tmp_path / "a.csv"), "--scores", f"mine={said}")
    assert str(done.exception) == f"{said}: record 2 lacks large"


def test_pairs_of_many_models_are_for_auto(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    names = [("x", "y"), ("y", "z"), ("z", "x")] * 20
    rows = [
        {"query": f"q{i}", "model_a": a, "model_b": b, "winner": "model_a"}
        for i, (a, b) in enumerate(names)
    ]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    told = str(llmrouter("evaluate", path).exception)
    assert "no row here tells of all 3" in told
    assert "llmrouter train" in told
    out = tmp_path / "my router"
    done = llmrouter("train", path, "-o", out, "--router", "linear", "--cost-weight", 0)
    assert "60 records of format routellm-pairs" in done.output
    assert f"route '{out}'" in done.output.replace("\n", "")


def test_train_reads_what_evaluate_reads(tmp_path: Path) -> None:
    done = llmrouter("train", write(tmp_path / "a.csv"), "-o", tmp_path / "out", "--router", "knn")
    assert "Left out: 1 whose score is no number" in " ".join(done.output.split())


@pytest.mark.parametrize(
    ("found", "given", "is_told"), [(0, "auto", 1), (0, 0, 0), (0.1, "auto", 0)]
)
def test_train_says_where_nothing_cheaper_was_as_good(
    found: float, given: object, is_told: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "match_best_single", lambda *_, **__: CostQuality(found))
    data = write(tmp_path / "a.csv")
    done = llmrouter(
        "train", data, "-o", tmp_path / "out", "--router", "knn", "--cost-weight", given
    )
    assert ("cost does not count" in " ".join(done.output.split())) == is_told


@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_scores_that_are_no_shares_are_refused(command: str, tmp_path: Path) -> None:
    data = tmp_path / "a.csv"
    data.write_text("query,score.a,score.b\nx,85,40\ny,1,0\nz,na,1\n", encoding="utf-8")
    done = llmrouter(command, data, *(["-o", tmp_path / "out"] if command == "train" else []))
    assert isinstance(done.exception, DataError)
    assert "2, the first in record 1, where score.a is 85" in str(done.exception)


def test_names_are_shown_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    names = "gpt[/x]", "b$\\frac$ :free: [bold]<script>"
    data, out = tmp_path / "a[red].csv", tmp_path / "out"
    told = write(tmp_path / "plain.csv").read_text(encoding="utf-8")
    told = told.replace("small", names[0]).replace("large", names[1])
    data.write_text(told.replace(",sums", ",<script>"), encoding="utf-8")
    done = llmrouter("evaluate", data, "--report", out, "--skip", "seeds,budget,held-out")
    assert done.exit_code == 0, done.output
    assert all(name in done.output for name in (*names, "a[red].csv"))
    report = (out / "report.md").read_text(encoding="utf-8")
    assert "&lt;script&gt;" in report
    assert "<script>" not in report
    for wrong in (0, 120):
        (tmp_path / f"{wrong}.json").write_text(
            json.dumps({"data": names[0], "routers": {names[1]: {"quality": 1 - wrong / 200}}})
        )
    done = llmrouter("compare", tmp_path / "0.json", tmp_path / "120.json")
    assert all(name in done.output for name in names)
    data.write_text(told.partition("broken")[0], encoding="utf-8")
    done = llmrouter("train", data, "-o", out / "r[/i]", "--router", "cluster", "--cost-weight", 0)
    assert f"for {', '.join(names)}" in done.output
    assert "r[/i]" in done.output
    assert names[1] in llmrouter("route", out / "r[/i]", "what is the sum").output


def test_what_training_does_not_know_it_says(tmp_path: Path) -> None:
    data, out = tmp_path / "a.csv", tmp_path / "out"
    text = write(data).read_text(encoding="utf-8").partition("broken")[0]
    data.write_text(text.replace("cost.", "out_tokens."), encoding="utf-8")
    wrong = llmrouter("train", data, "-o", out, "--split", "valid")
    assert "the table has no column 'split'" in str(wrong.exception)
    for command in (["train", data, "-o", out], ["evaluate", data]):
        assert llmrouter(*command, "--seed", -1).exit_code == 2
    done = llmrouter("train", data, "-o", out, "--router", "cluster", "--cost-weight", 0)
    assert "no costs are known: every answer counts as free" in done.output
    data.write_text(text.replace("cost.large", "price"), encoding="utf-8")
    wrong = llmrouter("evaluate", data, "--routers", "cluster")
    assert "no cost known of large, but of others" in str(wrong.exception)


def test_prices_of_a_pool_make_costs_of_tokens(tmp_path: Path) -> None:
    data, pool = tmp_path / "a.csv", tmp_path / "pool.json"
    with data.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        kinds = ("score", "in_tokens", "out_tokens")
        writer.writerow(["query", *(f"{kind}.{name}" for kind in kinds for name in "ab")])
        writer.writerows([f"question {i}", i % 2, 1, 10, 10, 5, 5] for i in range(40))
    priced = [{"name": name, "input_price": 1, "output_price": 2} for name in "ab"]
    pool.write_text(json.dumps(priced), encoding="utf-8")
    for given, free in ((), True), (("--pool", pool), False):
        out = tmp_path / f"{free}"
        done = llmrouter("train", data, "-o", out, "--router", "knn", "--cost-weight", 0, *given)
        assert done.exit_code == 0, done.output
        assert ("no costs are known" in done.output) is free


def test_needs_are_listed_with_blanks_or_without(tmp_path: Path) -> None:
    pool = [Candidate(name="a", abilities=["tools", "vision"]), Candidate(name="b", abilities=[])]
    folder = Always(pool, "b").save(tmp_path / "router")
    for needs in ("tools,vision", " tools, vision,"):
        told = json.loads(llmrouter("route", folder, "hi", "--needs", needs, "--json").stdout)
        assert told["model"] == "a"


def test_a_router_that_reads_for_itself_takes_no_encoder(tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="needs the extra `torch`")
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}", encoding="utf-8")
    done = llmrouter(
        "train", write(tmp_path / "a.csv"), "-o", tmp_path / "out", "--router", "bert",
        "--set", f"model={model}", "--encoder", model,
    )  # fmt: skip
    assert isinstance(done.exception, ConfigError)
    assert "BERTRouter takes no encoder: leave --encoder out" in str(done.exception)


def test_compare_fails_with_a_status_of_its_own(tmp_path: Path) -> None:
    for name, wrong in (("good", 0), ("bad", 120)):
        told = llmrouter("evaluate", write(tmp_path / f"{name}.csv", wrong), "--json").stdout
        (tmp_path / f"{name}.json").write_text(told, encoding="utf-8")
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    same = llmrouter("compare", good, good, "--margin", 0)
    assert same.exit_code == 0
    assert "better" not in same.output
    worse = llmrouter("compare", good, bad, "--margin", 0.01)
    assert worse.exit_code == REGRESSED
    assert "regressed" in worse.output
    better = llmrouter("compare", bad, good, "--figures", "aiq_range")
    assert better.exit_code == 0
    assert "better" in better.output


@pytest.mark.parametrize(
    ("arguments", "error", "told"),
    [
        (("DATA", "--skip", "lunch"), ConfigError, "no part lunch to skip"),
        (("DATA", "--domain", "topic"), ConfigError, "no column 'topic' to take domains from"),
        (("DATA", "--report", "DATA"), ConfigError, "cannot write a report to"),
        (("DATA", "--picture", "p"), ConfigError, "cannot draw to p: it ends in none of .png"),
        (("DATA", "DATA", "--picture", "p.png"), ConfigError, "draws one table: give one DATA"),
        (("DATA", "--bert-sim", "."), ConfigError, "no model in ."),
        (("DATA", "--function", "mine"), ConfigError, "is not NAME=VALUE"),
        (("DATA", "DATA", "--test", "DATA"), ConfigError, "--test goes with one DATA"),
        (("DATA", "--function", "knn=os:listdir"), ConfigError, "are called knn: rename some"),
        (("DATA", "--format", "routerbench"), DataError, "nothing to read as routerbench"),
    ],
)
def test_errors(tmp_path: Path, arguments: tuple[str, ...], error: type, told: str) -> None:
    data = str(write(tmp_path / "a.csv"))
    done = llmrouter("evaluate", *(data if one == "DATA" else one for one in arguments))
    assert isinstance(done.exception, error)
    assert told in str(done.exception)
