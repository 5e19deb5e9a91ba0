"""The LlamaIndex examples run offline and show what they say."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest
from llama_index.core import Settings

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Global settings are put back, and there is no key to find."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    before = (Settings._llm, Settings._callback_manager)
    yield
    Settings._llm, Settings._callback_manager = before


def printed(name: str, capsys: pytest.CaptureFixture[str]) -> str:
    runpy.run_path(str(EXAMPLES / name / "main.py"), run_name="__main__")
    return capsys.readouterr().out


def test_one_object_in_settings(capsys: pytest.CaptureFixture[str]) -> None:
    told = printed("llamaindex_llm", capsys)
    assert "because expected quality" in told
    assert "query engine: (answer of" in told
    assert told.count("terms=[7, 5] result=12") == 2
    assert "forced: forced" in told
    assert "after ['" in told
    assert "ConnectionError" in told


def test_engines_by_description(capsys: pytest.CaptureFixture[str]) -> None:
    told = printed("llamaindex_engines", capsys)
    assert "Give me the gist. -> (summary answers)" in told
    assert "Quantos pedidos houve em maio? -> (sql answers)" in told
    assert "facts by default: no choice reaches the threshold" in told
    assert "retriever: ['a passage of sql']" in told
    assert "tools per query: (facts answers)" in told
    assert "an agent's tools: ['add']" in told


def test_agents(capsys: pytest.CaptureFixture[str]) -> None:
    told = printed("llamaindex_agents", capsys).splitlines()
    looped = "['small (policy)', 'small (tool_loop)'"
    for kind in ("FunctionAgent", "ReActAgent", "AgentWorkflow"):
        (line,) = [one for one in told if one.startswith(kind)]
        assert "sunny in Lisbon" in line
        assert looped in line
