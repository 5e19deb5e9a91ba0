from __future__ import annotations

import logging
import time

import pytest

from shared_core import RoutingDecision, RoutingEvent
from shared_core.events import tell

EVENT = RoutingEvent("decided", RoutingDecision(("a",), "Some", "policy", "why"), 0.1)


def test_everyone_is_told_in_order() -> None:
    heard: list[tuple[int, RoutingEvent]] = []
    tell([lambda event: heard.append((1, event)), lambda event: heard.append((2, event))], EVENT)
    assert heard == [(1, EVENT), (2, EVENT)]


def test_a_listener_that_raises_is_logged_and_spoils_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    heard: list[RoutingEvent] = []

    def broken(event: RoutingEvent) -> None:
        raise ZeroDivisionError("this listener is broken")

    with caplog.at_level(logging.ERROR, logger="shared_core.events"):
        tell([broken, heard.append], EVENT)
    assert heard == [EVENT]
    (record,) = caplog.records
    assert "broken" in record.getMessage()
    assert "'decided'" in record.getMessage()
    assert record.exc_info
    assert record.exc_info[0] is ZeroDivisionError


def test_what_the_call_was_handling_stays_out_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    def broken(event: RoutingEvent) -> None:
        raise ZeroDivisionError("this listener is broken")

    try:
        raise ConnectionError("401 for the prompt 'my secret'")
    except ConnectionError:
        tell([broken], EVENT)
    assert "this listener is broken" in caplog.text
    assert "my secret" not in caplog.text


def test_an_interrupt_in_a_listener_passes_through() -> None:
    def interrupted(event: RoutingEvent) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tell([interrupted], EVENT)


def test_an_event_knows_when_it_happened() -> None:
    before = time.time()
    assert before <= RoutingEvent("answered", EVENT.decision, 0.0).time <= time.time()
