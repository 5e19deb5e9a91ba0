"""A retrieval chain whose model is the router: the question decides, not the documents around it.

python examples/langchain_rag/main.py
"""

from __future__ import annotations

from langchain_core.documents import Document
from langchain_core.language_models import FakeListChatModel
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnablePassthrough

from langchain_llmrouter import KNNRouter, RunnableLLMRouter, small_models

DOCUMENTS = {
    "refunds": "Refunds take five working days.",
    "opening": "The shop opens at nine.",
}


class Shelf(BaseRetriever):
    """Finds the documents whose title is in the question."""

    def _get_relevant_documents(self, query: str, *, run_manager: object) -> list:
        return [Document(text) for title, text in DOCUMENTS.items() if title in query.lower()]


def main() -> None:
    """One chain for each model; the router sees the question and picks the chain."""
    table, pool = small_models()
    router = KNNRouter(pool, k=40, shrinkage=10.0).fit(table.split("train"))
    prompt = ChatPromptTemplate.from_template("Answer from: {context}\n\n{question}")
    chains = {
        name: prompt | FakeListChatModel(responses=[f"(answer of {name})"]) | StrOutputParser()
        for name in pool
    }
    routed = RunnableLLMRouter(
        runnables=chains, router=router, text=lambda input: input["question"]
    )
    chain = {"context": Shelf(), "question": RunnablePassthrough()} | routed

    for question in ("How long do refunds take?", "When is the opening hour?"):
        print(question, "->", chain.invoke(question))
    print("".join(chain.stream("How long do refunds take?")))


if __name__ == "__main__":
    main()
