"""The command as users run it: in a process of its own, or where that adds nothing, in this one."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import tiny_models

from shared_core import Router, cli

Done = subprocess.CompletedProcess[str]


def llmrouter(*arguments: object, stdin: str = "", **environment: str) -> Done:
    """Run the command in a process of its own."""
    program = Path(sys.executable).with_name("llmrouter")
    environment = {**os.environ, "COLUMNS": "120", "NO_COLOR": "1", "TERM": "dumb", **environment}
    return subprocess.run(
        [program, *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )


@pytest.fixture
def inside(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Done]:
    """Runs the command in this process."""
    monkeypatch.setenv("COLUMNS", "120")

    def run(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["llmrouter", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.StringIO())
        with pytest.raises(SystemExit) as end:
            cli.main()
        told, code = capsys.readouterr(), end.value.code
        if isinstance(code, str):  # as Python does with what a program exits with
            return Done(sys.argv, 1, told.out, f"{told.err}{code}\n")
        return Done(sys.argv, code or 0, told.out, told.err)

    return run


def rows(n: int = 80) -> list[dict[str, object]]:
    """``small`` can do sums, ``large`` everything, for ten times the money."""
    table = []
    for i in range(n):
        is_sum = i % 2 == 0
        query = f"what is the sum of {i} and {i + 3}" if is_sum else f"write a poem about city {i}"
        table.append(
            {
                "query": query,
                "split": "train" if i % 4 < 2 else "test",
                "score.small": float(is_sum),
                "score.large": 1.0,
                "cost.small": 0.001,
                "cost.large": 0.01,
            }
        )
    return table


def write(path: Path, table: Sequence[dict[str, object]]) -> Path:
    """The rows as a CSV file."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(table[0]))
        writer.writeheader()
        writer.writerows(table)
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("data") / "outcomes.csv", rows())


def test_evaluate_prints_one_json_object(data: Path) -> None:
    done = llmrouter("evaluate", data, "--json", "--cost-weight", 0.9)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["data"], told["n_train"], told["n_test"]) == (str(data), 40, 40)
    assert set(told["lines"]) == {"best_single", "cheapest", "random", "zero", "oracle"}
    assert set(told["lines"]["zero"]) == {"aiq_range", "interval"}
    knn = told["routers"]["knn"]
    assert {"quality", "cost", "aiq_range", "cost_at_best_single", "interval"} <= set(knn)
    assert knn["quality"] == 1.0
    assert knn["cost"] == pytest.approx(0.0055)
    best = told["lines"]["best_single"]
    assert (best["quality"], best["model"]) == (1.0, "large")
    assert best["cost"] == pytest.approx(0.01)
    assert best["interval"]["quality"][0] > 0.8
    assert told["lines"]["oracle"]["cost"] == pytest.approx(0.0055)


def test_evaluate_on_another_file_fits_on_all_rows(
    data: Path, tmp_path: Path, inside: Callable[..., Done]
) -> None:
    other = write(
        tmp_path / "other.csv", [{k: v for k, v in r.items() if k != "split"} for r in rows(20)]
    )
    told = json.loads(inside("evaluate", data, "--test", other, "--json").stdout)
    assert (told["n_train"], told["n_test"]) == (80, 20)


