"""What models are handed of a conversation: no decisions, nothing only other providers read."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_fakes import FakeProvider

from langchain_llmrouter import Always, ChatLLMRouter, routing_record

THOUGHT = {"type": "reasoning", "reasoning": "hm", "extras": {"signature": "s"}}
SEARCH = {"type": "server_tool_call", "name": "web_search", "args": {}, "id": "srv_1"}
CITED = {"type": "text", "text": "hello", "annotations": [{"type": "citation", "url": "u"}]}
CALL = {"type": "tool_call", "name": "look", "args": {}, "id": "1"}
PLAIN = {"type": "text", "text": "hello"}


class Thinking(FakeProvider):
    """A provider of some kind whose answers have blocks of its own."""

    kind: str
    blocks: tuple[Any, ...] = (THOUGHT, SEARCH, CITED)

    @property
    def _llm_type(self) -> str:
        return self.kind

    def _generate(self, *args: Any, **kwargs: Any) -> ChatResult:
        result = super()._generate(*args, **kwargs)
        message = result.generations[0].message.model_copy(update={"content": list(self.blocks)})
        return ChatResult(generations=[ChatGeneration(message=message)])


def asked(kind: str, models: Any, record: bool = True) -> Any:
    """Asks a chat model, or an agent with the middleware, for its newest answer by a model."""
    if kind == "chat":
        chat = ChatLLMRouter(models, Always(models), record=record)
        return lambda messages, name: chat.invoke(messages, model=name)
    agents = pytest.importorskip("langchain.agents", reason="needs the extra `agents`")
    from langchain_llmrouter import LLMRouterMiddleware

    middleware = [LLMRouterMiddleware(models, Always(models))]
    agent = agents.create_agent(next(iter(models.values())), middleware=middleware)

    def newest(messages: Any, name: str) -> Any:
        config: Any = {"configurable": {"llmrouter_model": name}}
        return agent.invoke({"messages": messages}, config)["messages"][-1]

    return newest


@pytest.mark.parametrize("kind", ["chat", "middleware"])
def test_a_cache_knows_a_later_turn_of_a_conversation_again(kind: str) -> None:
    model = FakeProvider(name_of_model="a", cache=InMemoryCache())
    ask = asked(kind, {"a": model})
    for _ in range(4):
        said = ask([HumanMessage("hi")], "a")
        assert routing_record(said)
        ask([HumanMessage("hi"), said, HumanMessage("more")], "a")
    assert len(model.calls) == 3  # hi; more after the answer as paid; more after it as cached
    assert not any(routing_record(message) for call in model.calls for message in call["messages"])


@pytest.mark.parametrize(
    ("kind", "record"), [("chat", True), ("chat", False), ("middleware", True)]
)
def test_blocks_of_one_provider_do_not_reach_another(kind: str, record: bool) -> None:
    models = {
        name: Thinking(name_of_model=name, kind=f"{name[0]}-chat") for name in ("a1", "a2", "b")
    }
    ask = asked(kind, models, record)
    said = ask([HumanMessage("hi")], "a1")
    history = [HumanMessage("hi"), said, HumanMessage("more")]
    for name in models:
        ask(history, name)
    handed = {name: model.calls[-1]["messages"][1].content for name, model in models.items()}
    own = [THOUGHT, SEARCH, CITED]
    assert handed == {"a1": own, "a2": own, "b": [PLAIN]}
    assert said.content == own


def test_tool_calls_stay_and_an_answer_of_thoughts_only_is_empty() -> None:
    blocks = ((THOUGHT, CALL), (THOUGHT,))
    for given, left in zip(blocks, ([CALL], ""), strict=True):
        models: Any = {
            "a": Thinking(name_of_model="a", kind="a-chat", blocks=given),
            "b": Thinking(name_of_model="b", kind="b-chat"),
        }
        ask = asked("chat", models)
        ask([HumanMessage("hi"), ask([HumanMessage("hi")], "a"), HumanMessage("more")], "b")
        assert models["b"].calls[-1]["messages"][1].content == left


def test_answers_of_unknown_authors_are_handed_on_as_they_are() -> None:
    models: Any = {"b": Thinking(name_of_model="b", kind="b-chat")}
    theirs = AIMessage([THOUGHT, CITED], id="1")
    asked("chat", models)([HumanMessage("hi"), theirs, HumanMessage("more")], "b")
    assert models["b"].calls[-1]["messages"][1] == theirs
