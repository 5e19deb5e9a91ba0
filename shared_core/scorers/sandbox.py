"""The program that runs an answer's code and its tests; a process of its own, see ``code_tests``.

``python -I -S -B sandbox.py`` reads from standard input what to run, and writes ``<folder>.passed``
beside its folder when the tests came to their end. It is run by its path and imports nothing but
the standard library, so nothing of this package is within reach of the answer.
"""

from __future__ import annotations

import builtins
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

# Functions below find their builtins here: what the answer replaces is not what they use.
__builtins__ = dict(vars(builtins))  # type: ignore[assignment]

_LIMITED = (("CPU", "seconds"), ("AS", "memory"), ("FSIZE", "file"), ("CORE", "nothing"))
_LARGEST_FILE = 1 << 20
_NEW_USER_AND_NETWORK = 0x10000000 | 0x40000000

_FORBIDDEN = (
    *("socket.", "subprocess.", "os.exec", "os.fork", "os.spawn", "os.posix_spawn", "os.system"),
    *("os.kill", "os.chdir", "os.fchdir", "os.symlink", "os.link", "ctypes.", "gc.", "resource."),
    *("sqlite3.", "sys.settrace", "sys.setprofile", "signal.pthread_kill", "syslog."),
)
_NOT_IMPORTED = frozenset(
    (
        *("_ctypes", "_posixsubprocess", "_posixshmem", "_dbm", "_gdbm", "readline", "_curses"),
        *("_interpreters", "_xxsubinterpreters", "_testcapi", "_testinternalcapi"),
        *("posix", "_signal"),  # a second copy would have the functions that were taken away
    )
)
_TELL_NO_HOOK = {
    "posix": (
        *("mkfifo", "mknod", "pidfd_open", "memfd_create", "chroot", "nice", "setpriority"),
        *("sched_setaffinity", "sched_setparam", "sched_setscheduler", "setns", "unshare"),
    ),
    "_signal": ("pidfd_send_signal",),
    "_posixsubprocess": ("fork_exec",),
}


def limit(seconds: int, memory: int) -> None:
    """Bound processor time, memory and files, and cut the network off where that is allowed."""
    try:
        import ctypes
        import resource

        most = {"seconds": seconds, "memory": memory, "file": _LARGEST_FILE, "nothing": 0}
        for name, what in _LIMITED:
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (most[what], most[what]))
        ctypes.CDLL(None).unshare(_NEW_USER_AND_NETWORK)
    except (ImportError, AttributeError):
        return  # no Unix: the hook still holds
    for name in ("ctypes", "_ctypes"):
        sys.modules.pop(name, None)


def refuse(*_: Any, **__: Any) -> NoReturn:
    """In place of whatever reaches out."""
    raise PermissionError("not allowed here")


def take_away() -> None:
    """Replace the functions that reach out and tell no audit hook."""
    for name, functions in _TELL_NO_HOOK.items():
        try:
            module = __import__(name)
        except ImportError:
            continue
        for place in (module, os, signal):
            for function in functions:
                if hasattr(place, function):
                    setattr(place, function, refuse)


def hook(own: str, is_over: Callable[[], bool]) -> Callable[[str, Any], None]:
    """An audit hook that refuses whatever reaches out of the folder, until it is over.

    All it needs is bound here, since the answer can clear this module.
    """
    forbidden, not_imported, say_no = _FORBIDDEN, _NOT_IMPORTED, refuse
    writes = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
    separator, null = os.sep, os.devnull
    readable = (own, *sys.path, "/usr/share/zoneinfo", null, "/dev/urandom")
    no_paths = (int, bool, float, tuple, type(None))
    harmless = ("os.putenv", "os.unsetenv", "os.walk", "os.fwalk")  # walks tell of each folder too

    def is_within(path: Any, roots: tuple[str, ...]) -> bool:
        # By methods of strings, which cannot be replaced; those of a subclass are the answer's.
        kind = type(path)
        if kind not in (str, bytes):
            return kind in no_paths
        name = path if kind is str else path.decode("utf-8", "surrogateescape")
        if ".." in name.split(separator):
            return False
        if not name.startswith(separator) and ":" not in name:
            return True
        return any(name == root or name.startswith(root + separator) for root in roots)

    def forbids(event: str, arguments: Any) -> bool:
        if event.startswith(forbidden):
            return True
        if event == "import":
            return arguments[0] in not_imported
        if event == "open":
            path, _, flags = arguments
            return not is_within(path, (own, null) if flags & writes else readable)
        if event in ("os.listdir", "os.scandir"):
            return not is_within(arguments[0], readable)
        if event.startswith("os.") and event not in harmless:
            return not all(is_within(path, (own,)) for path in arguments)
        return False

    def heed(event: str, arguments: Any) -> None:
        if not is_over() and forbids(event, arguments):
            say_no()

    return heed


def run(source: str, tests: str) -> NoReturn:
    """Run the answer, then its tests with the builtins as they were; say so if they end."""
    own, ended = str(Path.cwd()), False
    leave, write, before = os._exit, open, dict(vars(builtins))
    space: dict[str, Any] = {"__name__": "answer", "__builtins__": builtins}
    compiled = compile(tests, "tests", "exec", dont_inherit=True)
    take_away()
    sys.addaudithook(hook(own, lambda: ended))
    for name in [name for name in globals() if name != "__name__"]:
        del globals()[name]
    answer = compile(source, "answer", "exec", dont_inherit=True)
    exec(answer, space)  # noqa: S102 - what this program is for
    space["__builtins__"] = before
    exec(compiled, space)  # noqa: S102
    ended = True
    with write(own + ".passed", "w", encoding="utf-8") as file:
        file.write("passed")
    leave(0)


if __name__ == "__main__":
    told = json.load(sys.stdin)
    limit(told["seconds"], told["memory"])
    run(told["source"], told["tests"])
