"""Saving that is killed at any step, and savers and readers beside each other."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from shared_core import Artifact, ArtifactError, folders
from shared_core.artifacts import read, write

STEPS = {"os.mkdir", "os.rename", "os.remove", "os.rmdir"}
_heed: list[Callable[[str], None]] = []


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    """Tell of whatever is about to change files; hooks stay for good, so this is the only one."""
    if _heed and (event in STEPS or (event == "open" and "w" in str(arguments[1]))):
        _heed[-1](event)


sys.addaudithook(_hook)


class Killed(BaseException):
    """The process is no more."""


@contextmanager
def killed_before(step: int) -> Iterator[list[str]]:
    """From that step on nothing changes any file: the rest of the program may as well not run."""
    steps: list[str] = []

    def heed(event: str) -> None:
        steps.append(event)
        if len(steps) > step:
            raise Killed

    _heed.append(heed)
    try:
        yield steps
    except Killed:
        pass
    finally:
        _heed.pop()


def number(n: int, *, is_small: bool = False) -> Artifact:
    part = Artifact("encoder", {"n": n}, {"ids": np.full(3, n)})
    parts = {} if is_small else {"encoder": part}
    return Artifact("router", {"n": n}, {"weights": np.full(3, n)}, parts)


def found(place: Path) -> int | None:
    try:
        artifact = read(place, "router")
    except ArtifactError as error:
        assert "nothing saved at" in str(error)  # noqa: PT017 - else what is there is damaged
        return None
    assert {part.document["n"] for part in artifact.parts.values()} <= {artifact.document["n"]}
    return int(artifact.document["n"])


def kills(artifact: Artifact, start: Path, now: Path) -> Iterator[Path]:
    """The place after saving there, from that start, was killed before each of its steps."""
    for step in range(100):
        shutil.rmtree(now, ignore_errors=True)
        shutil.copytree(start, now)
        with killed_before(step) as steps:
            write(artifact, now / "router")
        if len(steps) <= step:
            return
        yield now / "router"
    raise AssertionError("it never ends")


@pytest.mark.parametrize("older", [None, 1], ids=["nothing there", "an older one there"])
def test_a_save_killed_at_any_step_happened_or_did_not(older: int | None, tmp_path: Path) -> None:
    start, now = tmp_path / "start", tmp_path / "now"
    start.mkdir()
    if older is not None:
        write(number(older), start / "router")
    seen = []
    for place in kills(number(2), start, now):
        seen.append(found(place))
        was_there = place.exists()
        shutil.rmtree(place, ignore_errors=True)
        assert found(place) == (None if was_there else seen[-1])  # what was deleted stays so
        assert found(write(number(3), place)) == 3
        assert list(now.iterdir()) == [place]
    assert seen == sorted(seen, key=[older, 2].index)
    assert set(seen) == {older, 2} if older else {None}


def test_a_save_after_a_killed_one_may_be_killed_too(tmp_path: Path) -> None:
    start, once, twice = tmp_path / "start", tmp_path / "once", tmp_path / "twice"
    write(number(1, is_small=True), start / "router")
    for place in kills(number(2, is_small=True), start, once):
        before = found(place)
        for again in kills(number(3, is_small=True), once, twice):
            assert found(again) in (before, 3)
            assert found(write(number(4, is_small=True), again)) == 4
            assert list(twice.iterdir()) == [again]


def test_a_failed_save_after_a_killed_one_loses_nothing(tmp_path: Path) -> None:
    start, now = tmp_path / "start", tmp_path / "now"
    write(number(1), start / "router")
    for place in kills(number(2), start, now):
        before = found(place)
        with pytest.raises(ArtifactError, match="cannot save to"):
            write(Artifact("router", {"value": object()}), place)
        assert found(place) == before
        assert list(now.iterdir()) == [place]


@pytest.mark.skipif(sys.platform == "win32", reason="folders have no handles there")
@pytest.mark.parametrize("is_there", [False, True])
def test_a_power_cut_leaves_one_of_the_two(
    is_there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of the new folder is on disk before it takes the place; that is, before the old goes."""
    place = tmp_path / "router"
    if is_there:
        write(number(1), place)
    done: list[object] = []
    rename, remove = Path.rename, shutil.rmtree

    def renamed(path: Path, target: Path) -> Path:
        done.append(path.name if path.name == "fresh" else "older")
        return rename(path, target)

    def removed(path: Path, **others: object) -> None:
        if path.is_dir():
            done.append("deleted")
        remove(path, **others)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "rename", renamed)
    monkeypatch.setattr(shutil, "rmtree", removed)
    monkeypatch.setattr(
        os, "fsync", lambda handle: done.append(os.fstat(int(_number(handle))).st_ino)
    )
    write(number(2), place)
    inodes = {path.stat().st_ino for path in (place, *place.rglob("*"))}
    renames = ["older", "fresh"] if is_there else ["fresh"]
    n = len(inodes)
    assert set(done[:n]) == inodes
    assert done[n:] == [*renames, tmp_path.stat().st_ino, "deleted"]


def _number(handle: object) -> int:
    """Of a file or of its number."""
    return handle if isinstance(handle, int) else handle.fileno()  # type: ignore[attr-defined,no-any-return]


def test_a_full_disk_that_tells_late_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = write(number(1), tmp_path / "router")

    def full(handle: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ArtifactError, match="No space left on device"):
        write(number(2), place)
    assert (found(place), list(tmp_path.iterdir())) == (1, [place])


def test_a_folder_that_gets_the_number_of_a_removed_one_is_another(tmp_path: Path) -> None:
    before, status = folders.identity(tmp_path), tmp_path.stat()
    os.utime(tmp_path, ns=(status.st_atime_ns, status.st_mtime_ns + 1000))
    assert tmp_path.stat().st_ino == status.st_ino
    assert folders.identity(tmp_path) not in (before, None)


@pytest.mark.skipif(sys.platform == "win32", reason="locks of this kind are Unix's")
def test_writers_take_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = write(number(1), tmp_path / "router")
    failed: list[Exception] = []

    def save() -> None:
        try:
            write(number(3), place)
        except ArtifactError as error:
            failed.append(error)

    second, rename = threading.Thread(target=save), Path.rename

    def begin_the_second(path: Path, target: Path) -> Path:
        if path.name == "fresh" and not second.ident:
            second.start()
            second.join(0.1)
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", begin_the_second)
    write(number(2), place)
    second.join()
    assert (failed, found(place), list(tmp_path.iterdir())) == ([], 3, [place])


def test_any_number_may_write_and_read(tmp_path: Path) -> None:
    place = write(number(0), tmp_path / "router")
    told: list[int | Exception | None] = []

    def work(act: Callable[[], int | None]) -> None:
        for _ in range(15):
            try:
                told.append(act())
            except ArtifactError as error:
                told.append(error)

    acts = [lambda n=n: found(write(number(n), place)) for n in (1, 2, 3)]  # type: ignore[misc]
    acts += [lambda: found(place)] * 2
    threads = [threading.Thread(target=work, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == 75
    assert set(told) <= {0, 1, 2, 3}
    assert list(tmp_path.iterdir()) == [place]
