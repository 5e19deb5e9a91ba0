"""A chat model that does what LangChain's standard suite asks of a provider, and no more."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, ToolMessage
from langchain_core.output_parsers import JsonOutputParser, PydanticOutputParser
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel, Field

MEDIA = ("image", "image_url", "audio", "input_audio", "file")


class FullFake(BaseChatModel):
    """Says hello, or calls the first (or named) tool with arguments made up from its schema.

    Raises on pictures, sound and files unless it is ``multimodal``.
    """

    model: str
    multimodal: bool = False
    calls: list[list[BaseMessage]] = Field(default_factory=list)
    asked: list[dict[str, Any]] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "full-fake"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": self.model}

    def _resolve_model_profile(self) -> Any:
        media = ("image_inputs", "audio_inputs", "pdf_inputs")
        return {
            "max_input_tokens": 1_000_000,
            "tool_calling": True,
            "structured_output": True,
            **dict.fromkeys(media, self.multimodal),
        }

    def _generate(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        self._look_at(messages)
        self.asked.append({"stop": stop, **kwargs})
        usage = {"input_tokens": 7, "output_tokens": 3, "total_tokens": 10}
        about = {"model_name": self.model, "model_provider": "full-fake"}
        if kwargs.get("response_format"):
            said = AIMessage(json.dumps({"setup": "Why?", "punchline": "Because."}))
        elif kwargs.get("tools") and not isinstance(messages[-1], ToolMessage):
            said = AIMessage("", tool_calls=[self._call(messages, **kwargs)])
        else:
            said = AIMessage(f"hello from {self.model}")
        whole = said.model_copy(update={"usage_metadata": usage, "response_metadata": about})
        return ChatResult(generations=[ChatGeneration(message=whole)])

    def _stream(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        whole: Any = self._generate(messages, stop, None, **kwargs).generations[0].message
        for word in re.findall(r"\S+\s*", whole.content):
            yield ChatGenerationChunk(message=AIMessageChunk(word))
        for index, call in enumerate(whole.tool_calls):
            piece = {"name": call["name"], "args": json.dumps(call["args"]), "id": call["id"]}
            chunk = AIMessageChunk("", tool_call_chunks=[{**piece, "index": index}])
            yield ChatGenerationChunk(message=chunk)
        last = AIMessageChunk(
            "",
            usage_metadata=whole.usage_metadata,
            response_metadata=whole.response_metadata,
            chunk_position="last",
        )
        yield ChatGenerationChunk(message=last)

    def bind_tools(
        self, tools: Any, *, tool_choice: Any = None, **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        shown = [convert_to_openai_tool(tool) for tool in tools]
        return self.bind(tools=shown, tool_choice=tool_choice, **kwargs)

    def with_structured_output(self, schema: Any, **kwargs: Any) -> Any:
        """JSON by ``response_format`` for JSON mode, else by a tool."""
        if kwargs.pop("method", None) != "json_mode":
            kwargs.pop("strict", None)
            return super().with_structured_output(schema, **kwargs)
        is_class = isinstance(schema, type) and issubclass(schema, BaseModel)
        parser: Any = PydanticOutputParser(pydantic_object=schema) if is_class else None
        described = {"kwargs": {"method": "json_mode"}, "schema": convert_to_openai_tool(schema)}
        model = self.bind(
            response_format={"type": "json_object"}, ls_structured_output_format=described
        )
        return model | (parser or JsonOutputParser())

    def _look_at(self, messages: list[BaseMessage]) -> None:
        self.calls.append(list(messages))
        if not self.multimodal and any(map(_has_media, messages)):
            raise ValueError(f"{self.model} cannot look at this")

    def _call(
        self, messages: list[BaseMessage], tools: Any, tool_choice: Any = None, **_: Any
    ) -> Any:
        functions = {tool["function"]["name"]: tool["function"] for tool in tools}
        name = tool_choice if tool_choice in functions else next(iter(functions))
        asked = next(str(m.text) for m in reversed(messages) if m.type == "human")
        schema = functions[name].get("parameters", {})
        args = {
            field: _made_up(about, asked)
            for field, about in schema.get("properties", {}).items()
            if field in schema.get("required", ())
        }
        return {"name": name, "args": args, "id": f"call_{len(self.calls)}", "type": "tool_call"}


def _has_media(message: BaseMessage) -> bool:
    content = message.content if isinstance(message.content, list) else []
    return any(isinstance(block, dict) and block.get("type") in MEDIA for block in content)


def _made_up(about: dict[str, Any], asked: str) -> Any:
    """A value of the right type, taken from the prompt where there is one."""
    if about.get("enum"):
        return about["enum"][0]
    if about.get("type") in ("integer", "number"):
        return int((re.findall(r"\d+", asked) or ["1"])[0])
    if about.get("type") == "array":
        return [_made_up(about.get("items", {}), asked)]
    if about.get("type") == "boolean":
        return True
    return (re.findall(r"'([^']+)'", asked) or ["a word"])[0]
