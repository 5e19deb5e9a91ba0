"""Every example runs, offline, as its first lines say."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from shared_core import ConfigError, MissingExtra

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(folder: str, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What the example's ``main`` prints."""
    path = EXAMPLES / folder / "main.py"
    spec = importlib.util.spec_from_file_location(f"example_{folder}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main(*arguments)
    return capsys.readouterr().out


@pytest.mark.slow
def test_train_and_evaluate(capsys: pytest.CaptureFixture[str]) -> None:
    told = run("train_and_evaluate", capsys)
    assert "worth it? better than mixing models" in told
    assert "not surely cheaper than qwen-coder-1.5b" in told  # as `llmrouter evaluate` says it
    assert "What is 7 + 5? ->" in told


def test_langchain_chain(capsys: pytest.CaptureFixture[str]) -> None:
    told = run("langchain_chain", capsys)
    assert "(answer of gemma-270m)" in told
    assert "ConnectionError" in told


def test_langchain_rag(capsys: pytest.CaptureFixture[str]) -> None:
    told = run("langchain_rag", capsys)
    assert told.count("(answer of ") == 3


def test_langchain_agent(capsys: pytest.CaptureFixture[str]) -> None:
    told = run("langchain_agent", capsys)
    assert "small tool_loop [] small: it is sunny in Rome" in told
    assert "large failover ['small: ConnectionError']" in told


def test_langchain_threads(capsys: pytest.CaptureFixture[str]) -> None:
    told = run("langchain_threads", capsys).splitlines()
    assert [line.rpartition(" ")[2] for line in told] == ["(policy)"] * 2 + ["(sticky)"] * 2


def test_langchain_trade_off(capsys: pytest.CaptureFixture[str]) -> None:
    told = run("langchain_trade_off", capsys)
    assert "thrifty: (answer of gemma-270m)" in told


def test_langchain_middleware(capsys: pytest.CaptureFixture[str]) -> None:
    told = run("langchain_middleware", capsys)
    assert "(answer of large) after ['small: ConnectionError']" in told
    assert "(answer of the backup) after the router gave up" in told


def test_llamaindex_rag(capsys: pytest.CaptureFixture[str]) -> None:
    told = run("llamaindex_rag", capsys)
    assert "How much does one cost? -> prices" in told
    assert "Who opened the first shop? -> history" in told


def test_cascade_langchain(capsys: pytest.CaptureFixture[str]) -> None:
    told = run("cascade_langchain", capsys).splitlines()
    assert all(line.endswith("(recorded answers)") for line in told)
    asked = [line.partition(":")[0].count("->") + 1 for line in told]
    assert min(asked) < max(asked)  # some questions need the next model, some do not


def test_ensemble_llamaindex(capsys: pytest.CaptureFixture[str]) -> None:
    told = run("ensemble_llamaindex", capsys)
    assert told.count("of 3 asked, the best of the answers heard") == len(told.splitlines())


def test_hybrid_agent(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("langchain.agents", reason="LangChain's agents are not installed")
    told = run("hybrid_agent", capsys)
    assert "(policy)" in told  # some questions are routed unheard


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "needs"),
    [
        ("cascade_langchain", "langchain_openai"),
        ("ensemble_llamaindex", "llama_index.llms.openai_like"),
        ("hybrid_agent", "langchain_openai"),
    ],
)
def test_over_real_models(folder: str, needs: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip(needs)
    if folder == "hybrid_agent":
        pytest.importorskip("langchain.agents", reason="LangChain's agents are not installed")
    try:
        told = run(folder, capsys, "--live", "1").splitlines()
    except (MissingExtra, ConfigError) as error:
        pytest.skip(f"the model cannot be had here: {error}")
    assert len(told) >= 4
    assert all("(live" in line for line in told)


def test_every_example_is_listed() -> None:
    listed = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    folders = [
        path.name for path in EXAMPLES.iterdir() if path.is_dir() and path.name[0] not in "._"
    ]
    assert all(f"`{name}/`" in listed for name in folders)
