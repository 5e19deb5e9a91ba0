"""The questions, graders and collector behind the shipped outcomes."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from shared_core import small_models

FOLDER = Path(__file__).parents[2] / "examples" / "collect_outcomes"


@pytest.fixture(scope="module")
def collect() -> ModuleType:
    sys.path.insert(0, str(FOLDER))
    try:
        import collect  # type: ignore[import-not-found]
    finally:
        sys.path.remove(str(FOLDER))
    return collect


@pytest.fixture(scope="module")
def questions(collect: ModuleType) -> list[Any]:
    found: list[Any] = collect.all_questions()
    return found


def test_there_are_many_questions_of_many_kinds(questions: list[Any]) -> None:
    kinds = Counter(question.dataset for question in questions)
    assert len(questions) >= 400
    assert len(kinds) >= 10
    assert min(kinds.values()) >= 30
    assert len({question.id for question in questions}) == len(questions)
    assert len({question.prompt for question in questions}) == len(questions)
    assert {question.language for question in questions} == {"en", "pt"}


@pytest.mark.slow
def test_every_reference_is_right_and_an_evasion_is_not(questions: list[Any]) -> None:
    for question in questions:
        assert question.score(question.reference) == 1, question.id
        for evasion in ("", "I don't know.", "Sorry, I can't help with that"):
            assert question.score(evasion) == 0, question.id


def test_the_answer_to_another_question_is_rarely_right(questions: list[Any]) -> None:
    cheap = [q for q in questions if q.grader not in ("code", "regex")]
    lucky = sum(
        one.score(other.reference)
        for one, other in zip(cheap, [*cheap[17:], *cheap[:17]], strict=True)
    )
    assert lucky / len(cheap) < 0.06


@pytest.mark.parametrize(
    ("grader", "args", "right", "wrong"),
    [
        (
            "number",
            {"expected": 391.0, "given": [17.0, 23.0]},
            ["391", "17 * 23 = 391", "The answer is **391**.", "$391.00", r"\boxed{391}"],
            ["17 * 23 = 390", "3910", "39.1", "23"],
        ),
        ("number", {"expected": 1234.5, "decimal_comma": True}, ["1.234,5", "1234.5"], ["12345"]),
        (
            "phrase",
            {"accepted": ["Canberra"], "rivals": ["Sydney"]},
            ["It is Canberra.", "CANBERRA", "Canberra, not Sydney"],
            ["Sydney, not Canberra", "not Canberra", "Canberran"],
        ),
        (
            "exact",
            {"expected": "olleh"},
            ["olleh", '"olleh"', "It is: olleh."],
            ["hello", "oll eh"],
        ),
        (
            "json_fields",
            {"expected": {"name": "Ana", "age": 30}},
            ['{"name": "Ana", "age": 30}', '```json\n{"age": "30", "name": "ana"}\n```'],
            ["Ana, 30", '["Ana", 30]'],
        ),
        (
            "code",
            {"function": "double", "cases": [[[2], 4], [[0], 0]]},
            [
                "def double(x):\n    return 2 * x",
                "```python\ndef double(x): return x + x\n```\nEasy!",
            ],
            [
                "def double(x):\n    return x + 2 * bool(x) - 1",
                "def double(x):\n    while True: pass",
                "def double(x):\n    return [0] * 10**10",
                "import os\nos._exit(0)",
                "print('double')",
            ],
        ),
        (
            "regex",
            {"matches": ["2024-01-31"], "rejects": ["24-1-31", "2024-01-31x"]},
            [r"\d{4}-\d{2}-\d{2}", r"`^\d{4}-\d{2}-\d{2}$`", r"r'\d{4}(-\d{2}){2}'"],
            [r"\d+", "[", r"(\d+)*\1+$"],
        ),
        (
            "sql",
            {
                "schema": "CREATE TABLE t(a); INSERT INTO t VALUES (1), (2);",
                "expected": [[3]],
            },
            ["SELECT SUM(a) FROM t", "```sql\nSELECT 3;\n```"],
            ["SELECT a FROM t", "DROP TABLE t", "SELEC"],
        ),
    ],
)
def test_graders_look_through_decoration_and_no_further(
    grader: str,
    args: Mapping[str, Any],
    right: list[str],
    wrong: list[str],
    collect: ModuleType,
) -> None:
    from graders import grade  # type: ignore[import-not-found]  # on the path with collect

    assert [grade(grader, args, answer) for answer in right] == [1.0] * len(right)
    assert [grade(grader, args, answer) for answer in wrong] == [0.0] * len(wrong)


def test_a_run_goes_on_where_it_stopped(
    collect: ModuleType, questions: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, asked = collect.MODELS[0], list[str]()

    def ask(served: object, question: Any, is_base: bool) -> dict[str, Any]:
        asked.append(question.id)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return {"id": question.id, "prompt": question.prompt, "answer": "42"}

    class Served:
        def __enter__(self) -> Served:
            return self

        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr(collect, "ask", ask)
    monkeypatch.setattr(collect, "checked", lambda path, sha256: path)
    monkeypatch.setattr(collect, "serve_gguf", lambda *_, **__: Served())
    log = tmp_path / "log.jsonl"
    with pytest.raises(KeyboardInterrupt):
        collect.ask_all(model, tmp_path, questions[:5], log)
    with log.open("a", encoding="utf-8") as file:
        file.write('{"id": "cut o')
    collect.ask_all(model, tmp_path, questions[:5], log)
    expected = [question.id for question in questions[:5]]
    assert asked == [*expected[:3], *expected[2:]]
    assert [row["id"] for row in collect.read_log(log)] == expected


def test_the_shipped_table_is_what_the_graders_say(questions: list[Any]) -> None:
    table, pool = small_models()
    by_id = {question.id: question for question in questions}
    assert len(table) >= 400
    assert len(pool) >= 3
    for row, name in enumerate(table.columns["query_id"]):
        question = by_id[name]
        assert table.queries[row] == question.prompt
        for column, model in enumerate(table.models):
            if question.grader in ("code", "regex"):
                continue  # run a program each: the reference test above does
            score = question.score(table.answers[model][row])
            assert table.score[row, column] == pytest.approx(score, abs=5e-4), (name, model)


def test_the_shipped_files_are_small_and_carry_no_paths() -> None:
    folder = FOLDER.parents[1] / "shared_core" / "outcomes" / "small_models"
    files = list(folder.iterdir())
    assert sum(path.stat().st_size for path in files) < 2_000_000
    card = json.loads((folder / "models.json").read_text(encoding="utf-8"))
    assert all(
        {"licence", "source", "input_price", "output_price"} <= set(c) for c in card.values()
    )
