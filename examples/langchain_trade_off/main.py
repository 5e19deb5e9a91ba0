"""Cost against quality, set for a single call.

python examples/langchain_trade_off/main.py
"""

from __future__ import annotations

from langchain_core.language_models import FakeListChatModel

from langchain_llmrouter import ChatLLMRouter, KNNRouter, small_models


def main() -> None:
    """The same question with other weights, and with the model named."""
    table, pool = small_models()
    router = KNNRouter(pool, k=40, shrinkage=10.0).fit(table.split("train"))
    models = {name: FakeListChatModel(responses=[f"(answer of {name})"]) for name in pool}
    chat = ChatLLMRouter(models=models, router=router)

    question = "Write a function that checks whether a number is prime."
    for weight in (0.0, 0.1, 10.0):
        config = {"configurable": {"llmrouter_cost_weight": weight}}
        print(f"cost weight {weight}: {chat.route(question, config).model}")

    thrifty = chat.with_config(configurable={"llmrouter_cost_weight": 10.0})
    print("thrifty:", thrifty.invoke(question).text)
    print("forced:", chat.invoke(question, model=pool.names[-1]).text)


if __name__ == "__main__":
    main()
