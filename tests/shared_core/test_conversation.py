"""The right text to judge, where a conversation stands, and what it takes."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared_core.conversation import (
    SAFETY,
    Turn,
    in_tool_loop,
    is_follow_up,
    last_model,
    query_from,
    text_to_judge,
    without_noise,
)
from shared_core.query import ABILITIES, estimate_tokens

SYSTEM = Turn("system", "Be brief.")
ASKED = Turn("user", "Prove that 17 is prime.")
CALLS = Turn("assistant", "", calls=("1", "2"), model="a")
RESULT = Turn("tool", "result", answers="1")
SAID = Turn("assistant", "It is.", model="a")
REMINDER = Turn("user", "<system-reminder>three files changed</system-reminder>")


@pytest.mark.parametrize(
    ("turns", "text"),
    [
        ([], ""),
        ([SYSTEM], "Be brief."),
        ([SYSTEM, ASKED], ASKED.text),
        ([ASKED, CALLS, RESULT], ASKED.text),
        ([ASKED, SAID, Turn("user", "And 18?")], "And 18?"),
        ([ASKED, SAID, REMINDER], ASKED.text),
        ([ASKED, SAID, Turn("user", "And 18? " + REMINDER.text)], "And 18?"),
        ([ASKED, SAID, Turn("user", "continue")], f"{ASKED.text}\ncontinue"),
        ([ASKED, Turn("user", "yes"), SAID, Turn("user", "go on")], f"{ASKED.text}\nyes\ngo on"),
        ([Turn("user", "yes")], "yes"),
        ([Turn("user", "", abilities=("vision",))], ""),
    ],
)
def test_the_newest_human_request_is_judged(turns: list[Turn], text: str) -> None:
    assert text_to_judge(turns) == text


@pytest.mark.parametrize(
    "text",
    [
        *("yes", "Yes, please!", "continue", "go on", "ok 👍", "2", "?", "try again"),
        *("sim", "Sim, por favor.", "vai", "não", "pode continuar", "sí", "sigue"),
        *("oui, vas-y", "d'accord", "ja, bitte", "weiter", "va bene", "да, продолжай"),
        *("继续", "好的。", "はい", "続けて", "네", "계속", "نعم", "हाँ"),
    ],
)
def test_short_follow_ups_are_known_in_several_languages(text: str) -> None:
    assert is_follow_up([ASKED, SAID, Turn("user", text)])
    assert text_to_judge([ASKED, SAID, Turn("user", text)]) == f"{ASKED.text}\n{text}"


@pytest.mark.parametrize(
    "text",
    ["Prove it.", "2 + 2", "yes, but why?", "no tests fail", "da capo?", "继续写第二章的结尾"],
)
def test_a_new_request_is_no_follow_up(text: str) -> None:
    assert not is_follow_up([ASKED, SAID, Turn("user", text)])
    assert text_to_judge([ASKED, SAID, Turn("user", text)]) == text


def test_what_was_asked_before_is_known_as_far_as_the_last_that_says_something() -> None:
    more = [Turn("user", "and in Python?"), SAID, Turn("user", "are you sure?")]
    long = Turn("user", "Prove that there are infinitely many primes.")
    assert query_from([ASKED, long, SAID, *more]).context == f"{long.text}\nand in Python?"
    assert query_from([ASKED]).context == query_from([]).context == ""


def test_a_yes_to_nobody_or_with_a_picture_is_a_request() -> None:
    assert not is_follow_up([Turn("user", "yes")])
    assert not is_follow_up([ASKED, SAID, Turn("user", "this", abilities=("vision",))])


@pytest.mark.parametrize(
    ("turns", "inside"),
    [
        ([], False),
        ([ASKED], False),
        ([ASKED, CALLS], True),
        ([ASKED, CALLS, RESULT], True),
        ([ASKED, CALLS, Turn("user", "result", answers="1")], True),
        ([ASKED, CALLS, RESULT, REMINDER], True),
        ([ASKED, CALLS, RESULT, SYSTEM], True),
        ([ASKED, CALLS, RESULT, SAID], False),
        ([ASKED, CALLS, RESULT, Turn("user", "Stop that.")], False),
    ],
)
def test_a_tool_loop_lasts_until_a_human_hears_back(turns: list[Turn], inside: bool) -> None:
    assert in_tool_loop(turns) is inside


def test_the_newest_record_tells_who_answered_last() -> None:
    assert last_model([ASKED, CALLS, RESULT, Turn("assistant", "x"), ASKED]) == "a"
    assert query_from([ASKED], previous="b").previous == "b"
    assert query_from([ASKED, SAID]).previous == "a"
    assert query_from([ASKED, SAID], previous="b").previous == "b"
    assert query_from([ASKED, SAID], previous=None).previous is None


def test_noise_is_cut_and_only_noise() -> None:
    assert without_noise("a <b>bold</b> <thinking>x</thinking>") == (
        "a <b>bold</b> <thinking>x</thinking>"
    )
    nested = "x<system-reminder>1<system-reminder>2</system-reminder>3</system-reminder>y"
    assert without_noise(nested) == "xy"
    assert without_noise("never closed <system-reminder> stays") == (
        "never closed <system-reminder> stays"
    )
    assert without_noise("</system-reminder>stray") == "</system-reminder>stray"
    assert without_noise("<Environment_Details a='1'>x</environment_details>do") == "do"


words = st.text(max_size=20).filter(lambda text: "<" not in text and ">" not in text)


@given(st.lists(words), st.lists(words, min_size=1))
def test_noise_leaves_the_rest_as_it_is(noise: list[str], said: list[str]) -> None:
    block = "".join(f"<system-reminder>{text}</system-reminder>" for text in noise)
    assert without_noise(block.join(said)) == "".join(said).strip()


def test_needs_and_size_count_everything() -> None:
    picture = Turn("user", "What is this?", abilities=("vision", "vision"))
    alone = query_from([picture])
    assert alone.needs == {"vision"}
    assert alone.tokens is not None
    assert alone.tokens > SAFETY * (estimate_tokens(picture.text) + 2 * 1000)
    full = query_from(
        [SYSTEM, picture], tools=["search(query)" * 900], needs=("tool_choice",), reserved_output=50
    )
    assert full.needs == {"vision", "tools", "tool_choice"}
    assert full.tokens is not None
    assert full.tokens >= alone.tokens + SAFETY * estimate_tokens("search(query)" * 900)
    assert full.sure_tokens > query_from([SYSTEM, picture]).sure_tokens
    assert full.reserved_output == 50
    assert full.needs <= ABILITIES


turns_strategy = st.lists(
    st.tuples(st.sampled_from(("system", "user", "assistant", "tool")), st.text(max_size=30)).map(
        lambda parts: Turn(*parts)
    ),
    max_size=6,
)


@given(turns_strategy, st.text(max_size=100))
def test_more_text_is_never_smaller(turns: list[Turn], text: str) -> None:
    before, after = query_from(turns), query_from([*turns, Turn("user", text)])
    assert before.input_tokens < after.input_tokens
    assert after.prefix_tokens <= after.input_tokens


@given(turns_strategy)
def test_any_conversation_makes_a_query(turns: list[Turn]) -> None:
    query = query_from(turns)
    assert query.text or not any(turn.text.strip() for turn in turns)


def test_what_the_caller_knows_better_wins() -> None:
    query = query_from([ASKED], text="only this", conversation="c", exclude={"a": "is down"})
    assert (query.text, query.conversation, dict(query.exclude)) == (
        "only this",
        "c",
        {"a": "is down"},
    )


def test_sizes_are_told_a_quarter_larger_than_estimated() -> None:
    told = query_from([Turn("user", "x" * 2999)])
    assert (told.tokens, estimate_tokens("x" * 2999)) == (1250, 1000)


@pytest.mark.parametrize("newest", [RESULT, SYSTEM, Turn("user", "And 18?")])
def test_the_last_model_has_read_all_up_to_its_answer_and_the_tools(newest: Turn) -> None:
    turns, tool = [SYSTEM, ASKED, CALLS], "search(query)"
    size = sum(turn.size for turn in turns) + estimate_tokens(tool)
    assert query_from([*turns, newest], tools=[tool]).prefix_tokens == math.ceil(SAFETY * size)
    assert query_from([SYSTEM, ASKED]).prefix_tokens == 0
