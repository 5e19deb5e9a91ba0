"""Each adapter in turn."""

from __future__ import annotations

import pytest
from adapters import Chat
from both_adapters import LangChainChat, LlamaIndexChat


@pytest.fixture(params=[LangChainChat, LlamaIndexChat], ids=["langchain", "llamaindex"])
def adapter(request: pytest.FixtureRequest) -> type[Chat]:
    """Each adapter in turn."""
    return request.param
