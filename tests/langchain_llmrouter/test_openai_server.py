"""ChatOpenAI behind the router, over real HTTP on loopback: tools, streams, usage, faults."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import tool
from openai_stub import OpenAIStub

from langchain_llmrouter import (
    Always,
    ChatLLMRouter,
    ConfigError,
    MissingExtra,
    routing_record,
)

openai: Any = pytest.importorskip("openai")
ChatOpenAI: Any = pytest.importorskip("langchain_openai").ChatOpenAI

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::ResourceWarning")]


@tool
def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


@pytest.fixture
def servers() -> Iterator[dict[str, OpenAIStub]]:
    found = {name: OpenAIStub(name) for name in ("a", "b")}
    yield found
    for server in found.values():
        server.close()


def routed(servers: dict[str, OpenAIStub], **options: Any) -> ChatLLMRouter:
    models = {
        name: ChatOpenAI(model=name, base_url=server.url, api_key="sk-x", max_retries=0)
        for name, server in servers.items()
    }
    return ChatLLMRouter(models=models, router=Always(models), **options)


FORMS = ("invoke", "ainvoke", "stream", "astream")


async def ask(chat: Any, form: str, asked: Any = "hi") -> Any:
    if form == "invoke":
        return chat.invoke(asked)
    if form == "ainvoke":
        return await chat.ainvoke(asked)
    chunks = (
        list(chat.stream(asked))
        if form == "stream"
        else [chunk async for chunk in chat.astream(asked)]
    )
    total = chunks[0]
    for chunk in chunks[1:]:
        total += chunk
    return total


@pytest.mark.parametrize("form", FORMS)
async def test_text_usage_and_model_are_the_servers(servers: Any, form: str) -> None:
    answer = await ask(routed(servers), form)
    assert answer.text.strip() == "hello from a"
    assert answer.usage_metadata["total_tokens"] == 10
    assert answer.response_metadata["model_name"] == "a"
    assert routing_record(answer)["model"] == "a"  # type: ignore[index]


@pytest.mark.parametrize("form", FORMS)
async def test_tools_go_over_the_wire_and_nothing_of_ours_does(servers: Any, form: str) -> None:
    chat = routed(servers)
    bound = chat.bind_tools([get_weather], tool_choice="any")
    called = await ask(bound, form)
    (call,) = called.tool_calls
    assert (call["name"], call["args"]) == ("get_weather", {"city": "Rome"})
    read = get_weather.invoke(call)
    said = await ask(bound, form, [HumanMessage("Rome?"), called, read])
    assert said.text.strip() == "hello from a"
    assert servers["a"].requests[0]["tool_choice"] == "required"
    assert "llm" not in str(servers["a"].requests).lower()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("status", [400, 429, 500])
async def test_a_refusal_goes_to_the_next(servers: Any, form: str, status: int) -> None:
    servers["a"].status = status
    answer = await ask(routed(servers), form)
    assert answer.text.strip() == "hello from b"
    assert str(status) in routing_record(answer)["failed"][0]  # type: ignore[index]
    servers["b"].status = status
    with pytest.raises(openai.APIStatusError, match=f"{status}"):
        await ask(routed(servers), form)


@pytest.mark.parametrize("form", FORMS)
async def test_a_server_killed_between_a_tool_call_and_its_result(servers: Any, form: str) -> None:
    bound = routed(servers).bind_tools([get_weather])
    called = await ask(bound, form)
    servers["a"].close()
    read = get_weather.invoke(called.tool_calls[0])
    said = await ask(bound, form, [HumanMessage("Rome?"), called, read])
    assert said.text.strip() == "hello from b"
    (failed,) = routing_record(said)["failed"]  # type: ignore[index]
    assert failed.startswith("a: ")
    assert failed.endswith("ConnectionError")


@pytest.fixture(scope="module")
def gemma(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("xllamacpp")
    from shared_core.demo import live

    try:
        return live.fetch_gemma(tmp_path_factory.mktemp("gemma"))
    except (ConfigError, MissingExtra) as error:
        pytest.skip(f"no model to serve: {error}")


TEMPLATE = "{% for message in messages %}{{ message.content }}{% endfor %}"


@pytest.mark.slow
async def test_a_real_model_streams_counts_and_is_replaced_when_it_dies(gemma: Path) -> None:
    from shared_core.demo.live import serve_gguf

    backup = OpenAIStub("backup")
    served = serve_gguf(gemma, "gemma", chat_template=TEMPLATE)
    try:
        models = {
            "gemma": ChatOpenAI(
                model="gemma",
                base_url=served.base_url,
                api_key=served.api_key,
                max_retries=0,
                max_tokens=12,
            ),
            "backup": ChatOpenAI(model="backup", base_url=backup.url, api_key="x"),
        }
        chat = ChatLLMRouter(models=models, router=Always(models))
        answer = chat.invoke("The capital of France is")
        assert routing_record(answer)["model"] == "gemma"  # type: ignore[index]
        assert answer.usage_metadata is not None
        assert answer.usage_metadata["output_tokens"] > 0
        streamed = await ask(chat, "astream", "The capital of France is")
        assert isinstance(streamed, AIMessage)
        assert streamed.text
    finally:
        served.close()
    after = await ask(chat, "ainvoke")
    assert after.text == "hello from backup"
    backup.close()
