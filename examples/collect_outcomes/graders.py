"""Graders: how right an answer is, from 0 to 1.

Each takes the model's answer and arguments that are plain JSON, so a question can say in data how
it is to be graded. They look through decoration (a full sentence, markdown, quotes, units,
thousands separators) but never guess what a wrong answer may have meant.
"""

from __future__ import annotations

import json
import re
import secrets
import sqlite3
import subprocess
import sys
import tempfile
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

SANDBOX_SECONDS = 5.0
SQL_SECONDS = 2.0

_NUMBER = re.compile(r"(?<![\w.,])[-\u2212]?\d+(?:[.,]\d+)*(?![\d])")
_FENCE = re.compile(r"```[ \t]*[\w+-]*[ \t]*\n?(.*?)(?:```|\Z)", re.DOTALL)
_WRAPPING = " \t\r\n\"'`*_“”‘’«»$"
_NUMBER_WORDS = {
    word: value
    for words in (
        "zero one two three four five six seven eight nine ten eleven twelve",
        "zero um dois três quatro cinco seis sete oito nove dez onze doze",
    )
    for value, word in enumerate(words.split())
}


def grade(grader: str, args: Mapping[str, Any], answer: str) -> float:
    """The score of an answer by the grader of that name.

    Raises:
        KeyError: no such grader.
    """
    return GRADERS[grader](answer, **args)


def number(
    answer: str,
    expected: float,
    given: Sequence[float] = (),
    tolerance: float = 0.0,
    decimal_comma: bool = False,
) -> float:
    """1 when the number the answer settles on is the expected one.

    That is the last number after an equals sign or "answer is" where there is one, else the last
    number that the question did not give. Accepts thousands separators, currency, units, and words
    from zero to twelve standing alone; with ``decimal_comma`` both 3,5 and 3.5.
    """
    word = plain(answer)
    if word in _NUMBER_WORDS:
        return float(_NUMBER_WORDS[word] == expected)
    found = _settled_number(_without_math_markup(answer), {*given} - {expected}, decimal_comma)
    close = any(abs(value - expected) <= tolerance + 1e-9 for value in found)
    return float(close)


def _settled_number(text: str, given: set[float], decimal_comma: bool) -> set[float]:
    """What the settled number may mean: several readings where a comma is ambiguous, else one."""
    tail = re.split(r"=|≈|\banswer is\b|\bresposta é\b", text)[-1]
    for part in (tail, text):
        readings = [_readings(found, decimal_comma) for found in _NUMBER.findall(part)]
        if fresh := [reading for reading in readings if not reading & given]:
            return fresh[-1]
    return set()


def _readings(text: str, decimal_comma: bool) -> set[float]:
    text = text.replace("\u2212", "-")
    english = re.fullmatch(r"-?\d{1,3}(,\d{3})+(\.\d+)?|-?\d+(\.\d+)?", text)
    found = {float(text.replace(",", ""))} if english else set()
    latin = re.fullmatch(r"-?\d{1,3}(\.\d{3})+(,\d+)?|-?\d+(,\d+)?", text)
    if decimal_comma and latin:
        found.add(float(text.replace(".", "").replace(",", ".")))
    return found


def numbers_in(text: str) -> list[float]:
    """All numbers of a text, read the English way."""
    return [value for found in _NUMBER.findall(text) for value in _readings(found, False)]


def _without_math_markup(text: str) -> str:
    text = re.sub(r"\\boxed\{([^}]*)\}|\\[()\[\]]|\\text\{[^}]*\}", r" \1 ", text)
    return re.sub(r"(?<=\d)[  ](?=\d{3}\b)|[$€£*_`]|R\$", "", text)


def phrase(answer: str, accepted: Sequence[str], rivals: Sequence[str] = ()) -> float:
    """1 when the answer names something accepted, before any rival, and does not deny it.

    Compared as whole words, without case, accents and punctuation. Only the first paragraph counts.
    """
    text = plain(answer.strip().split("\n\n")[0])
    ours = _first_mention(text, accepted)
    if ours is None or re.search(r"\b(not|nao)$", text[:ours].rstrip()):
        return 0.0
    theirs = _first_mention(text, rivals)
    return float(theirs is None or ours < theirs)


def option(answer: str, expected: float, options: Sequence[float]) -> float:
    """1 when the first of the options' numbers that the answer names is the expected one."""
    named = [value for value in numbers_in(answer) if value in options]
    return float(named[:1] == [expected])


