"""LangChain's own suite, nothing overridden."""

from typing import Any

from langchain_fakes import FakeProvider
from langchain_tests.unit_tests import ChatModelUnitTests

from langchain_llmrouter import ChatLLMRouter, Random


class TestChatLLMRouter(ChatModelUnitTests):
    @property
    def chat_model_class(self) -> type[ChatLLMRouter]:
        return ChatLLMRouter

    @property
    def chat_model_params(self) -> dict[str, Any]:
        models = {name: FakeProvider(name_of_model=name) for name in ("small", "large")}
        return {"models": models, "router": Random(models)}
