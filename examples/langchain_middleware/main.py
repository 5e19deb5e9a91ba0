"""The router as middleware of an agent: other middleware sees the chosen model itself.

python examples/langchain_middleware/main.py
"""

from __future__ import annotations

from langchain.agents import create_agent
from langchain.agents.middleware import ModelFallbackMiddleware
from langchain_core.language_models import FakeListChatModel
from langgraph.checkpoint.memory import InMemorySaver

from langchain_llmrouter import Always, LLMRouterMiddleware, routing_record


class BrokenModel(FakeListChatModel):
    """A provider that is down."""

    def _call(self, *args: object, **kwargs: object) -> str:
        raise ConnectionError("503")


def main() -> None:
    """Failover inside the router, and LangChain's own fallback behind it."""
    backup = FakeListChatModel(responses=["(answer of the backup)"])
    large = FakeListChatModel(responses=["(answer of large)"])
    for models in (
        {"small": BrokenModel(responses=[""]), "large": large},
        {"small": BrokenModel(responses=[""]), "large": BrokenModel(responses=[""])},
    ):
        agent = create_agent(
            large,
            middleware=[
                ModelFallbackMiddleware(backup),
                LLMRouterMiddleware(models, Always(models)),
            ],
            checkpointer=InMemorySaver(),
        )
        config = {"configurable": {"thread_id": "1"}}
        answer = agent.invoke({"messages": [("user", "Hello")]}, config)["messages"][-1]
        record = routing_record(answer)
        print(answer.text, "after", record["failed"] if record else "the router gave up")


if __name__ == "__main__":
    main()