def _first_mention(text: str, phrases: Iterable[str]) -> int | None:
    starts = [
        found.start()
        for p in phrases
        if (found := re.search(rf"(?<!\w){re.escape(plain(p))}(?!\w)", text))
    ]
    return min(starts, default=None)


def plain(text: str) -> str:
    """Lower case, no accents, and single spaces for the rest; can't is cant."""
    bare = "".join(
        c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c)
    )
    whole = re.sub(r"(?<=n)['’](?=t\b)", "", bare.replace("ß", "ss"))
    return re.sub(r"[\W_]+", " ", whole).strip()


def exact(answer: str, expected: str, ignore_case: bool = False) -> float:
    """1 when the answer is the expected text, letter for letter.

    Accepts it alone, in quotes or a code block, after a colon or "is", on a line of its own, and
    with a full stop; items of a list may be separated by commas with or without a space.
    """
    fold = str.casefold if ignore_case else str
    wanted = _tidy(fold(expected))
    return float(any(_tidy(fold(text)) == wanted for text in _spoken(answer)))


def _spoken(answer: str) -> Iterator[str]:
    """The parts of an answer that may be what was asked for."""
    body = unfenced(answer)
    yield body
    yield from (line for line in body.splitlines() if line.strip())
    yield from re.findall(r"[\"“`]([^\"“”`]+)[\"”`]", body)[-1:]
    for mark in (":", " is ", " é ", "->", "→"):
        yield body.rpartition(mark)[2]


def _tidy(text: str) -> str:
    text = text.strip(_WRAPPING).rstrip(".").strip(_WRAPPING)
    return re.sub(r"\s+", " ", re.sub(r"\s*,\s*", ", ", text))


def unfenced(answer: str) -> str:
    """The first code block of an answer; the whole answer where it has none."""
    found = _FENCE.search(answer)
    return (found.group(1) if found else answer).strip("\n")


def json_fields(answer: str, expected: Mapping[str, Any]) -> float:
    """The share of fields that are right, of all fields expected or invented.

    The first JSON object of the answer counts. Texts are compared without case and outer spaces;
    a number may come as a text.
    """
    found = _first_object(answer)
    if found is None:
        return 0.0
    right = sum(_same(found.get(key), value) for key, value in expected.items())
    return right / len({*expected, *found})


def _first_object(text: str) -> dict[str, Any] | None:
    decoder = json.JSONDecoder()
    for start in (match.start() for match in re.finditer(r"\{", text)):
        try:
            found, _ = decoder.raw_decode(text, start)
        except ValueError:
            continue
        return found if isinstance(found, dict) else None
    return None


def _same(found: Any, expected: Any) -> bool:
    if isinstance(expected, list):
        return (
            isinstance(found, list)
            and len(found) == len(expected)
            and all(map(_same, found, expected))
        )
    if isinstance(expected, bool) or expected is None:
        return found is expected
    return str(found).strip().casefold() == str(expected).casefold() or _as_float(found) == expected


