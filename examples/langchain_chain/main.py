"""One object swapped in a LangChain chain.

    python examples/langchain_chain/main.py

The models here are stand-ins that answer with their own name, so that the script runs offline; put
ChatOpenAI, ChatAnthropic, ChatOllama … in their place.
"""

from __future__ import annotations

from langchain_core.language_models import FakeListChatModel
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate

from langchain_llmrouter import ChatLLMRouter, KNNRouter, routing_record, small_models


class BrokenModel(FakeListChatModel):
    """A provider that is down."""

    def _call(self, *args: object, **kwargs: object) -> str:
        raise ConnectionError("503")


def main() -> None:
    """Invoke, look at the decision, stream, force a model, survive a failure."""
    table, pool = small_models()
    router = KNNRouter(pool).fit(table.split("train"))
    models = {name: FakeListChatModel(responses=[f"(answer of {name})"]) for name in pool}
    chat = ChatLLMRouter(models=models, router=router)
    chain = ChatPromptTemplate.from_template("{question}") | chat

    message = chain.invoke({"question": "What is 7 + 5?"})
    print(message.text, "because", routing_record(message)["reason"])

    for piece in (chain | StrOutputParser()).stream({"question": "Write a haiku."}):
        print(piece, end="")
    print()

    print(chat.route("What is 7 + 5?").ranking)  # a dry run: nobody is called
    print(chat.invoke("What is 7 + 5?", model="gemma-270m").text)

    chosen = chat.route("What is 7 + 5?").model
    down = ChatLLMRouter(models=models | {chosen: BrokenModel(responses=[""])}, router=router)
    message = down.invoke("What is 7 + 5?")
    print(message.text, "after", routing_record(message)["failed"])


if __name__ == "__main__":
    main()
