"""What is made of what judges say."""

from __future__ import annotations

import pytest

from shared_core.scorers.replies import choice_of, grade_of, verdict_of


@pytest.mark.parametrize(
    ("text", "grade"),
    [
        ("8", 8),
        ("8.", 8),
        ("**8**", 8),
        ("[[8]]", 8),
        ("8/10", 8),
        ("10 out of 10", 10),
        ("0.9", 0.9),
        ("9.5", 9.5),
        ("0, it is wrong", 0),
        ("Score: 8/10", 8),
        ("Score: **8**/10", 8),
        ("**Score:** 8", 8),
        ("Grade:\n8", 8),
        ("Grade (0-10): 8", 8),
        ("Rating: 7.5 out of 10", 7.5),
        ("I give it a grade of 8.", 8),
        ('{"score": 8}', 8),
        ('```json\n{"grade": "8", "reason": "2 errors"}\n```', 8),
        ("8\n\nThe answer has 2 errors.", 8),
        ("8/10. The answer gives 2 reasons.", 8),
        ("On a scale from 0 to 10, this is an 8.", 8),
        ("<think>2+2=4, the answer is right.</think>\n9", 9),
        ("2+2=4, so 10.</think>\n\n9", 9),
    ],
)
def test_grades_are_read(text: str, grade: float) -> None:
    assert grade_of(text) == pytest.approx(grade / 10)


@pytest.mark.parametrize(
    "text",
    [
        "", "ten", "11", "-1", "score -1", "Grade: 100%", "80%", "4/5", "Score: 4/5", "7,5", "7-8",
        "8 to 9", "8.5-9", "2+2=4", "GPT4", "The answer has 2 errors, so 7", "<think>9 is too",
        "Clarity score: 9, style score: 7", "1" * 400,
    ],
)  # fmt: skip
def test_what_is_no_grade_or_several_is_none(text: str) -> None:
    assert grade_of(text) is None


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("Yes.", True),
        ("**Yes**", True),
        ("Right: yes", True),
        ("not wrong", True),
        ("There is no mistake: yes", True),
        ("Yes, that's correct; nothing is wrong.", True),
        ("<think>Is it right? No mistakes found.</think> Yes", True),
        ("no", False),
        ("No\n\nThe capital is Rome.", False),
        ("Right: no", False),
        ("incorrect", False),
        ("not correct", False),
        ("It is not right.", False),
        ("It isn’t entirely right.", False),
        ("It is not the right answer", False),
        ("No, the right answer is 5.", False),
        ("It is wrong. The correct answer is 56.", False),
        ("", None),
        ("hm", None),
        ("Yes and no", None),
        ("No mistakes found.", None),
        ('{"correct": false}', None),
        ("I am not sure whether it is right", None),
    ],
)
def test_verdicts_are_read(text: str, verdict: bool | None) -> None:
    assert verdict_of(text) is verdict


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("A", 1),
        ("b.", 0),
        ("**A**", 1),
        ("[[B]]", 0),
        ("Better: A", 1),
        ("Answer: B", 0),
        ("A, because B lacks reasons", 1),
        ("Answer **A** is clearly better than Answer B.", 1),
        ("The better answer is B.", 0),
        ("<think>A is good.</think>B", 0),
        ("tie", 0.5),
        ("A tie.", 0.5),
        ("Both are equal", 0.5),
        ("A better answer is B", None),
        ("A and B", None),
        ("", None),
    ],
)
def test_choices_are_read(text: str, choice: float | None) -> None:
    assert choice_of(text) == choice