def _as_float(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def code(answer: str, function: str, cases: Sequence[Sequence[Any]]) -> float:
    """1 when the function passes all cases; each is a list of arguments and the result.

    The answer may be a code block, or plain code with prose after it. It runs in a fresh isolated
    interpreter with limits on time, memory and files written. That stops accidents, not attackers.
    """
    source = _python_source(answer)
    return float(bool(source) and _in_sandbox(_CALL, source, function, cases))


def _python_source(answer: str) -> str:
    """The code in an answer: its first block, else from def or import to where prose begins."""
    lines = unfenced(answer).splitlines()
    starts = [n for n, line in enumerate(lines) if re.match(r"(def|import|from|class|@)\b", line)]
    if not starts:
        return ""
    kept = lines[starts[0] :]
    while kept and not _compiles("\n".join(kept)):
        kept.pop()
    return "\n".join(kept)


def _compiles(source: str) -> bool:
    try:
        compile(source, "answer", "exec")
    except (SyntaxError, ValueError):
        return False
    return True


def regex(answer: str, matches: Sequence[str], rejects: Sequence[str]) -> float:
    """1 when the pattern matches all of ``matches`` in full and none of ``rejects``.

    Accepts the pattern alone, in backticks, quotes, slashes, a raw string or a code block, anchored
    or not. It runs in the sandbox, so a pattern that backtracks for ever scores 0.
    """
    return float(_in_sandbox(_FULLMATCH, _pattern(answer), "", [list(matches), list(rejects)]))


def _pattern(answer: str) -> str:
    text = unfenced(answer).strip()
    if found := re.search(r"`([^`\n]+)`", text):
        text = found.group(1)
    text = text.splitlines()[0].strip() if text else ""
    for wrapped in (r"r?'(.*)'", r'r?"(.*)"', r"/(.*)/[gimsu]*"):
        if found := re.fullmatch(wrapped, text):
            return found.group(1)
    return text


_LIMITS = """
import importlib.util, json, sys
if importlib.util.find_spec("resource"):
    import resource
    for what, most in (("CPU", 3), ("AS", 1 << 29), ("FSIZE", 1 << 20)):
        resource.setrlimit(getattr(resource, f"RLIMIT_{what}"), (most, most))
told = json.load(sys.stdin)
"""
_CALL = (
    _LIMITS
    + """
spec = importlib.util.spec_from_file_location("solution", "solution.txt.py")
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
call = getattr(module, told["function"])
plain = lambda value: json.loads(json.dumps(value))
if all(plain(call(*args)) == expected for args, expected in told["cases"]):
    print("\\n" + told["token"])
"""
)
_FULLMATCH = (
    _LIMITS
    + """
import re
pattern = re.compile(open("solution.txt.py", encoding="utf-8").read())
matches, rejects = told["cases"]
if all(map(pattern.fullmatch, matches)) and not any(map(pattern.fullmatch, rejects)):
    print("\\n" + told["token"])
"""
)


def _in_sandbox(check: str, source: str, function: str, cases: Sequence[Any]) -> bool:
    """Whether the check ended well; it proves so by printing a token only it was told."""
    token = secrets.token_hex(8)
    told = json.dumps({"function": function, "cases": cases, "token": token})
    with tempfile.TemporaryDirectory() as scratch:
        Path(scratch, "solution.txt.py").write_text(source, encoding="utf-8")
        try:
            run = subprocess.run(
                [sys.executable, "-I", "-B", "-c", check],
                input=told,
                cwd=scratch,
                env={},
                capture_output=True,
                text=True,
                timeout=SANDBOX_SECONDS,
                check=False,
            )
        except (subprocess.TimeoutExpired, UnicodeDecodeError):
            return False
    return run.stdout.endswith(f"{token}\n")


def sql(
    answer: str, schema: str, expected: Sequence[Sequence[Any]], ordered: bool = False
) -> float:
    """1 when the query returns the expected rows; in any order unless ``ordered``.

    Columns count by position, not by name; numbers may differ by rounding. The database is made
    afresh from ``schema`` and refuses everything but reading.
    """
    query = _select(answer)
    rows = None if query is None else _rows(schema, query)
    if rows is None:
        return 0.0
    found, wanted = [_row(row) for row in rows], [_row(row) for row in expected]
    return float(found == wanted if ordered else Counter(found) == Counter(wanted))


def _select(answer: str) -> str | None:
    found = re.search(r"\b(select|with)\b.*", unfenced(answer), re.IGNORECASE | re.DOTALL)
    return re.split(r";|\n\s*\n", found.group(0))[0].strip(" `\n") if found else None


def _rows(schema: str, query: str) -> list[tuple[Any, ...]] | None:
    allowed = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION}
    connection = sqlite3.connect(":memory:")
    try:
        connection.executescript(schema)
        deadline = time.monotonic() + SQL_SECONDS
        connection.set_authorizer(
            lambda action, *_: sqlite3.SQLITE_OK if action in allowed else sqlite3.SQLITE_DENY
        )
        connection.set_progress_handler(lambda: time.monotonic() > deadline, 10_000)
        return connection.execute(query).fetchmany(1000)
    except (sqlite3.Error, sqlite3.Warning):
        return None
    finally:
        connection.close()


def _row(values: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(round(float(v), 2) if isinstance(v, int | float) else v for v in values)


GRADERS: Mapping[str, Callable[..., float]] = {
    "number": number,
    "phrase": phrase,
    "option": option,
    "exact": exact,
    "json_fields": json_fields,
    "code": code,
    "regex": regex,
    "sql": sql,
}
