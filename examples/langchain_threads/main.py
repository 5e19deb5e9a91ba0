"""A LangGraph graph with a checkpointer: the router stays with a thread's model where it should.

python examples/langchain_threads/main.py
"""

from __future__ import annotations

from langchain_core.language_models import FakeListChatModel
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph

from langchain_llmrouter import ChatLLMRouter, KNNRouter, routing_record, small_models


def main() -> None:
    """Two threads; "continue" is no new question, so it stays with the model that answered."""
    table, pool = small_models()
    router = KNNRouter(pool, k=40, shrinkage=10.0).fit(table.split("train"))
    models = {name: FakeListChatModel(responses=[f"(answer of {name})"]) for name in pool}
    chat = ChatLLMRouter(models=models, router=router)

    graph = StateGraph(MessagesState)
    graph.add_node("model", lambda state: {"messages": [chat.invoke(state["messages"])]})
    graph.add_edge(START, "model")
    app = graph.compile(checkpointer=InMemorySaver())

    for thread, text in (
        ("1", "What is 7 + 5?"),
        ("2", "Write a function that checks whether a number is prime."),
        ("1", "continue"),
        ("2", "sim, continua"),
    ):
        config = {"configurable": {"thread_id": thread}}
        answer = app.invoke({"messages": [("user", text)]}, config)["messages"][-1]
        record = routing_record(answer)
        print(f"thread {thread}: {text!r} -> {record['model']} ({record['cause']})")


if __name__ == "__main__":
    main()
