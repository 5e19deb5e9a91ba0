"""Does the code in the answer pass its tests?"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final

from shared_core.checks import check_counts, check_kinds
from shared_core.decision import Answer
from shared_core.query import Query
from shared_core.scorers.base import UNKNOWN, Scorer

_FENCE = re.compile(r"```[ \t]*(?:python|py)?[ \t]*\n(.*?)```", re.DOTALL)

_SANDBOX: Final = Path(__file__).with_name("sandbox.py")


@dataclass(frozen=True)
class PassesTests(Scorer):
    """1 when the answer's code passes the query's tests; 0 when not.

    The code runs in a process of its own, isolated from the environment and the installed packages,
    with limits to time, memory and file size, no sockets, no processes, and no files but those of
    an empty folder; only the standard library can be read. It passes when the tests came to their
    end: leaving early, printing or replacing builtins is no way to pass. That holds against
    mistakes and shortcuts; code that was written to break out needs a container, and tests that
    trust the answer's own ``==`` can be told anything.

    Args:
        tests: query text -> Python statements that raise where the code is wrong (``assert``).
        seconds: processor time, and half of the wall time that it may take.
        memory: bytes it may address.
    """

    tests: Mapping[str, str] = field(default_factory=dict, repr=False)
    seconds: int = 3
    memory: int = 1 << 29
    is_quick: ClassVar[bool] = False
    runs_code: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_kinds(Mapping, tests=self.tests)
        check_counts(seconds=self.seconds, memory=self.memory)

    def score(self, query: Query, answer: Answer, others: Sequence[Answer] = ()) -> float:
        if query.text not in self.tests:
            return UNKNOWN
        return float(self._passes(code_of(answer.text), self.tests[query.text]))

    def _passes(self, source: str, tests: str) -> bool:
        told = {
            "source": source,
            "tests": tests,
            "seconds": self.seconds,
            "memory": self.memory,
        }
        with tempfile.TemporaryDirectory(prefix="answer-") as scratch:
            own = Path(scratch).resolve() / "own"
            own.mkdir()
            try:
                subprocess.run(  # noqa: S603 - our own interpreter, a fixed program
                    [sys.executable, "-I", "-S", "-B", str(_SANDBOX)],
                    input=json.dumps(told).encode(),
                    cwd=own,
                    env={"TMPDIR": str(own)},
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    timeout=2 * self.seconds,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                return False
            verdict = own.with_name("own.passed")
            return verdict.is_file() and verdict.read_text("utf-8") == "passed"

    @classmethod
    def test_parameters(cls) -> Sequence[Mapping[str, Any]]:
        return [{"tests": {"What is 2 + 2?": "assert True"}}]


def code_of(text: str) -> str:
    """The code in the text's fences, or all of the text when it has none."""
    return "\n".join(_FENCE.findall(text)) or text