def test_evaluate_shows_a_table_a_verdict_and_a_picture(
    data: Path, tmp_path: Path, inside: Callable[..., Done]
) -> None:
    done = inside("evaluate", data, "--picture", tmp_path / "gain.png")
    assert "knn: route: 2" in done.stdout
    assert "% cheaper than large at its quality" in done.stdout
    assert (tmp_path / "gain.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_output_that_nobody_takes_is_an_error_of_one_line(data: Path) -> None:
    with Path("/dev/full").open("w") as full:
        command = [Path(sys.executable).with_name("llmrouter"), "evaluate", data, "--json"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.strip() == "OSError: [Errno 28] No space left on device"


def test_evaluate_says_dont_route_when_that_is_true(
    tmp_path: Path, inside: Callable[..., Done]
) -> None:
    table = rows(60)
    for number, row in enumerate(table):  # outcomes that no query explains
        row["score.small"], row["score.large"] = (
            float(number * 7 % 5 < 2),
            float(number * 3 % 7 < 4),
        )
    done = inside("evaluate", write(tmp_path / "noise.csv", table))
    assert "don't route" in done.stdout


def test_train_then_route(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "my-router"
    done = llmrouter("train", data, "--out", folder)
    assert done.returncode == 0, done.stderr
    assert "from 40 rows" in done.stdout
    assert "do not route" in done.stdout or "route:" in done.stdout
    saved = {path.name for path in folder.iterdir()}
    assert saved >= {"encoder", "router.json", "router.safetensors"}
    decision = json.loads(llmrouter("route", folder, "what is the sum of 9 and 9", "--json").stdout)
    assert decision["model"] == "small"
    poem = llmrouter("route", folder, "-", stdin="write a poem about city 7")
    assert poem.stdout.startswith("large")
    assert Router.load(folder).route("what is the sum of 1 and 2").model == "small"
    nowhere = llmrouter("route", tmp_path / "nowhere", "hi")
    assert nowhere.returncode == 1
    assert nowhere.stderr.startswith("ArtifactError: nothing saved at ")
    assert nowhere.stderr.count("\n") == 1


def test_train_with_settings(data: Path, tmp_path: Path, inside: Callable[..., Done]) -> None:
    folder = tmp_path / "my-router"
    done = inside("train", data, "-o", folder, "--router", "knn", "--set", "k=3")
    assert done.returncode == 0, done.stderr
    assert Router.load(folder).k == 3  # type: ignore[attr-defined]
    wrong = inside("evaluate", data, "--routers", "knn", "--set", "k=3")
    assert "ConfigError: 'k=3' sets nothing: give ROUTER.NAME=VALUE for one of knn" in wrong.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("router", "model"), [("bert", "tiny-bert"), ("causal_lm", "tiny-llama")])
def test_train_on_a_transformer(router: str, model: str, data: Path, tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="needs the extra `torch`")
    given = f"model={tiny_models.folder(model)}"
    folder = tmp_path / "my-router"
    options = ("--router", router, "--set", given, "--set", "epochs=1")
    done = llmrouter("train", data, "--out", folder, *options)
    assert done.returncode == 0, done.stderr
    assert "fine-tuned: it changes the error on texts held back" in done.stdout
    assert Router.load(folder).route("what is the sum of 1 and 2").model == "small"
    judged = llmrouter(
        "evaluate", data, "--routers", router, "--set", f"{router}.{given}", "--json"
    )
    assert json.loads(judged.stdout)["routers"][router]["quality"] > 0.5


@pytest.mark.slow
def test_train_on_an_exported_encoder(data: Path, tmp_path: Path) -> None:
    for package in ("onnx", "onnxruntime", "transformers"):
        pytest.importorskip(package, reason="needs the extra `onnx-export`")
    encoder, folder = tmp_path / "encoder", tmp_path / "my-router"
    done = llmrouter("export-encoder", tiny_models.folder("tiny-bert"), encoder)
    assert done.returncode == 0, done.stderr
    assert f"--encoder {encoder}" in done.stdout
    options = ("--router", "linear", "--encoder", encoder)
    done = llmrouter("train", data, "--out", folder, *options)
    assert done.returncode == 0, done.stderr
    router: Any = Router.load(folder)
    parts = [type(part).__name__ for part in router.encoder_.parts]
    assert parts == ["LexicalEncoder", "OnnxEncoder"]
    assert router.route("what is the sum of 1 and 2").model == "small"
    again = llmrouter("export-encoder", tiny_models.folder("tiny-bert"), encoder)
    assert "is there already" in again.stderr
    refused = llmrouter(
        "train", data, "-o", folder, "--router", "bert", "--set", "model=x", *options[2:]
    )
    assert "BERTRouter takes no encoder" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("evaluate", "nowhere.csv"), "DataError: no file nowhere.csv"),
        (("evaluate", "DATA", "--routers", "oracle9"), "ConfigError: no router oracle9; there are"),
        (
            ("train", "DATA", "--out", "OUT", "--cost-weight", "much"),
            "ConfigError: --cost-weight is",
        ),
        (("train", "DATA", "--out", "OUT", "--split", "dev"), "no row has split 'dev'"),
        (
            ("train", "DATA", "--out", "OUT", "--router", "knn", "--set", "kk=3"),
            "no setting 'kk=3'",
        ),
        (("route", "nowhere", "hi"), "ArtifactError: nothing saved at nowhere"),
        (("demo", "--live", "nothing.gguf"), "ConfigError: no model 'nothing.gguf'"),
    ],
)
def test_errors_are_one_line(
    arguments: tuple[str, ...],
    told: str,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    inside: Callable[..., Done],
) -> None:
    monkeypatch.chdir(tmp_path)
    places = {"DATA": str(data), "OUT": str(tmp_path / "out")}
    done = inside(*(places.get(argument, argument) for argument in arguments))
    assert done.returncode == 1
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_help_teaches(inside: Callable[..., Done]) -> None:
    told = llmrouter("--help").stdout
    assert "llmrouter demo" in told
    assert "columns query, score.MODEL" in told  # no line cut in two
    for command in ("train", "evaluate", "route"):
        assert "Example:" in inside(command, "--help").stdout


@pytest.mark.slow
def test_the_demonstration(tmp_path: Path) -> None:
    done = llmrouter("demo", "--out", tmp_path / "out", "--questions", "2")
    assert done.returncode == 0, done.stderr
    for told in (
        "langchain",
        "llamaindex",
        "recorded",
        "saved",
        "95 % interval",
        "of it kept",
        "Verdict:",
        "Verdict:",
    ):
        assert told in done.stdout
    assert (tmp_path / "out" / "cost-quality.png").exists()
    assert (tmp_path / "out" / "router" / "router.json").exists()


def test_a_function_of_the_folder_one_stands_in_is_judged(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: Callable[..., Done]
) -> None:
    (tmp_path / "mine.py").write_text("def choose(texts):\n    return ['large'] * len(texts)\n")
    monkeypatch.chdir(tmp_path)
    done = llmrouter("evaluate", data, "--function", "always_large=mine:choose", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["routers"]["always_large"]["quality"] == 1.0
    missing = inside("evaluate", data, "--function", "x=nowhere:choose")
    assert "installed or in this folder" in missing.stderr


def test_a_terminal_that_knows_few_characters(tmp_path: Path) -> None:
    table = [{name.replace("small", "größe"): v for name, v in row.items()} for row in rows()]
    data = write(tmp_path / "a.csv", table)
    done = llmrouter("evaluate", data, "--routers", "cluster", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert "gr??e" in done.stdout


def test_version(inside: Callable[..., Done]) -> None:
    assert inside("--version").stdout.strip() == metadata.version("llmrouter-integrations")
