"""Of the JSON an application sends, what a human asks in it is judged."""

from __future__ import annotations

import time

import pytest

from shared_core import Candidate, ColdStartRouter, Query
from shared_core.routers.no_data.asked import asked
from shared_core.routers.no_data.chat import from_chat

TWO = [
    Candidate(name="nano", input_price=0.05, output_price=0.1),
    Candidate(name="grand", input_price=5, output_price=15),
]
ENVELOPES = {
    "message": '{"tenant": "acme", "session_id": "9f1c-22ab", "message": "%s", "retry": 0}',
    "event": '{"event": {"type": "message", "user": "U12", "text": "%s", "ts": "17.2"}}',
    "input": '{"input": {"question": "%s", "chat_history": []}, "config": {"tags": ["a"]}}',
    "prompt": ' {"Prompt": "%s", "max_tokens": 20, "stop": null}\n',
    "list": '[{"type": "human", "content": "%s"}]',
}


@pytest.mark.parametrize("envelope", ENVELOPES.values(), ids=ENVELOPES)
def test_the_question_is_judged_and_not_its_envelope(envelope: str) -> None:
    router = ColdStartRouter(TWO)
    for text in ("hi", "what is 2+2", "thanks, bye"):
        assert router.route(envelope % text).model == "nano"
    for text in ("warfarin dose with amiodarone", "prove that sqrt 2 is irrational"):
        assert router.route(envelope % text).model == "grand"


def test_how_deep_a_question_lies_is_no_matter() -> None:
    assert asked('{"data": [' * 400 + '{"text": "hi"}' + "]}" * 400) == ("hi",)


@pytest.mark.parametrize(
    "text",
    ['{"message": "interpret", "labs": {"K": 7.1, "creatinine": 3}}',
     '{"query": "dose", "drug": "warfarin", "with": "amiodarone"}',
     '{"message": "ok?", "pregnant": true}',
     '{"text": "hi", "instruction": "Prove the theorem of Sylow."}',
     '{"messages": [{"role": "user", "content": "and now?"}], "drug": "warfarin"}',
     '{"name": "x", "description": "prove that P != NP"}',
     '{"message": "hi", "history": ["prove the Riemann hypothesis"]}'],
)  # fmt: skip
def test_what_else_is_sent_counts_where_it_speaks_of_something(text: str) -> None:
    assert ColdStartRouter(TWO).route(text).model == "grand"


@pytest.mark.parametrize(
    "text",
    ['{"a": 1}', "[1, 2]", '{"message": ""}', '{"message": 5}', "{message: hi}", "{}", "[]",
     '{"messages": [{"role": ["user"]}]}', '{"messages": [1]}', "1", '{"message": {}}',
     '{"messages": [{"role": "user", "content": null}]}', "[" * 20_000 + "]" * 20_000,
     '{"message": ' + "1" * 6000 + "}"],
)  # fmt: skip
def test_what_holds_no_question_stays_as_it_is(text: str) -> None:
    assert from_chat(Query(text)).text == text
    assert asked(text) == (text,)


@pytest.mark.parametrize(
    "text",
    ["{" * 90_000 + "}", '{"k":' * 50_000 + "}", '{"message": "' + "x " * 90_000 + '"}',
     "[" + '{"role": "user", "content": "hi"}, ' * 5_000 + "1]"],
)  # fmt: skip
def test_no_payload_is_read_for_long(text: str) -> None:
    started = time.perf_counter()
    from_chat(Query(text))
    asked(text)
    assert time.perf_counter() - started < 5
