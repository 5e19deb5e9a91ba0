"""Both adapters behind the protocol of ``adapters.py``, over doubles of models."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from adapters import Behaviour, Reply, Said, openai_logprobs
from langchain_core.messages import (
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.tools import tool
from langchain_fakes import FakeProvider as LangChainFake
from llama_index.core.base.llms.types import ChatMessage, ImageBlock, TextBlock
from llama_index.core.tools import FunctionTool
from llamaindex_fakes import FakeProvider as LlamaIndexFake

from langchain_llmrouter import ChatLLMRouter
from llamaindex_llmrouter import RouterLLM
from llamaindex_llmrouter import routing_record as record_of_response
from shared_core import Query, Router

PICTURE = "https://x.test/i.png"


def weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


class Noting:
    """Remembers the queries that a router is given."""

    def __init__(self, router: Router) -> None:
        self.queries: list[Query] = []
        start = router.start

        def noting(query: Any) -> Any:
            self.queries.append(query)
            return start(query)

        router.start = noting  # type: ignore[method-assign]


class StreamingCalls(LangChainFake):
    """Calls its tools in streams too."""

    def _stream(self, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        for chunk in super()._stream(*args, **kwargs):
            is_last = chunk.message.chunk_position == "last"
            for i, offered in enumerate(kwargs.get("tools", ()) if is_last else ()):
                name = offered["function"]["name"]
                call = {"name": name, "args": "{}", "id": f"call-{i}", "index": i}
                yield ChatGenerationChunk(message=AIMessageChunk("", tool_call_chunks=[call]))
            yield chunk


class LangChainChat:
    """``ChatLLMRouter`` over doubles."""

    options = frozenset(ChatLLMRouter.model_fields)

    def __init__(self, llm: ChatLLMRouter, noting: Noting) -> None:
        self.llm = llm
        self.noting = noting

    @classmethod
    def of(
        cls,
        router: Router,
        models: Mapping[str, Behaviour],
        aliases: Mapping[str, str] = {},
        within: Mapping[str, Any] = {},
        **options: Any,
    ) -> LangChainChat:
        doubles = {
            name: StreamingCalls(
                name_of_model=name,
                fail=b.fail,
                late=b.late,
                hangs=b.hangs,
                logprobs=openai_logprobs(b.logprobs) if b.logprobs else None,
            )
            for name, b in models.items()
        }
        doubles |= {alias: doubles[name] for alias, name in aliases.items()}
        doubles |= {name: chat.llm for name, chat in within.items()}
        llm = ChatLLMRouter(doubles, router, **options)
        return cls(llm, Noting(llm._exchange.routing.router))

    async def reply(
        self,
        form: str,
        history: Sequence[Said | Reply],
        *,
        tools: bool = False,
        forced: str | None = None,
        **wishes: Any,
    ) -> Reply:
        model = self.llm.bind_tools([tool(weather)]) if tools else self.llm
        given = {"model": forced, **wishes} if forced else wishes
        config = {"configurable": {f"llmrouter_{name}": value for name, value in given.items()}}
        messages = [self._message(one) for one in history]
        if form in ("ask", "aask"):
            call = model.invoke if form == "ask" else model.ainvoke
            value = call(messages, config)
            return self._reply([await value if inspect.isawaitable(value) else value])
        if form == "stream":
            return self._reply(list(model.stream(messages, config)))
        return self._reply([piece async for piece in model.astream(messages, config)])

    def query(self, history: Sequence[Said | Reply], *, tools: bool = False) -> Query:
        self.noting.queries.clear()
        model = {"tools": [{"name": "weather"}]} if tools else {}
        self.llm.route([self._message(one) for one in history], **model)
        return self.noting.queries[-1]

    def received(self, model: str) -> list[list[str]]:
        return [[str(m.text) for m in call["messages"]] for call in self.llm.models[model].calls]

    def shown(self) -> str:
        return f"{self.llm!r} {self.llm} {self.llm.model_dump()} {self.llm._identifying_params}"

    @staticmethod
    def _message(said: Said | Reply) -> BaseMessage:
        if isinstance(said, Reply):
            return said.message
        if said.role == "tool":
            return ToolMessage(said.text, tool_call_id=said.answers)
        if said.role == "system":
            return SystemMessage(said.text)
        picture = [{"type": "image_url", "image_url": {"url": PICTURE}}] if said.picture else []
        return HumanMessage([{"type": "text", "text": said.text}, *picture])

    @staticmethod
    def _reply(pieces: Sequence[Any]) -> Reply:
        whole = pieces[0]
        for piece in pieces[1:]:
            whole = whole + piece
        record = whole.response_metadata.get("llm_router")
        calls = tuple(str(call["id"]) for call in whole.tool_calls)
        return Reply(str(whole.text), record, calls, whole, len(pieces))


class LlamaIndexChat:
    """``RouterLLM`` over doubles."""

    options = frozenset(RouterLLM.model_fields)

    def __init__(self, llm: RouterLLM, noting: Noting) -> None:
        self.llm = llm
        self.noting = noting

    @classmethod
    def of(
        cls,
        router: Router,
        models: Mapping[str, Behaviour],
        aliases: Mapping[str, str] = {},
        within: Mapping[str, Any] = {},
        **options: Any,
    ) -> LlamaIndexChat:
        doubles = {
            name: LlamaIndexFake(
                name=name,
                fail=b.fail,
                late=b.late,
                hangs=b.hangs,
                logprobs=openai_logprobs(b.logprobs) if b.logprobs else None,
            )
            for name, b in models.items()
        }
        doubles |= {alias: doubles[name] for alias, name in aliases.items()}
        doubles |= {name: chat.llm for name, chat in within.items()}
        llm = RouterLLM(doubles, router, **options)
        return cls(llm, Noting(llm._deciding))

    async def reply(
        self,
        form: str,
        history: Sequence[Said | Reply],
        *,
        tools: bool = False,
        forced: str | None = None,
        **wishes: Any,
    ) -> Reply:
        name = {"ask": "chat", "aask": "achat", "stream": "stream_chat", "astream": "astream_chat"}
        messages = [self._message(one) for one in history]
        given = {"model": forced, **wishes} if forced else wishes
        options = {f"llm_router_{name}": value for name, value in given.items()}
        if tools:
            call = getattr(self.llm, f"{name[form]}_with_tools")
            value = call([FunctionTool.from_defaults(weather)], chat_history=messages, **options)
        else:
            value = getattr(self.llm, name[form])(messages, **options)
        value = await value if inspect.iscoroutine(value) else value
        if form == "astream":
            return self._reply([piece async for piece in value])
        return self._reply(list(value) if form == "stream" else [value])

    def query(self, history: Sequence[Said | Reply], *, tools: bool = False) -> Query:
        self.noting.queries.clear()
        offered = [FunctionTool.from_defaults(weather)] if tools else None
        self.llm.route([self._message(one) for one in history], tools=offered)
        return self.noting.queries[-1]

    def received(self, model: str) -> list[list[str]]:
        return [[m.content or "" for m in call["asked"]] for call in self.llm.models[model].calls]

    def shown(self) -> str:
        dumps = (self.llm.to_dict(), self.llm.to_payload())
        return f"{self.llm!r} {self.llm} {self.llm.model_dump()} {dumps}"

    @staticmethod
    def _message(said: Said | Reply) -> ChatMessage:
        if isinstance(said, Reply):
            return said.message
        extra = {} if said.answers is None else {"tool_call_id": said.answers}
        picture = [ImageBlock(url=PICTURE)] if said.picture else []
        blocks = [TextBlock(text=said.text), *picture]
        return ChatMessage(role=said.role, blocks=blocks, additional_kwargs=extra)

    @staticmethod
    def _reply(pieces: Sequence[Any]) -> Reply:
        last = pieces[-1]
        records = [record_of_response(piece) for piece in pieces]
        assert all(record == records[0] for record in records)
        blocks = [b for b in last.message.blocks if b.block_type == "tool_call"]
        calls = tuple(str(block.tool_call_id) for block in blocks)
        text = last.message.content or ""
        return Reply(text, records[0], calls, last.message, len(pieces))
