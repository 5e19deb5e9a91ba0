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

from shared_core.decision import Answer
from shared_core.query import Query
from shared_core.scorers.base import UNKNOWN, Scorer

_FENCE = re.compile(r"```[ \t]*(?:python|py)?[ \t]*\n(.*?)```", re.DOTALL)

_GUARD: Final = """
import builtins, json, os, sys
__builtins__ = dict(vars(builtins))  # what the answer replaces is not what is used here

def limit(seconds, memory):
    try:
        import ctypes, resource
        for what, most in (("CPU", seconds), ("AS", memory), ("FSIZE", 1 << 20), ("CORE", 0)):
            resource.setrlimit(getattr(resource, "RLIMIT_" + what), (most, most))
        ctypes.CDLL(None).unshare(0x10000000 | 0x40000000)  # user and network of its own, if it may
    except (ImportError, AttributeError):
        pass  # no Unix: the hook still holds
    for name in ("ctypes", "_ctypes"):
        sys.modules.pop(name, None)

def hooked(own, is_over):
    forbidden = ("socket.", "subprocess.", "os.exec", "os.fork", "os.spawn", "os.posix_spawn",
                 "os.system", "os.kill", "os.chdir", "os.fchdir", "os.symlink", "os.link",
                 "ctypes.", "gc.", "resource.", "sqlite3.", "sys.settrace", "sys.setprofile")
    not_imported = {"_ctypes", "_posixsubprocess", "_dbm", "_gdbm", "_interpreters",
                    "_xxsubinterpreters", "_testcapi", "_testinternalcapi"}
    writes = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
    sep, null = os.sep, os.devnull
    readable = (own, *sys.path, "/usr/share/zoneinfo", null, "/dev/urandom")

    def refuse(*arguments, **options):
        raise PermissionError("not allowed here")

    def is_within(path, roots):  # by methods of strings: they cannot be replaced
        if not isinstance(path, (str, bytes)):
            return True
        name = path if isinstance(path, str) else path.decode("utf-8", "surrogateescape")
        if ".." in name.split(sep):
            return False
        if not name.startswith(sep) and ":" not in name:
            return True
        return any(name == root or name.startswith(root + sep) for root in roots)

    def forbid(event, arguments):
        if is_over():
            return
        if event.startswith(forbidden):
            refuse()
        if event == "import" and arguments[0] in not_imported:
            refuse()
        if event == "open":
            path, mode, flags = arguments
            if not is_within(path, (own, null) if flags & writes else readable):
                refuse()
        elif event in ("os.listdir", "os.scandir"):
            if not is_within(arguments[0], readable):
                refuse()
        elif event.startswith(("os.", "shutil.")) and event not in ("os.putenv", "os.unsetenv"):
            if not all(is_within(path, (own,)) for path in arguments):
                refuse()

    try:
        import _posixsubprocess  # tells no hook what it starts
        _posixsubprocess.fork_exec = refuse
    except ImportError:
        pass
    return forbid

def run(source, tests):
    own, ended = os.getcwd(), False
    leave, write, before = os._exit, open, dict(vars(builtins))
    space = {"__name__": "answer", "__builtins__": builtins}
    tests = compile(tests, "tests", "exec")
    sys.addaudithook(hooked(own, lambda: ended))
    for name in ("__builtins__", "hooked", "limit", "run"):
        del globals()[name]
    exec(compile(source, "answer", "exec"), space)
    space["__builtins__"] = before
    exec(tests, space)
    ended = True
    with write(own + ".passed", "w") as file:
        file.write("passed")
    leave(0)

told = json.load(sys.stdin)
limit(told["seconds"], told["memory"])
run(told["source"], told["tests"])
"""


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
                    [sys.executable, "-I", "-S", "-B", "-c", _GUARD],
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
