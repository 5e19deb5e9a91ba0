"""Code that is right, wrong, endless, greedy, or wants out."""

from __future__ import annotations

import socket
import sys
import time
from pathlib import Path

import pytest

from shared_core import Answer, PassesTests

unix = pytest.mark.skipif(sys.platform == "win32", reason="limits and forks are Unix's")


def passes(source: str, tests: str, seconds: int = 2) -> bool:
    score = PassesTests({"q": tests}, seconds=seconds)("q", Answer("m", source))
    assert score in (0.0, 1.0)
    return bool(score)


def denied(attempt: str) -> bool:
    """Whether the attempt is refused, and nothing else goes wrong."""
    indented = "\n".join(f"    {line}" for line in attempt.splitlines())
    source = f"denied = False\ntry:\n{indented}\nexcept PermissionError:\n    denied = True\n"
    return passes(source, "assert denied")


@pytest.mark.parametrize(
    ("source", "tests", "expected"),
    [
        ("def f(x):\n    return 2 * x", "assert f(2) == 4", True),
        ("def f(x):\n    return 3 * x", "assert f(2) == 4", False),
        ("def f(x) return", "assert f(2) == 4", False),
        ("Here:\n```python\ndef f(x):\n    return 2 * x\n```\nDone.", "assert f(2) == 4", True),
        ("print('x' * 5_000_000)\nf = len", "assert f('ab') == 2", True),
    ],
)  # fmt: skip
def test_right_code_passes_and_wrong_code_does_not(source: str, tests: str, expected: bool) -> None:
    assert passes(source, tests) is expected


def test_the_standard_library_and_files_of_ones_own_are_there() -> None:
    source = """
import asyncio, bisect, collections, dataclasses, datetime, decimal, enum, functools, hashlib
import heapq, itertools, json, math, os, pathlib, random, re, shutil, statistics, string, subprocess
import tempfile, threading, typing, unittest, zoneinfo
Point = collections.namedtuple("Point", "x y")
@dataclasses.dataclass
class Box:
    size: int
def f():
    with open("note.txt", "w") as file:
        file.write("kept")
    os.mkdir("folder")
    os.rename("note.txt", "folder/note.txt")
    with tempfile.TemporaryFile("w+") as file:
        file.write("too")
    note = pathlib.Path("folder", "note.txt")
    shutil.copy(note, pathlib.Path("folder", "copy.txt"))
    os.utime(note, (1.0, 2))
    names = [name for _, _, names in os.walk(note.parent) for name in sorted(names)]
    found = []
    thread = threading.Thread(target=found.append, args=(Point(1, Box(2).size),))
    thread.start()
    thread.join()
    return open("folder/note.txt").read(), os.listdir("."), names
"""
    assert passes(source, "assert f() == ('kept', ['folder'], ['copy.txt', 'note.txt'])")


@pytest.mark.parametrize(
    "attempt",
    [
        "import socket\nsocket.socket()",
        "import socket\nsocket.getaddrinfo('localhost', 80)",
        "import subprocess\nsubprocess.run(['true'])",
        "import os\nos.system('true')",
        "import os\nos.kill(os.getppid(), 0)",
        "import ctypes",
        "import os\nos.listdir('/')",
        "import os\nos.listdir('..')",
        "import os\nos.remove('/nowhere/x')",
        "import os\nos.mkdir('../x')",
        "import os\nos.rename('x', '../own.passed')",
        "import os\nos.symlink('/etc', 'x')",
        "import os\nos.chdir('/')",
        "import shutil\nshutil.rmtree('../own')",
        "import shutil\nshutil.copyfile('/etc/passwd', 'x')",
        "open('/etc/passwd').read()",
        "open(b'/etc/passwd').read()",
        "import pathlib\npathlib.Path('/etc/passwd').read_text()",
        "open('/proc/self/environ').read()",
        "open('../own.passed', 'w')",
        "import os\nopen(os.__file__, 'a')",
        "import sqlite3\nsqlite3.connect('/nowhere/x.db')",
        "import gc\ngc.get_objects()",
        "import _io\n_io.FileIO('/etc/passwd')",
        "import _io, pathlib\n_io.FileIO(pathlib.Path('/etc/passwd'))",
        "import _socket\n_socket.socket()",
        "import importlib\nimportlib.import_module('ctypes')",
    ],
)
def test_what_reaches_out_is_refused(attempt: str) -> None:
    assert denied(attempt)


@unix
@pytest.mark.parametrize(
    "attempt",
    [
        "import os\nos.fork()",
        "import os\nos.posix_spawn('/bin/true', ['true'], {})",
        "import os\nos.execv('/bin/true', ['true'])",
        "import _posixsubprocess\n_posixsubprocess.fork_exec()",
        "import sys\ndel sys.modules['_posixsubprocess']\nimport _posixsubprocess",
        "import multiprocessing\nmultiprocessing.get_context('fork').Process().start()",
        "import resource\nresource.setrlimit(resource.RLIMIT_CPU, (999, 999))",
        "import os, signal\nsignal.pidfd_send_signal(os.pidfd_open(os.getppid()), 9)",
        "import sys\ndel sys.modules['posix']\nimport posix",
        "import os\nos.mkfifo('/nowhere/pipe')",
        "import _posixshmem",
    ],
)
def test_no_process_is_started_and_no_limit_lifted(attempt: str) -> None:
    assert denied(attempt)


