"""An agent with tools whose model is the router: it never switches before a tool's result is read.

    python examples/langchain_agent/main.py

The stand-in models below call a tool once for each request, so that the script runs offline.
"""

from __future__ import annotations

from typing import Any

from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool

from langchain_llmrouter import Candidate, ChatLLMRouter, Cheapest, ModelPool, routing_record


@tool
def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


class StandIn(BaseChatModel):
    """Calls the weather tool, then tells what it said."""

    name_of_model: str
    is_down: bool = False

    @property
    def _llm_type(self) -> str:
        return "stand-in"

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self

    def _generate(self, messages: list, *args: Any, **kwargs: Any) -> ChatResult:
        if self.is_down:
            raise ConnectionError("503")
        call = {"name": "get_weather", "args": {"city": "Rome"}, "id": "1"}
        message = AIMessage("", tool_calls=[call])
        if isinstance(messages[-1], ToolMessage):
            message = AIMessage(f"{self.name_of_model}: it is {messages[-1].content}")
        return ChatResult(generations=[ChatGeneration(message=message)])


def main() -> None:
    """Run the agent, then once more with the first model down."""
    pool = ModelPool(
        [
            Candidate(name="small", input_price=0.1, output_price=0.4),
            Candidate(name="large", input_price=2.5, output_price=10.0),
        ]
    )
    for is_down in (False, True):
        models = {
            "small": StandIn(name_of_model="small", is_down=is_down),
            "large": StandIn(name_of_model="large"),
        }
        agent = create_agent(ChatLLMRouter(models=models, router=Cheapest(pool)), [get_weather])
        result = agent.invoke({"messages": [("user", "What is the weather in Rome?")]})
        for message in result["messages"]:
            if record := isinstance(message, AIMessage) and routing_record(message):
                print(record["model"], record["cause"], record["failed"], message.text)


if __name__ == "__main__":
    main()
