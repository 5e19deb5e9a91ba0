"""An ensemble in LlamaIndex: several models at once, and the answer that most agree on.

    python examples/ensemble_llamaindex/main.py

The models answer as three real ones did when they were recorded, so the script runs offline; put
LLMs of your own in their place.
"""

from __future__ import annotations

from typing import Any

from llama_index.core.llms import CompletionResponse, CustomLLM, LLMMetadata

from llamaindex_llmrouter import RouterLLM, routing_record
from shared_core import Agreement, EnsembleRouter, small_models

TABLE, POOL = small_models()
QUESTIONS = TABLE.split("test").queries


class RecordedLLM(CustomLLM):
    """Answers as the real model did."""

    name_of_model: str

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(model_name=self.name_of_model)

    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        row, column = TABLE.queries.index(prompt), TABLE.models.index(self.name_of_model)
        counts = {
            "prompt_tokens": int(TABLE.measures["in_tokens"][row, column]),
            "completion_tokens": int(TABLE.measures["out_tokens"][row, column]),
        }
        text = TABLE.answers[self.name_of_model][row]
        return CompletionResponse(text=text, additional_kwargs=counts)

    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> Any:
        yield self.complete(prompt)


def main() -> None:
    """Ask held-out questions of all three, and show the vote."""
    llm = RouterLLM(
        models={name: RecordedLLM(name_of_model=name) for name in POOL},
        router=EnsembleRouter(POOL, Agreement(), k=3),
    )
    for question in QUESTIONS[::60]:
        record = routing_record(llm.complete(question)) or {}
        print(
            f"{record['model']} of {len(record['attempts'])} asked, {record['reason']} (recorded)"
        )


if __name__ == "__main__":
    main()
