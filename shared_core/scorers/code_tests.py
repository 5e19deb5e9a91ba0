"""Does the code in the answer pass its tests?"""

from __future__ import annotations

import json
import re
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from shared_core.decision import Answer
from shared_core.query import Query
from shared_core.scorers.base import UNKNOWN, Scorer

_FENCE = re.compile(r"```[ \t]*(?:python|py)?[ \t]*\n(.*?)```", re.DOTALL)

_GUARD: Final = """
import ctypes, json, sys
told = json.load(sys.stdin)
try:
    import resource
    for what, most in (("CPU", told["seconds"]), ("AS", told["memory"]), ("FSIZE", 1 << 20)):
        resource.setrlimit(getattr(resource, f"RLIMIT_{what}"), (most, most))
    ctypes.CDLL(None).unshare(0x10000000 | 0x40000000)  # user and network of its own, if it may
except (ImportError, AttributeError):
    pass  # no Unix: the hook below still holds

FORBIDDEN = ("socket.", "subprocess.", "os.exec", "os.fork", "os.spawn", "os.posix_spawn",
             "os.system", "os.kill", "ctypes.")

def forbid(event, arguments):
    if event.startswith(FORBIDDEN):
        raise PermissionError(event + " is not allowed here")

sys.addaudithook(forbid)
space = {"__name__": "answer"}
exec(compile(told["source"], "answer", "exec"), space)
exec(compile(told["tests"], "tests", "exec"), space)
sys.__stdout__.write("\\n" + told["token"])
"""


@dataclass(frozen=True)
class PassesTests(Scorer):
    """1 when the answer's code passes the query's tests; 0 when not.

    The code runs in a process of its own, isolated from the environment and the installed packages'
    paths of the user, with limits to time, memory and file size, no sockets and no processes. That
    holds against mistakes; code that was written to break out needs a container.

    Args:
        tests: query text -> Python statements that raise where the code is wrong (``assert``).
        seconds: processor time, and half of the wall time that it may take.
        memory: bytes it may address.
    """

    tests: Mapping[str, str] = field(default_factory=dict, repr=False)
    seconds: int = 3
    memory: int = 1 << 29
    is_quick: ClassVar[bool] = False

    def score(self, query: Query, answer: Answer, others: Sequence[Answer] = ()) -> float:
        if query.text not in self.tests:
            return UNKNOWN
        return float(self._passes(code_of(answer.text), self.tests[query.text]))

    def _passes(self, source: str, tests: str) -> bool:
        token = secrets.token_hex(16)
        told = {
            "source": source,
            "tests": tests,
            "token": token,
            "seconds": self.seconds,
            "memory": self.memory,
        }
        with tempfile.TemporaryDirectory(prefix="answer-") as scratch:
            try:
                run = subprocess.run(  # noqa: S603 - our own interpreter, a fixed program
                    [sys.executable, "-I", "-S", "-B", "-c", _GUARD],
                    input=json.dumps(told).encode(),
                    cwd=scratch,
                    env={},
                    capture_output=True,
                    timeout=2 * self.seconds,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                return False
        return run.stdout.endswith(token.encode())

    @classmethod
    def test_parameters(cls) -> Sequence[Mapping[str, Any]]:
        return [{"tests": {"What is 2 + 2?": "assert True"}}]


def code_of(text: str) -> str:
    """The code in the text's fences, or all of the text when it has none."""
    return "\n".join(_FENCE.findall(text)) or text
