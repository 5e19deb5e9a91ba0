"""Selecting among query engines, retrievers and tools by descriptions: no LLM, no data, no key.

    python examples/llamaindex_engines/main.py

The engines are stand-ins that say their name; put yours in their place.
"""

from __future__ import annotations

import asyncio

from llama_index.core import Document, SummaryIndex
from llama_index.core.query_engine import CustomQueryEngine
from llama_index.core.tools import FunctionTool, QueryEngineTool, RetrieverTool

from llamaindex_llmrouter import (
    RouterSelector,
    RouterToolRetriever,
    router_query_engine,
    router_retriever,
    tool_router_query_engine,
)

ENGINES = {
    "summary": "Summarises whole documents: overviews, main points",
    "facts": "Finds single facts in documents: names, dates, places",
    "sql": "SQL over the orders table: counts, sums and averages",
}
QUESTIONS = ("Give me the gist.", "Who signed the contract?", "Quantos pedidos houve em maio?")


class Engine(CustomQueryEngine):
    """Answers with its name."""

    name: str

    def custom_query(self, query_str: str) -> str:
        return f"({self.name} answers)"


def main() -> None:
    """A query engine, a retriever, tools found per query, and a selection looked at closely."""
    tools = [QueryEngineTool.from_defaults(Engine(name=n), n, d) for n, d in ENGINES.items()]
    engine = router_query_engine(tools)
    for question in QUESTIONS:
        response = engine.query(question)
        (score,) = response.metadata["selector_result"].scores
        print(f"{question} -> {response} with probability {score:.2f}")

    selector = RouterSelector(threshold=0.5, default="facts")
    unsure = selector.select([tool.metadata for tool in tools], "Tell me a joke.")
    print(unsure.reason)

    retriever = router_retriever([_retriever_of(name) for name in ENGINES])
    print("retriever:", [node.text for node in retriever.retrieve("How many were sold?")])

    several = tool_router_query_engine(tools, RouterSelector(examples={"facts": ["Who was it?"]}))
    print("tools per query:", asyncio.run(several.aquery("Who was the founder?")))

    found = RouterToolRetriever([FunctionTool.from_defaults(add), FunctionTool.from_defaults(mail)])
    print("an agent's tools:", [one.metadata.name for one in found.retrieve("What is 3 plus 4?")])


def _retriever_of(name: str) -> RetrieverTool:
    index = SummaryIndex.from_documents([Document(text=f"a passage of {name}")])
    return RetrieverTool.from_defaults(index.as_retriever(), name=name, description=ENGINES[name])


def add(a: int, b: int) -> int:
    """Calculates a sum."""
    return a + b


def mail(to: str, text: str) -> str:
    """Sends an e-mail."""
    return f"sent to {to}"


if __name__ == "__main__":
    main()
