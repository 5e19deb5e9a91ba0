"""An ensemble in LlamaIndex: several models at once, and the answer that most agree on.

    python examples/ensemble_llamaindex/main.py [--live 1 | --live small.gguf,large.gguf]

The models answer as three real ones did when they were recorded, so the script runs offline; put
LLMs of your own in their place. With `--live`, models served here answer in their stead (needs
xllamacpp and llama-index-llms-openai-like; `1` fetches Gemma 3 270M, which stands for two models,
with short and longer answers).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from llama_index.core.llms import LLM, CompletionResponse, CustomLLM, LLMMetadata

from llamaindex_llmrouter import RouterLLM, routing_record
from shared_core import Agreement, EnsembleRouter, ModelPool, small_models

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


@contextmanager
def models_of(live: str | None) -> Iterator[Mapping[str, LLM]]:
    """The recorded models; or those served now, who stand for the recorded ones in their order."""
    if live is None:
        yield {name: RecordedLLM(name_of_model=name) for name in POOL}
        return
    from llama_index.llms.openai_like import OpenAILike

    from shared_core.demo.live import live_models

    served = live_models(live)
    pairs = zip(POOL.by_price(), served * 2 if len(served) == 1 else served, strict=False)
    try:
        yield {
            name: OpenAILike(
                model=one.name,
                api_base=one.base_url,
                api_key=one.api_key,
                is_chat_model=True,
                context_window=2048,
                temperature=0.0,
                max_tokens=16 * (place + 1),
                additional_kwargs={"stop": list(one.stop)} if one.stop else {},
            )
            for place, (name, one) in enumerate(pairs)
        }
    finally:
        for one in served:
            one.close()


def main(*arguments: str) -> None:
    """Ask held-out questions of all at once, and show the vote."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--live", help="1, or paths of .gguf files with commas between")
    live = parser.parse_args(arguments).live
    with models_of(live) as models:
        pool = ModelPool(POOL[name] for name in models)
        llm = RouterLLM(models=models, router=EnsembleRouter(pool, Agreement(), k=3))
        for question in QUESTIONS[::60]:
            record = routing_record(llm.complete(question)) or {}
            of, how = len(record["attempts"]), "live" if live else "recorded"
            print(f"{record['model']} of {of} asked, {record['reason']} ({how})")


if __name__ == "__main__":
    main(*sys.argv[1:])
