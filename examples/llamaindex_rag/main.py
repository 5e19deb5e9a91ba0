"""A routed LLM behind a LlamaIndex query engine, and a router that selects among engines.

    python examples/llamaindex_rag/main.py

The models are LlamaIndex' own stand-ins, so that the script runs offline; put OpenAI, Anthropic,
Ollama … in their place.
"""

from __future__ import annotations

from llama_index.core import Document, SummaryIndex
from llama_index.core.llms import MockLLM
from llama_index.core.query_engine import RouterQueryEngine
from llama_index.core.tools import QueryEngineTool

from llamaindex_llmrouter import KNNRouter, OutcomeTable, RouterLLM, RouterSelector, small_models

EXAMPLES = {
    "prices": ["What does the red one cost?", "How much is a dozen?", "Is there a discount?"],
    "history": ["Who founded the shop?", "When did it open?", "Where was the first shop?"],
}
"""Questions that each engine is good at: outcomes enough to route among engines."""


def main() -> None:
    """Answer with a routed LLM, then select among two engines."""
    table, pool = small_models()
    router = KNNRouter(pool).fit(table.split("train"))
    llm = RouterLLM(models={name: MockLLM(max_tokens=8) for name in pool}, router=router)

    response = llm.complete("What is 7 + 5?")
    print(response.additional_kwargs["llm_router"]["model"])

    tools = [_engine(name, llm) for name in EXAMPLES]
    engine = RouterQueryEngine(RouterSelector(_router_of_engines()), tools, llm=llm)
    for question in ("How much does one cost?", "Who opened the first shop?"):
        selection = engine.query(question).metadata["selector_result"]
        print(question, "->", selection.decision["model"])


def _engine(name: str, llm: RouterLLM) -> QueryEngineTool:
    index = SummaryIndex.from_documents([Document(text=f"All about {name}.")])
    return QueryEngineTool.from_defaults(
        index.as_query_engine(llm=llm), name=name, description=f"answers questions about {name}"
    )


def _router_of_engines() -> KNNRouter:
    rows = [
        {"query": question, **{f"score.{name}": float(name == good) for name in EXAMPLES}}
        for good, questions in EXAMPLES.items()
        for question in questions
    ]
    outcomes = OutcomeTable.from_rows(rows)
    return KNNRouter(outcomes.models, k=3, shrinkage=1.0).fit(outcomes)


if __name__ == "__main__":
    main()
