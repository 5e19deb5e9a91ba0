"""A cascade in a LangChain chain: the cheapest model answers, the next is asked only when it must.

    python examples/cascade_langchain/main.py

The models answer as three real ones did when they were recorded, so the script runs offline; put
chat models of your own in their place.
"""

from __future__ import annotations

from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.prompts import ChatPromptTemplate

from langchain_llmrouter import ChatLLMRouter, routing_record
from shared_core import CascadeRouter, LearnedScorer, small_models

TABLE, POOL = small_models()
QUESTIONS = TABLE.split("test").queries


class RecordedModel(BaseChatModel):
    """Answers as the real model did."""

    name_of_model: str

    @property
    def _llm_type(self) -> str:
        return "recorded"

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        row = TABLE.queries.index(str(messages[-1].text))
        column = TABLE.models.index(self.name_of_model)
        sizes = [int(TABLE.measures[name][row, column]) for name in ("in_tokens", "out_tokens")]
        usage = UsageMetadata(
            input_tokens=sizes[0], output_tokens=sizes[1], total_tokens=sum(sizes)
        )
        message = AIMessage(TABLE.answers[self.name_of_model][row], usage_metadata=usage)
        return ChatResult(generations=[ChatGeneration(message=message)])


def main() -> None:
    """Ask held-out questions and show who was asked, and what all of it cost."""
    scorer = LearnedScorer().fitted(TABLE.split("train"))
    chat = ChatLLMRouter(
        models={name: RecordedModel(name_of_model=name) for name in POOL},
        router=CascadeRouter(POOL, scorer, threshold=0.5),
    )
    chain = ChatPromptTemplate.from_messages([("user", "{question}")]) | chat
    for question in QUESTIONS[::40]:
        record = routing_record(chain.invoke({"question": question})) or {}
        asked = " -> ".join(attempt["model"] for attempt in record["attempts"])
        usage = record["usage"]
        print(f"{asked}: {usage['out_tokens']:.0f} tokens, ${usage['cost']:.1e} (recorded answers)")


if __name__ == "__main__":
    main()
