"""Bad input through the front doors: one clear error of our own tree, or a sound decision.

Whatever happens, nothing half-written stays on disk.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_world import HELD_OUT, POOL, outcomes

from shared_core import (
    ConfigError,
    DataError,
    Dispatcher,
    KNNRouter,
    ModelPool,
    OutcomeTable,
    PoolError,
    Query,
    Router,
    RouterError,
    evaluate,
    match_best_single,
)

pytest.importorskip("typer", reason="the command line needs the extra `eval`")
from shared_core import cli

Rows = list[dict[str, Any]]
Run = Callable[..., tuple[str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command in this process: its output, and the error it ends with, if any."""

    def command(*arguments: object) -> tuple[str, str]:
        monkeypatch.setattr(sys, "argv", ["llmrouter", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return capsys.readouterr().out, str(end.value.code or "")

    return command


def rows(n: int = 40, **changes: Any) -> Rows:
    """Outcomes of a model for sums and of a dear one for all, half of them to test on."""
    return [
        {
            "query": f"write a poem about town {i}" if i % 2 else f"what is the sum of {i} and {i}",
            "split": "train" if i % 4 < 2 else "test",
            "score.a": 1 - i % 2,
            "score.b": 1,
            "cost.a": 0.001,
            "cost.b": 0.01,
        }
        | changes
        for i in range(n)
    ]


def written(folder: Path, table: Rows) -> Path:
    """The rows as a file."""
    path = folder / "outcomes.jsonl"
    path.write_text("\n".join(map(json.dumps, table)), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    router = KNNRouter(POOL, k=3, shrinkage=1.0).fit(outcomes())
    return router.save(tmp_path_factory.mktemp("saved") / "router")


BAD_TABLES: dict[str, tuple[Rows, str]] = {
    "no row at all": ([], "holds no records"),
    "unknown everywhere": (
        rows(**{"score.a": None, "score.b": None}),
        "every score of a, b is unknown",
    ),
    "not a number everywhere": (rows(**{"score.a": float("nan")}), "every score of a is unknown"),
    "infinite": (
        rows(**{"score.a": float("inf")}),
        r"outside 0\.\.1: 40, the first .* score\.a is inf",
    ),
    "negative cost": (
        rows(**{"cost.b": -1}),
        r"no row can be used.* not a number from 0 up",
    ),
    "words for scores": (rows(**{"score.a": "good"}), r"no row can be used.* score is no number"),
    "one row": (rows(1), "no n-gram occurs in two of 1 texts"),
    "empty queries": (rows(query=""), "no n-gram occurs in two"),
    "no n-gram twice": ([r | {"query": chr(0x4E00 + i)} for i, r in enumerate(rows())], "n-gram"),
    "no scores": ([{"query": "x"}], "of no format we know .* its first record has query"),
}


@pytest.mark.parametrize(("table", "told"), BAD_TABLES.values(), ids=BAD_TABLES)
def test_tables_that_teach_nothing(table: Rows, told: str, run: Run, tmp_path: Path) -> None:
    path = written(tmp_path, table)
    _, error = run("train", path, "--out", tmp_path / "router")
    assert error.startswith("DataError: ")
    assert re.search(told, error)
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(DataError):
        KNNRouter(["a", "b"]).fit(OutcomeTable.read(path).rows([0][: len(table)]))


ODD_TABLES: dict[str, Rows] = {
    "one model": [{k: v for k, v in row.items() if not k.endswith(".b")} for row in rows()],
    "all scores equal": rows(**{"score.a": 0.5, "score.b": 0.5}),
    "truths for scores": rows(**{"score.a": True, "score.b": False}),
    "strings for scores": rows(**{"score.a": "0.25", "score.b": "true"}),
    "no costs": [{k: v for k, v in row.items() if "cost" not in k} for row in rows()],
    "free models": rows(**{"cost.a": 0, "cost.b": 0}),
    "contradictions": rows() + [row | {"score.a": 1 - row["score.a"]} for row in rows()],
    "lone surrogates": [row | {"query": f"{row['query']} \ud800 here"} for row in rows()],
    "gaps": [row | {"score.a": None if i % 3 else 1} for i, row in enumerate(rows())],
}


@pytest.mark.slow
@pytest.mark.parametrize("table", ODD_TABLES.values(), ids=ODD_TABLES)
def test_odd_tables_train_and_evaluate(table: Rows, run: Run, tmp_path: Path) -> None:
    path = written(tmp_path, table)
    assert run("train", path, "--out", tmp_path / "router")[1] == ""
    told, error = run("route", tmp_path / "router", "what is the sum of 3 and 4", "--json")
    decision = json.loads(told)
    assert error == ""
    assert decision["model"] in {"a", "b"}
    assert all(0 <= quality <= 1 for quality in decision["quality"].values())
    told, error = run("evaluate", path, "--json")
    assert error == ""
    assert json.loads(told)["routers"]["knn"]["quality"] >= 0


BAD_POOLS: dict[str, tuple[str, str]] = {
    "empty": ("[]", "PoolError: the pool is empty"),
    "a model less": (
        '["a"]',
        "DataError: the table has outcomes of b, not in the pool of a|UnknownModel: no model 'b'",
    ),
    "a model more": ('["a", "b", "c"]', "DataError: no outcomes of c; there are a, b"),
    "twice": ('["a", "a", "b"]', "PoolError: in the pool twice: a"),
    "no JSON": ("{", "PoolError: cannot read a pool from"),
    "a bad price": (
        '[{"name": "a", "input_price": -1}, "b"]',
        "PoolError: not a candidate: .*: input_price: Input should be greater than or equal to 0$",
    ),
}


@pytest.mark.parametrize(("pool", "told"), BAD_POOLS.values(), ids=BAD_POOLS)
def test_pools_that_do_not_fit(pool: str, told: str, run: Run, tmp_path: Path) -> None:
    data, candidates = written(tmp_path, rows()), tmp_path / "pool.json"
    candidates.write_text(pool)
    for command in (["train", data, "--out", tmp_path / "out"], ["evaluate", data]):
        _, error = run(*command, "--pool", candidates)
        assert re.match(told, error)
        assert "\n" not in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "text", ["", " ", "x" * 1_000_000, "the sum " * 120_000, "\udcff \udc80", "\0"]
)
def test_odd_queries_get_a_decision(
    text: str, saved: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = Router.load(saved).route(Query(text, tokens=1)).model
    assert expected in POOL
    if len(text) > 1000:  # more than a command line takes
        monkeypatch.setattr(sys, "stdin", type("Stdin", (), {"read": lambda self: text})())
    told, error = run("route", saved, "-" if len(text) > 1000 else text, "--json")
    assert error == ""
    assert json.loads(told)["model"] in POOL


def damage(folder: Path, file: str, change: Callable[[bytes], bytes]) -> Path:
    """The folder with one file changed."""
    path = folder / file
    path.write_bytes(change(path.read_bytes()))
    return folder


DAMAGE: dict[str, tuple[str, Callable[[bytes], bytes], str]] = {
    "truncated": ("router.json", lambda held: held[:100], "cannot be read as JSON"),
    "emptied": ("router.safetensors", lambda held: b"", "was truncated or changed"),
    "flipped": (
        "encoder_/encoder.safetensors",
        lambda held: held[:-1] + bytes([held[-1] ^ 1]),
        "was truncated or changed",
    ),
    "edited": (
        "router.json",
        lambda held: held.replace(b'"seed": 0', b'"seed": 1'),
        "was damaged or edited",
    ),
    "of another format": (
        "router.json",
        lambda held: held.replace(b'"format": 1', b'"format": 2'),
        "is not of format 1",
    ),
}


@pytest.mark.parametrize(("file", "change", "told"), DAMAGE.values(), ids=DAMAGE)
def test_damaged_routers(
    file: str, change: Callable[[bytes], bytes], told: str, saved: Path, run: Run, tmp_path: Path
) -> None:
    folder = shutil.copytree(saved, tmp_path / "router")
    parts = [path.name for path in folder.iterdir() if path.is_dir()]
    _, error = run("route", damage(folder, file.replace("encoder_", parts[0]), change), "hi")
    assert error.startswith("ArtifactError: ")
    assert told in error


def test_places_that_are_no_routers(saved: Path, run: Run, tmp_path: Path) -> None:
    data = written(tmp_path, rows())
    assert "is a file, not the folder of a saved router" in run("route", data, "hi")[1]
    assert "nothing saved at" in run("route", tmp_path, "hi")[1]
    for out in (data, data / "router", tmp_path):
        assert run("train", data, "--out", out)[1].startswith("ArtifactError: ")
    assert run("train", "missing.csv", "--out", data)[1].startswith("ArtifactError: ")  # at once
    assert list(tmp_path.iterdir()) == [data]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--cost-weight", "-1"], "ConfigError: cost_weight is a number from 0 up"),
        (["--picture", "p.xyz"], "ConfigError: cannot draw to p.xyz: it ends in none of .png"),
        (["--routers", ""], "ConfigError: name a router; there are"),
        (["--test", "nowhere.csv"], "DataError: no file nowhere.csv"),
    ],
)
def test_arguments_that_make_no_sense(
    arguments: list[str], told: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert told in run("evaluate", written(tmp_path, rows()), *arguments)[1]


def test_the_same_through_the_api(saved: Path) -> None:
    with pytest.raises(PoolError, match="the pool is empty"):
        KNNRouter([])
    for seed in (-1, 1.5, None):
        with pytest.raises(ConfigError, match="seed is a whole number from 0 up"):
            KNNRouter(POOL, seed=seed)  # type: ignore[arg-type]
    with pytest.raises(PoolError, match="not the string 'abc'"):
        KNNRouter("abc")
    with pytest.raises(DataError, match="the table has no rows"):
        KNNRouter(POOL).fit(outcomes().rows([]))
    with pytest.raises(DataError, match=r"not a str: OutcomeTable\.read"):
        KNNRouter(POOL).fit("outcomes.csv")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="an encoder is one like"):
        KNNRouter(POOL, encoder="all-MiniLM-L6-v2")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="5 different queries"):
        match_best_single(KNNRouter, outcomes().rows([0]), POOL)
    with pytest.raises(DataError, match="no outcomes of code, large"):
        evaluate({"knn": KNNRouter}, outcomes(), outcomes().of(["sums", "poems"]))
    with pytest.raises(ConfigError, match="not NoneType"):
        Router.load(saved).route(None)  # type: ignore[arg-type]


def test_a_bad_query_asks_nobody(saved: Path) -> None:
    asked: list[str] = []
    dispatcher = Dispatcher(Router.load(saved))
    for query in (
        Query(HELD_OUT[0], exclude=dict.fromkeys(POOL, "out")),
        Query("x", model="nobody"),
    ):
        with pytest.raises(RouterError):
            dispatcher.run(query, asked.append)  # type: ignore[arg-type, return-value]
    assert asked == []
    assert ModelPool(POOL.values()) == POOL
