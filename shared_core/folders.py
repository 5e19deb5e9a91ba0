"""Folders that are replaced whole, whoever reads, writes or is killed meanwhile.

A folder is made in ``.saving-<name>`` beside its place and renamed into it; an older one is renamed
into there first. What is in there says how far its writer came:

    fresh         being made: nothing has happened to the place
    fresh, older  between the two renames: the place is empty, and ``older`` is what stands there
    older         only the clearing away is left

So ``older`` counts as long as ``fresh`` is beside it, and the rename that ends this is the one that
fills the place. Writers take turns; each puts back and clears away first what a killed one left.
Readers wait for nobody.

The folder is on disk before it takes the place, and has taken it there before an older one is
deleted: after a power cut one of the two is there, whole.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

if sys.platform != "win32":
    import fcntl


def place_of(folder: str | Path) -> Path:
    """Where the folder is to stand: at the end of a symbolic link, if it is one."""
    is_link = os.path.islink(folder)  # noqa: PTH114 - unlike pathlib's, it takes any name
    return Path(os.path.realpath(folder) if is_link else folder)


def standing(place: Path) -> Path:
    """The place, or where its folder is while the place is empty between two renames."""
    fresh, older = _aside(place)
    is_between = not identity(place) and identity(fresh) and identity(older)
    return older if is_between else place


def identity(folder: Path) -> tuple[int, int] | None:
    """Equal as long as nothing replaces the folder; None where there is none."""
    try:
        found = folder.stat()
    except (OSError, ValueError):
        return None
    return found.st_ino, found.st_mtime_ns


@contextmanager
def replacing(place: Path) -> Iterator[Path]:
    """Where to make the folder that then takes the place; the place keeps its own on any error.

    Where the file system knows no locks, that only one writes at a time is up to the caller.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    with _turn(place.parent):
        _settle(place)
        fresh, older = _aside(place)
        try:
            fresh.parent.mkdir()
            yield fresh
            _to_disk(fresh)
            if place.exists():
                place.rename(older)
                shutil.copymode(older, fresh)
            fresh.rename(place)
            _sync_folder(place.parent)
        finally:
            _settle(place)


def _aside(place: Path) -> tuple[Path, Path]:
    """Where the fresh folder is made, and where the older one waits."""
    scratch = place.parent / f".saving-{place.name}"
    return scratch / "fresh", scratch / "older"


def _to_disk(folder: Path) -> None:
    """Wait until all in there would outlast a power cut: soon nothing else holds it."""
    for root, _, names in os.walk(folder):
        for name in names:
            with Path(root, name).open("rb+") as file:
                os.fsync(file)
        _sync_folder(Path(root))


def _sync_folder(folder: Path) -> None:
    """Wait until the names in the folder are on disk, where the file system can tell."""
    if sys.platform == "win32":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without
            os.fsync(handle)
    finally:
        os.close(handle)


def _settle(place: Path) -> None:
    """Put back what a writer that came to no end took away; clear away the rest."""
    if (found := standing(place)) != place:
        found.rename(place)
    fresh, _ = _aside(place)
    shutil.rmtree(fresh, ignore_errors=True)  # first: without it, the older one counts no more
    shutil.rmtree(fresh.parent, ignore_errors=True)


@contextmanager
def _turn(parent: Path) -> Iterator[None]:
    """Keep other writers out of the folder; whoever is killed keeps nobody out."""
    if sys.platform == "win32":
        yield
        return
    handle = os.open(parent, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        with suppress(OSError):  # a process forked meanwhile has the handle too
            fcntl.flock(handle, fcntl.LOCK_UN)
        os.close(handle)
