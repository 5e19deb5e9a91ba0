"""A cascade in a LangChain chain: the cheapest model answers, the next is asked only when it must.

    python examples/cascade_langchain/main.py [--live 1 | --live small.gguf,large.gguf]

The models answer as three real ones did when they were recorded, so the script runs offline; put
chat models of your own in their place. With `--live`, models served here answer in their stead, the
cheapest first (needs xllamacpp and langchain-openai; `1` fetches Gemma 3 270M, which stands for two
models, with short and longer answers).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.prompts import ChatPromptTemplate

from langchain_llmrouter import ChatLLMRouter, routing_record
from shared_core import CascadeRouter, LearnedScorer, ModelPool, small_models

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


@contextmanager
def models_of(live: str | None) -> Iterator[Mapping[str, BaseChatModel]]:
    """The recorded models; or those served now, who stand for the recorded ones in their order."""
    if live is None:
        yield {name: RecordedModel(name_of_model=name) for name in POOL}
        return
    from langchain_openai import ChatOpenAI

    from shared_core.demo.live import live_models

    served = live_models(live)
    pairs = zip(POOL.by_price(), served * 2 if len(served) == 1 else served, strict=False)
    try:
        yield {
            name: ChatOpenAI(
                model=one.name,
                base_url=one.base_url,
                api_key=one.api_key,
                temperature=0,
                max_completion_tokens=16 * (place + 1),
                stop_sequences=list(one.stop) or None,
                logprobs=True,
                top_logprobs=5,
            )
            for place, (name, one) in enumerate(pairs)
        }
    finally:
        for one in served:
            one.close()


def live_option(arguments: Sequence[str]) -> str | None:
    """What `--live` says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--live", help="1, or paths of .gguf files with commas between")
    given: str | None = parser.parse_args(arguments).live
    return given


def main(*arguments: str) -> None:
    """Ask held-out questions and show who was asked, and what all of it cost."""
    live = live_option(arguments)
    scorer = LearnedScorer().fitted(TABLE.split("train"))
    with models_of(live) as models:
        router = CascadeRouter(ModelPool(POOL[name] for name in models), scorer, threshold=0.5)
        chat = ChatLLMRouter(models=models, router=router)
        chain = ChatPromptTemplate.from_messages([("user", "{question}")]) | chat
        for question in QUESTIONS[::40]:
            record = routing_record(chain.invoke({"question": question})) or {}
            asked = " -> ".join(attempt["model"] for attempt in record["attempts"])
            usage, how = record["usage"], "live" if live else "recorded"
            print(
                f"{asked}: {usage['out_tokens']:.0f} tokens, ${usage['cost']:.1e} ({how} answers)"
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
