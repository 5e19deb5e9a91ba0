"""What is made when first wanted: once, whoever comes at the same time, and not for ever."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langchain_fakes import FakeProvider

from langchain_llmrouter import Always, ChatLLMRouter, routing
from langchain_llmrouter.kept import KEPT, Kept

AT_ONCE = 6


def test_who_come_first_at_once_get_the_same_routing(monkeypatch: pytest.MonkeyPatch) -> None:
    chat = ChatLLMRouter({"a": FakeProvider(name_of_model="a")}, Always(["a"]))
    all_are_here, facts_of = threading.Barrier(AT_ONCE), routing.facts_of

    def wait(model: Any) -> Any:
        all_are_here.wait(10)
        return facts_of(model)

    monkeypatch.setattr(routing, "facts_of", wait)
    chat.cache, chat.sticky = False, "conversation"
    with ThreadPoolExecutor(AT_ONCE) as crew:
        got = list(crew.map(lambda _: chat._exchange.routing, range(AT_ONCE)))
    assert len({id(one) for one in got}) == 1
    assert len({id(one.router) for one in (*got, chat._exchange.routing)}) == 1


def test_the_latest_are_kept() -> None:
    kept, made = Kept[int](), []

    def one(number: int) -> None:
        kept.one(lambda known: known == number, lambda: made.append(number) or number)

    for number in (*range(KEPT + 1), *range(1, KEPT + 1), 0):
        one(number)
    assert made == [*range(KEPT + 1), 0]
