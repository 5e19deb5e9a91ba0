"""A hybrid router in an agent: it predicts, and listens first only where that pays.

    python examples/hybrid_agent/main.py [--live 1 | --live small.gguf,large.gguf]

The models answer as three real ones did when they were recorded, so the script runs offline; the
agent is LangChain's, without tools, since models of that size call none. `--live` as in
`cascade_langchain`: what the router learned from the recorded models is then used on those served.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

from langchain.agents import create_agent

from langchain_llmrouter import ChatLLMRouter, routing_record
from shared_core import HybridRouter, KNNRouter, LearnedScorer, ModelPool

_CASCADE = Path(__file__).parents[1] / "cascade_langchain" / "main.py"


def main(*arguments: str) -> None:
    """Let the agent answer held-out questions; show where an answer was heard first."""
    recorded = _example(_CASCADE)
    live, train = recorded.live_option(arguments), recorded.TABLE.split("train")
    scorer = LearnedScorer().fitted(train)
    with recorded.models_of(live) as models:
        pool = ModelPool(recorded.POOL[name] for name in models)
        router = HybridRouter(KNNRouter(pool), scorer, cost_weight=0.05).fit(train)
        agent = create_agent(ChatLLMRouter(models=models, router=router), tools=[])
        for question in recorded.QUESTIONS[::40]:
            messages = agent.invoke({"messages": [("user", question)]})["messages"]
            record = routing_record(messages[-1]) or {}
            how = "live" if live else "recorded"
            print(f"{record['model']} ({record['cause']}): {record['reason']} ({how} answers)")


def _example(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location("recorded", path)
    if spec is None or spec.loader is None:
        raise ImportError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main(*sys.argv[1:])