@pytest.mark.parametrize(
    "cheat",
    [
        "import os; os._exit(0)",
        "import sys; sys.exit(0)",
        "raise SystemExit",
        "import atexit, os; atexit.register(os._exit, 0)",
        "print('passed')",
        "import sys; sys.__stdout__.write('passed')",
        "import builtins\nbuiltins.exec = lambda *_: None",
        "import builtins\nbuiltins.compile = lambda *_: (lambda: 0).__code__",
        "import builtins\nbuiltins.AssertionError = type('E', (), {})",
        "import builtins\nbuiltins.sum = lambda _: 4",
        "import json, sys\nsys.modules['__main__'].run = print",
        "import os\nos.mkfifo('../own.passed')",
        "import os\nos.mknod('../own.passed')",
    ],
)  # fmt: skip
def test_leaving_early_or_tampering_is_no_way_to_pass(cheat: str) -> None:
    assert not passes(cheat, "assert sum([1, 2]) == 4")


@pytest.mark.parametrize(
    "tampering",
    [
        "import builtins\nbuiltins.any = builtins.isinstance = lambda *_: True",
        "import builtins\nbuiltins.PermissionError = builtins.print",
        "import sys\nmain = sys.modules['__main__']\nvars(main).clear()",
        "import posixpath\nposixpath.realpath = posixpath.abspath = lambda _: 'x'",
        "import os\nos.sep = '|'\nos.getcwd = lambda: '/'",
        "class name(str):\n    split = lambda *_: []\n    startswith = lambda *_: True",
        "class name(bytes):\n    __init__ = lambda *_: None\n    decode = lambda *_: 'x'\n"
        "    __new__ = lambda kind, text: bytes.__new__(kind, text.encode())",
        "class name:\n    def __init__(self, text): self.text = text\n"
        "    __fspath__ = lambda self: self.text",
    ],
)
def test_what_refuses_cannot_be_talked_round(tampering: str) -> None:
    tampering = f"import _io\nname = str\n{tampering}\n"
    for opened in ("open", "_io.FileIO"):
        attempt = f"{tampering}{opened}(name('../own.passed'), 'wb').write(b'passed')"
        assert not passes(attempt, "assert False")
        assert not passes(f"{tampering}{opened}(name('/etc/passwd')).read()", "pass")


def test_nobody_is_called_and_nothing_is_written_outside(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        port = server.getsockname()[1]
        source = f"import socket\nsocket.create_connection(('127.0.0.1', {port}))"
        assert not passes(source, "pass")
        with pytest.raises(TimeoutError):
            server.accept()
    outside = tmp_path / "note.txt"
    for attempt in (
        f"open({str(outside)!r}, 'w').write('x')",
        f"import os\nos.open({str(outside)!r}, os.O_CREAT | os.O_WRONLY)",
        f"import pathlib\npathlib.Path({str(outside)!r}).touch()",
    ):
        assert not passes(attempt, "pass")
        assert not outside.exists()


def test_this_package_is_out_of_reach() -> None:
    assert passes(
        "", "try:\n    import shared_core\nexcept ImportError:\n    pass\nelse:\n    1 / 0"
    )


@pytest.mark.slow
@unix
@pytest.mark.parametrize(
    "bomb",
    [
        "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass",
        "from threading import *\nwhile True:\n    Thread(target=Event().wait).start()",
    ],
)
def test_bombs_go_off_alone(bomb: str) -> None:
    began = time.monotonic()
    assert not passes(bomb, "pass", seconds=1)
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("source", ["while True: pass", "import time\ntime.sleep(60)"])
def test_what_does_not_end_is_ended(source: str) -> None:
    began = time.monotonic()
    assert not passes(source, "pass", seconds=1)
    assert time.monotonic() - began < 20


@unix
@pytest.mark.parametrize(
    "source",
    [
        "x = bytearray(10**10)",
        "x = []\nwhile True: x.append(bytearray(10**7))",
        "with open('x', 'wb') as file: file.write(bytes(10**8))",
    ],
)
def test_memory_and_files_are_bounded(source: str) -> None:
    assert not passes(source, "pass")


def test_a_thread_left_behind_does_not_keep_the_verdict() -> None:
    source = "import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()"
    assert passes(source, "pass")


def test_the_environment_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-sentinel")
    assert passes("import os", "assert set(os.environ) <= {'TMPDIR', 'LC_CTYPE', 'SYSTEMROOT'}")


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert passes("open('x', 'w').write('x')", "pass")
    assert list(tmp_path.iterdir()) == []
