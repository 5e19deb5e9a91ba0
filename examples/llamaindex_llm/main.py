"""One object in ``Settings.llm``: chat, stream, a query engine, structured output, failover.

    python examples/llamaindex_llm/main.py

The models are LlamaIndex' own stand-ins, scripted, so that the script runs offline; put OpenAI,
Anthropic, Ollama … in their place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llama_index.core import Document, Settings, SummaryIndex
from llama_index.core.base.llms.types import ChatMessage, ToolCallBlock
from llama_index.core.llms.mock import MockFunctionCallingLLM
from llama_index.core.program import FunctionCallingProgram
from pydantic import BaseModel

from llamaindex_llmrouter import KNNRouter, RouterLLM, routing_record, small_models


class Sum(BaseModel):
    """A sum and its result."""

    terms: list[int]
    result: int


def scripted(name: str) -> MockFunctionCallingLLM:
    """A model that says its name, and knows one sum by heart."""

    def respond(messages: Sequence[ChatMessage], tools: Any = (), **_: Any) -> ChatMessage:
        if tools:
            call = ToolCallBlock(
                tool_call_id="call_1", tool_name="Sum", tool_kwargs={"terms": [7, 5], "result": 12}
            )
            return ChatMessage(role="assistant", blocks=[call])
        return ChatMessage(f"(answer of {name})", role="assistant")

    return MockFunctionCallingLLM(response_generator=respond, is_chat_model=True)


class Broken(MockFunctionCallingLLM):
    """A provider that is down."""

    def chat(self, *args: Any, **kwargs: Any) -> Any:
        raise ConnectionError("503")


def main() -> None:
    """Set the router once; everything that used ``Settings.llm`` goes on working."""
    table, pool = small_models()
    router = KNNRouter(pool).fit(table.split("train"))
    Settings.llm = RouterLLM({name: scripted(name) for name in pool}, router)

    response = Settings.llm.chat([ChatMessage("What is 7 + 5?")])
    record = routing_record(response)
    print(response.message.content, "because", record["reason"])

    for piece in Settings.llm.stream_chat([ChatMessage("Write a haiku.")]):
        print(piece.delta, end="")
    print()

    index = SummaryIndex.from_documents([Document(text="The shop opened in 1898.")])
    print("query engine:", index.as_query_engine().query("When did the shop open?"))

    program = FunctionCallingProgram.from_defaults(Sum, prompt_template_str="Add {numbers}.")
    print("program:", program(numbers="7 and 5"))
    print("structured:", Settings.llm.as_structured_llm(Sum).chat([ChatMessage("7 + 5")]).raw)

    print("dry run:", Settings.llm.route("What is 7 + 5?").ranking)
    forced = Settings.llm.complete("hi", llm_router_model="gemma-270m")
    print("forced:", routing_record(forced)["cause"])

    down = {name: Broken() if name == record["model"] else scripted(name) for name in pool}
    response = RouterLLM(down, router).chat([ChatMessage("What is 7 + 5?")])
    print(response.message.content, "after", routing_record(response)["failed"])


if __name__ == "__main__":
    main()
