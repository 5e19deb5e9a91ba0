"""Messages become the query a router judges."""

from __future__ import annotations

import pytest
from llama_index.core.base.llms.types import (
    AudioBlock,
    ChatMessage,
    CitableBlock,
    ContentBlock,
    DocumentBlock,
    ImageBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from llama_index.core.tools import FunctionTool

from llamaindex_llmrouter import query_of
from llamaindex_llmrouter.messages import count_tokens

PICTURE = ImageBlock(url="https://x.test/i.png")


def said(role: str, *blocks: ContentBlock | str) -> ChatMessage:
    parts = [TextBlock(text=b) if isinstance(b, str) else b for b in blocks]
    return ChatMessage(role=MessageRole(role), blocks=parts)


@pytest.mark.parametrize(
    ("messages", "text"),
    [
        ("just text", "just text"),
        ([], ""),
        ([said("user", "old"), said("assistant", "answer"), said("user", "new")], "new"),
        ([said("user", "ask"), said("assistant", "call"), said("tool", "result")], "ask"),
        ([said("user", "ask"), said("user", PICTURE)], "ask"),
        ([said("system", "rules"), said("user", PICTURE)], "rules"),
        ([said("system", "rules"), said("assistant", "go on"), said("user", "  ")], "go on"),
        ([said("user", "one", PICTURE, "two")], "one\ntwo"),
    ],
)
def test_the_text_to_judge(messages: list[ChatMessage] | str, text: str) -> None:
    assert query_of(messages).text == text


@pytest.mark.parametrize(
    ("block", "ability"),
    [
        (PICTURE, "vision"),
        (AudioBlock(audio=b"x", format="mp3"), "audio"),
        (DocumentBlock(data=b"%PDF-", document_mimetype="application/pdf"), "pdf"),
        (CitableBlock(title="t", source="s", content=[PICTURE]), "vision"),
    ],
)
def test_blocks_become_needs_wherever_they_stand(block: ContentBlock, ability: str) -> None:
    history = [said("user", "look", block), said("assistant", "I see"), said("user", "and now?")]
    assert query_of(history).needs == {ability}


@pytest.mark.parametrize("text", ["word " * 600, "não está aí " * 200, "船在海上航行" * 200])
def test_a_text_file_is_as_large_as_its_text(text: str) -> None:
    file = DocumentBlock(data=text.encode(), document_mimetype="text/plain")
    query = query_of([said("user", "read", file)])
    assert (query.needs, query.text) == (frozenset(), "read")
    assert query.input_tokens == pytest.approx(query_of(text).input_tokens, rel=0.01)
    assert count_tokens([said("user", file)]) == count_tokens(text)


def test_tokens_count_the_whole_conversation() -> None:
    newest = said("user", "ok")
    alone = query_of([newest]).input_tokens
    call = ToolCallBlock(tool_name="search", tool_kwargs={"query": "x" * 300})
    for message in (
        said("user", "x" * 300),
        said("assistant", call),
        said("assistant", ThinkingBlock(content="x" * 300)),
    ):
        assert query_of([message, newest]).input_tokens >= alone + 100


def test_tools_are_a_need_and_take_room() -> None:
    def search(query: str) -> str:
        """Searches."""
        return query

    tool = FunctionTool.from_defaults(search)
    plain, given = query_of("hi"), query_of("hi", tools=[tool])
    assert given.needs == {"tools"}
    assert given.input_tokens > plain.input_tokens + 10
    assert query_of("hi", tools=[{"type": "web_search"}]).input_tokens > plain.input_tokens
