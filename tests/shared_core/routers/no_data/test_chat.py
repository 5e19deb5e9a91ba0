"""A text that is itself a chat is judged as the messages it is made of."""

from __future__ import annotations

import time

import pytest

from shared_core import Candidate, ColdStartRouter, ModelPool, Query
from shared_core.routers.no_data.chat import from_chat

TWO = ModelPool(
    [
        Candidate(name="nano", input_price=0.05, output_price=0.1),
        Candidate(name="grand", input_price=5, output_price=15),
    ]
)
RULES = "Escalate chest pain, stroke and overdose. Prove each dose of warfarin correct."
HARD = "My father has crushing chest pain and takes warfarin with amiodarone. What now?"
CHATS = {
    "labels": "SYSTEM: {rules}\nUSER: {first}\nASSISTANT: I see.\nUSER: {last}",
    "role": "You are a careful nurse. {rules}\n\nUser: {first}\nAssistant: I see.\nUser: {last}\n"
    "Assistant:",
    "tu es": "Tu es une infirmière. {rules}\n\nUtilisateur : {first}\nAssistant : Bien.\n"
    "Utilisateur : {last}",
    "customer": "Customer: {first}\nAgent: I see.\nCustomer: {last}",
    "marks": "<|system|>\n{rules}\n<|user|>\n{first}\n<|assistant|>\nI see.\n<|user|>\n{last}\n"
    "<|assistant|>",
    "chatml": "<|im_start|>system\n{rules}<|im_end|>\n<|im_start|>user\n{first}<|im_end|>\n"
    "<|im_start|>assistant\nI see.<|im_end|>\n<|im_start|>user\n{last}<|im_end|>\n"
    "<|im_start|>assistant\n",
    "llama": "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\n{rules}<|eot_id|>"
    "<|start_header_id|>user<|end_header_id|>\n\n{first}<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\nI see.<|eot_id|>"
    "<|start_header_id|>user<|end_header_id|>\n\n{last}<|eot_id|>",
    "titles": "### System\n{rules}\n### User\n{first}\n### Assistant\nI see.\n### User\n{last}\n"
    "### Assistant\n",
    "boxes": "[SYSTEM] {rules}\n[USER] {first}\n[ASSISTANT] I see.\n[USER] {last}",
    "json": '{{"model": "auto", "messages": [{{"role": "system", "content": "{rules}"}}, '
    '{{"role": "user", "content": [{{"type": "text", "text": "{first}"}}]}}, '
    '{{"role": "assistant", "content": "I see."}}, {{"role": "user", "content": "{last}"}}]}}',
    "inst": "<s>[INST] <<SYS>>\n{rules}\n<</SYS>>\n\n{first} [/INST] I see. </s>"
    "<s>[INST] {last} [/INST]",
}


@pytest.mark.parametrize("chat", CHATS.values(), ids=CHATS)
def test_the_last_turn_is_asked_and_the_one_before_is_its_context(chat: str) -> None:
    text = chat.format(rules=RULES, first=HARD, last="thanks, what is 20% of 45?")
    said = from_chat(Query(text))
    assert (said.text, said.context) == ("thanks, what is 20% of 45?", HARD)
    router = ColdStartRouter(TWO)
    assert router.route(text).model == "nano"
    assert router.route(chat.format(rules=RULES, first="hi", last=HARD)).model == "grand"


@pytest.mark.parametrize("chat", CHATS.values(), ids=CHATS)
def test_thanks_for_an_answer_are_small_talk_and_doubts_are_not(chat: str) -> None:
    router = ColdStartRouter(TWO)
    assert router.route(chat.format(rules=RULES, first=HARD, last="thanks")).model == "nano"
    assert router.route(chat.format(rules=RULES, first=HARD, last="are you sure?")).model == "grand"


@pytest.mark.parametrize("chat", CHATS.values(), ids=CHATS)
def test_a_crisis_before_a_goodbye_stays_one(chat: str) -> None:
    text = chat.format(rules=RULES, first="I have the pills lined up on my desk", last="bye")
    assert ColdStartRouter(TWO).route(text).model == "grand"


def test_what_nobody_answered_is_asked_still() -> None:
    for text in (
        f"System: Be kind.\nUser: {HARD}\nUser: thanks",
        f"System: Be kind.\nUser: {HARD}\nAssistant:\nUser: thanks",
        f"User: hi\nAssistant: Hello!\n\n{HARD}",
    ):
        assert HARD in from_chat(Query(text)).text
        assert ColdStartRouter(TWO).route(text).model == "grand"


@pytest.mark.parametrize(
    "before",
    ["Please review this therapy chat: is the patient at risk of a lithium overdose?",
     "You are a pharmacist. Check whether the doses of warfarin in this chat are safe.",
     "You are a doctor. 3 week old with fever 38.6 and not feeding well, can this wait",
     "You are a doctor. Não aguento mais viver.",
     "You are a doctor. My father has crushing chest pain and takes warfarin with amiodarone."],
)  # fmt: skip
def test_a_question_before_a_chat_counts(before: str) -> None:
    text = f"{before}\n\nUser: hi\nAssistant: Hello!\nUser: thanks"
    assert from_chat(Query(text)).text == text
    assert ColdStartRouter(TWO).route(text).model == "grand"


@pytest.mark.parametrize(
    "text", ["System: Be kind.", "From: Jane\nUser: jane", "hi", "", "[/INST]"]
)
def test_what_is_no_chat_stays_as_it_is(text: str) -> None:
    assert from_chat(Query(text)).text == text


def test_the_conversation_that_a_chat_is_part_of_comes_first() -> None:
    text = "System: Be kind.\nUser: first\nAssistant: Yes.\nUser: what is the second one?"
    assert from_chat(Query(text, context="before")).context == "before\nfirst"


@pytest.mark.parametrize(
    "text",
    ["User:\n" * 20_000, "System:" + "\n" * 90_000, "User: a\nAI:" + " \t" * 90_000 + "x",
     "<|user|>" * 20_000, "User: a\nAI: b" + "\n" * 90_000 + "x", "#" * 90_000,
     "#" + " " * 90_000 + "x", "### User\n" * 10_000, "[USER]" * 20_000],
)  # fmt: skip
def test_no_chat_is_looked_for_for_long(text: str) -> None:
    started = time.perf_counter()
    from_chat(Query(text))
    assert time.perf_counter() - started < 5
