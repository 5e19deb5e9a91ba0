"""Agents on a routed LLM: function calling, ReAct, and a workflow whose agents hand over.

    python examples/llamaindex_agents/main.py

The models are LlamaIndex' own stand-ins, scripted, so that the script runs offline. What to look
at is who was asked: a tool loop never changes models, a new question may.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from typing import Any

from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent, ReActAgent
from llama_index.core.base.llms.types import (
    ChatMessage,
    CompletionResponse,
    MessageRole,
    ToolCallBlock,
)
from llama_index.core.llms import LLM, CustomLLM, LLMMetadata
from llama_index.core.llms.mock import MockFunctionCallingLLM

from llamaindex_llmrouter import Candidate, DescriptionRouter, RouterLLM, RoutingEvent

POOL = [
    Candidate(name="small", description="short, everyday questions: weather, time, small talk"),
    Candidate(name="large", description="hard questions: code, proofs, law, long analyses"),
]
_ids = itertools.count()


def weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


def respond(messages: Sequence[ChatMessage], tools: Any = (), **_: Any) -> ChatMessage:
    """Uses the first tool there is for it, once, and then tells what it said."""
    if messages[-1].role == MessageRole.TOOL and "sunny" in str(messages[-1].content):
        return ChatMessage(f"It is {messages[-1].content}.", role="assistant")
    names = [tool.metadata.name for tool in tools]
    if "weather" in names:
        return _calling("weather", {"city": "Lisbon"})
    if "handoff" in names:
        return _calling("handoff", {"to_agent": "forecaster", "reason": "knows the weather"})
    return ChatMessage("I can only tell the weather.", role="assistant")


def _calling(tool: str, arguments: dict[str, Any]) -> ChatMessage:
    call = ToolCallBlock(tool_call_id=f"call_{next(_ids)}", tool_name=tool, tool_kwargs=arguments)
    return ChatMessage(role="assistant", blocks=[call])


class Reasoning(CustomLLM):
    """A model that calls no tools and reasons in words."""

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(context_window=8000)

    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        if "Observation: sunny" in prompt:
            return CompletionResponse(text="Thought: I know.\nAnswer: It is sunny in Lisbon.")
        action = 'Action: weather\nAction Input: {"city": "Lisbon"}'
        return CompletionResponse(text=f"Thought: I look it up.\n{action}")

    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> Any:
        yield self.complete(prompt)


def routed(models: dict[str, LLM], asked: list[str]) -> RouterLLM:
    """A router by descriptions; notes whom it asked."""

    def note(event: RoutingEvent) -> None:
        if event.kind == "answered":
            asked.append(f"{event.decision.model} ({event.decision.cause})")

    return RouterLLM(models, DescriptionRouter(POOL), listeners=(note,))


async def run() -> None:
    """The three kinds of agents."""
    asked: list[str] = []
    calling: dict[str, LLM] = {
        one.name: MockFunctionCallingLLM(response_generator=respond, is_chat_model=True)
        for one in POOL
    }
    llm = routed(calling, asked)

    agent = FunctionAgent(tools=[weather], llm=llm, streaming=False)
    print("FunctionAgent:", await agent.run("What's the weather like in Lisbon?"), asked)

    asked.clear()
    words = routed({one.name: Reasoning() for one in POOL}, asked)
    react = ReActAgent(tools=[weather], llm=words, streaming=False)
    print("ReActAgent:", await react.run("What's the weather like in Lisbon?"), asked)

    asked.clear()
    desk = FunctionAgent(
        name="desk", description="takes questions", llm=llm, can_handoff_to=["forecaster"],
        streaming=False,
    )  # fmt: skip
    forecaster = FunctionAgent(
        name="forecaster", description="knows the weather", llm=llm, tools=[weather],
        streaming=False,
    )  # fmt: skip
    workflow = AgentWorkflow(agents=[desk, forecaster], root_agent="desk")
    print("AgentWorkflow:", await workflow.run("What's the weather like in Lisbon?"), asked)


def main() -> None:
    """Run them."""
    asyncio.run(run())


if __name__ == "__main__":
    main()
