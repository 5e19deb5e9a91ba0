"""LangChain's part of `llmrouter demo`: held-out questions through a prompt | router chain."""

from __future__ import annotations

from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.prompts import ChatPromptTemplate
from pydantic import ConfigDict

from langchain_llmrouter.chat_model import ChatLLMRouter
from langchain_llmrouter.messages import routing_record
from shared_core.demo.scene import DemoAnswer, DemoScene


class DemoChatModel(BaseChatModel):
    """One candidate of the demonstration: answers live or as recorded, and says which."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    candidate: str
    scene: DemoScene

    @property
    def _llm_type(self) -> str:
        return "demo"

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        answer = self.scene.ask(self.candidate, str(messages[-1].text))
        message = AIMessage(answer.text, response_metadata={"source": answer.source})
        return ChatResult(generations=[ChatGeneration(message=message)])


def show(scene: DemoScene) -> None:
    """Route the scene's questions through a chain and show each."""
    models = {name: DemoChatModel(candidate=name, scene=scene) for name in scene.router.pool}
    router = ChatLLMRouter(models=models, router=scene.router)
    chain = ChatPromptTemplate.from_messages([("user", "{question}")]) | router
    for question in scene.questions:
        message = chain.invoke({"question": question})
        answer = DemoAnswer(str(message.text), message.response_metadata["source"])
        scene.show(question, routing_record(message) or {}, answer)
