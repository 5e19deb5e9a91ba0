"""Programs of users pass their type checker, with no plugin."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
from langchain.agents import create_agent
from langchain.agents.middleware import ModelFallbackMiddleware
from langchain_core.language_models import FakeListChatModel
from llama_index.core import Settings
from llama_index.core.llms import MockLLM

from langchain_llmrouter import ChatLLMRouter, LLMRouterMiddleware, RunnableLLMRouter
from llamaindex_llmrouter import RouterLLM, RouterSelector
from shared_core import AutoRouter, Candidate, Cheapest, KNNRouter, OutcomeTable, Query, Router

pool = [
    Candidate(name="a", abilities=["tools"], unknown_abilities=("pdf",), tags={"personal"}),
    Candidate(name="b", abilities={"tools", "vision"}, input_price=1, output_price=2.5),
]
abilities: frozenset[str] | None = pool[0].abilities
router: Router = AutoRouter(pool).fit(OutcomeTable.read("o.csv").split("train"))
knn: KNNRouter = KNNRouter(pool).fit(OutcomeTable.read("o.csv"))
router.route(Query("hi", needs={"tools"}, tags=frozenset({"personal"})))

chats = {name: FakeListChatModel(responses=["hi"]) for name in "ab"}
chat = ChatLLMRouter(models=chats, router=router, sticky="off", timeout=3, listeners=[print])
text: str = chat.invoke("hi").text
routing = LLMRouterMiddleware(chats, knn)
create_agent(chats["a"], [], middleware=[routing])
create_agent(chat, [], middleware=[routing, ModelFallbackMiddleware(chats["b"])])
create_agent(chat, [], middleware=[routing], context_schema=Query)
RunnableLLMRouter({"a": chat, "b": chats["b"].with_retry()}, Cheapest(["a", "b"]))

Settings.llm = RouterLLM(models={"a": MockLLM(), "b": MockLLM()}, router=Router.load("r"))
RouterSelector(examples={"a": ["hi"]}, threshold=0.5, default="a")
"""


@pytest.mark.slow
def test_what_the_documents_allow_passes_strict_mypy(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    options = ("--strict", "--config-file=", "--cache-dir=.mypy_cache/users")
    told = subprocess.run(
        [sys.executable, "-m", "mypy", *options, str(program)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[1],
    )
    assert told.returncode == 0, told.stdout + told.stderr
