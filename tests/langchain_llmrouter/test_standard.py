"""LangChain's own suites over a text-only and a multimodal model: nothing is overridden.

The text-only one comes first and raises on pictures: that the suite passes shows that the router
sends them to the other.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import langchain_tests.integration_tests.chat_models as integration
import pytest
from langchain_full_fake import FullFake
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests

from langchain_llmrouter import Always, ChatLLMRouter


class Pool:
    """What both suites are told."""

    @property
    def chat_model_class(self) -> type[ChatLLMRouter]:
        return ChatLLMRouter

    @property
    def chat_model_params(self) -> dict[str, Any]:
        models = {
            "text": FullFake(model="text"),
            "media": FullFake(model="media", multimodal=True),
        }
        return {"models": models, "router": Always(models)}


@pytest.mark.filterwarnings("ignore:api_key has no effect on a router")
class TestUnit(Pool, ChatModelUnitTests):
    """Construction, binding, parameters."""


@pytest.fixture(autouse=True)
def _local_files(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = SimpleNamespace(content=b"\x89PNG", status_code=200)
    monkeypatch.setattr(integration, "httpx", SimpleNamespace(get=lambda *_, **__: answer))


class TestIntegration(Pool, ChatModelIntegrationTests):
    """Calls, with every optional feature on."""

    supports_json_mode = True
    supports_image_inputs = True
    supports_image_urls = True
    supports_pdf_inputs = True
    supports_audio_inputs = True
    supports_image_tool_message = True
    supports_pdf_tool_message = True
    supports_anthropic_inputs = True
    supports_model_override = True
    model_override_value = "media"


def test_pictures_went_to_the_model_that_sees() -> None:
    chat = ChatLLMRouter(**Pool().chat_model_params)
    picture = {"type": "image", "base64": "aaaa", "mime_type": "image/png"}
    answer = chat.invoke([("user", [{"type": "text", "text": "What is this?"}, picture])])
    assert answer.text == "hello from media"
    assert chat.invoke("hi").text == "hello from text"
    assert chat.models["text"].calls == chat.models["text"].calls[:1]
