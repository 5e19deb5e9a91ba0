"""Saving without pickle: a folder of one JSON document, one safetensors file and named parts.

    router/
    ├── router.json            document: format, what it is, its configuration, checksums
    ├── router.safetensors     arrays
    └── encoder/               a part: again a folder of this kind (encoder.json, …)

A folder is replaced whole, see ``folders``, so nothing half-written is ever there.

A document seals the arrays beside it and the documents of its parts. The checksums tell damage,
careless edits and parts of something else; they are no signature.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol, runtime_checkable

import numpy as np
import safetensors
import safetensors.numpy

from shared_core import folders
from shared_core.errors import ArtifactError

FORMAT: Final = 1

Arrays = Mapping[str, np.ndarray[Any, Any]]


@dataclass(frozen=True)
class Artifact:
    """Something that can be written as a folder.

    Args:
        kind: stem of the two files, such as ``router`` or ``encoder``.
        document: JSON-ready facts.
        arrays: named arrays.
        parts: folder name -> artifact in it.
    """

    kind: str
    document: Mapping[str, Any]
    arrays: Arrays = field(default_factory=dict)
    parts: Mapping[str, Artifact] = field(default_factory=dict)


@runtime_checkable
class Saveable(Protocol):
    """Something that says what saving it writes."""

    def artifact(self) -> Artifact: ...


def write(artifact: Artifact, folder: str | Path) -> Path:
    """Write the folder whole or not at all; replaces an older artifact there, and nothing else.

    Others may read it meanwhile. Of a symbolic link, what it leads to is written.

    Raises:
        ArtifactError: the place holds something that is not an artifact, or cannot be written.
    """
    try:
        place = folders.place_of(folder)
        with folders.replacing(place) as fresh:
            _check_replaceable(place, artifact.kind)
            _write_folder(artifact, fresh)
    except (OSError, TypeError, ValueError, RecursionError) as error:
        raise ArtifactError(f"cannot save to {folder}: {error}") from error
    return Path(folder)


def check_place(folder: str | Path, kind: str) -> None:
    """For those with long work ahead: tell beforehand what ``write`` would refuse.

    Raises:
        ArtifactError: the place holds something that is not an artifact of that kind, or nothing
            can be written there.
    """
    try:
        place = folders.place_of(folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        _check_replaceable(folders.standing(place), kind)
    except (OSError, ValueError) as error:
        raise ArtifactError(f"cannot save to {folder}: {error}") from error
    if not os.access(place.parent, os.W_OK | os.X_OK):
        raise ArtifactError(f"cannot save to {folder}: {place.parent} is not for you to write to")


def read(folder: str | Path, kind: str) -> Artifact:
    """Read a folder back and check it; again where another took its place meanwhile.

    Raises:
        ArtifactError: not there, of another format, damaged or changed.
    """
    while True:
        before = _seen(folder)
        try:
            artifact = _read_folder(before[0], kind)
        except ArtifactError:
            if before == _seen(folder):
                raise
        else:
            if before == _seen(folder):
                return artifact


def fingerprint(document: Mapping[str, Any], arrays: Arrays) -> str:
    """Short digest of JSON facts and arrays: equal for equal content, on any machine."""
    return _digest(_canonical(document) + safetensors.numpy.save(_sorted(arrays)))[:16]


def _seen(folder: str | Path) -> tuple[Path, tuple[int, int] | None]:
    """Where the folder is just now; equal as long as nothing takes its place."""
    found = folders.standing(folders.place_of(folder))
    return found, folders.identity(found)


def _check_replaceable(place: Path, kind: str) -> None:
    if place.name in ("", "..") or place.is_mount():
        raise ArtifactError("it cannot be renamed, as saving does: choose a folder in it")
    if not place.exists() or (place.is_dir() and not any(place.iterdir())):
        return
    if not (place / f"{kind}.json").is_file():
        raise ArtifactError(f"{place} exists and holds no saved {kind}: choose another folder")
    for held in _strangers(place, kind):
        raise ArtifactError(f"{held} is no part of a {kind} saved there: choose another folder")


def _strangers(folder: Path, kind: str) -> Iterator[Path]:
    """What is in the folder beside an artifact of that kind; its document, where it is none."""
    path = folder / f"{kind}.json"
    try:
        parts = _names(_read_document(path).get("parts", {}), path)
    except ArtifactError:
        yield path
        return
    for held in sorted(folder.iterdir()):
        if held.name in parts and held.is_dir() and not held.is_symlink():
            yield from _strangers(held, parts[held.name])
        elif held.name not in (path.name, f"{kind}.safetensors"):
            yield held


def _write_folder(artifact: Artifact, folder: Path) -> str:
    """Write a folder that isn't there; the digest of its document, which seals all of it."""
    folder.mkdir()
    packed = safetensors.numpy.save(_sorted(artifact.arrays))
    (folder / f"{artifact.kind}.safetensors").write_bytes(packed)
    digests = {
        name: _write_folder(part, folder / _plain(name)) for name, part in artifact.parts.items()
    }
    document = _sealed(
        dict(artifact.document)
        | {
            "arrays_sha256": _digest(packed),
            "parts": {name: part.kind for name, part in artifact.parts.items()},
            "parts_sha256": digests,
        }
    )
    (folder / f"{artifact.kind}.json").write_bytes(document)
    return _digest(document)


def _read_folder(place: Path, kind: str, expected: str | None = None) -> Artifact:
    """The artifact in a folder, whose document has the expected digest where one is given."""
    if os.path.isfile(place):  # noqa: PTH113 - unlike pathlib's, it takes any name
        raise ArtifactError(f"{place} is a file, not the folder of a saved {kind}")
    path = place / f"{kind}.json"
    document = _read_document(path, expected)
    arrays = _read_arrays(place / f"{kind}.safetensors", document.pop("arrays_sha256", ""))
    kinds = _names(document.pop("parts", {}), path)
    digests = _names(document.pop("parts_sha256", {}), path)  # older ones lack them
    parts = {
        name: _read_folder(_inside(place, name), _plain(kind), digests.get(name))
        for name, kind in kinds.items()
    }
    return Artifact(kind, document, arrays, parts)


def _names(told: Any, path: Path) -> dict[str, str]:
    """What a document tells of each part."""
    if not (isinstance(told, dict) and all(isinstance(one, str) for one in told.values())):
        raise ArtifactError(f"{path} does not name its parts as it should")
    return told


def _sealed(document: Mapping[str, Any]) -> bytes:
    """The document as a file holds it, with its format and checksum; equal for equal documents."""
    whole = {**document, "checksum": _digest(_canonical(document)), "format": FORMAT}
    return (json.dumps(whole, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()


def _read_document(path: Path, expected: str | None = None) -> dict[str, Any]:
    """The document as it was before it was sealed."""
    try:
        held = _bytes_of(path)
        document = json.loads(held, parse_constant=_refuse)
    except FileNotFoundError as error:
        raise ArtifactError(f"nothing saved at {path.parent}: no {path.name} there") from error
    except (OSError, ValueError, RecursionError) as error:
        raise ArtifactError(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(document, dict):
        raise ArtifactError(f"{path} is no saved {path.stem}: not a JSON object")
    if document.pop("format", None) != FORMAT:
        raise ArtifactError(
            f"{path} is not of format {FORMAT}, the one this version reads: "
            "save it again with this version, or install the version that wrote it"
        )
    document.pop("checksum", None)
    if not _is_seal_of(held, document):
        raise ArtifactError(f"{path} was damaged or edited: its checksum differs")
    if expected not in (None, _digest(held)):
        raise ArtifactError(f"{path} is not the one that was saved there: its digest differs")
    return document


def _is_seal_of(held: bytes, document: Mapping[str, Any]) -> bool:
    try:
        return held == _sealed(document)
    except (ValueError, RecursionError):  # numbers beyond floats, too deep: never written
        return False


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _read_arrays(path: Path, expected: str) -> Arrays:
    try:
        packed = _bytes_of(path)
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error}") from error
    if _digest(packed) != expected:
        raise ArtifactError(f"{path} was truncated or changed: its checksum differs")
    try:
        return dict(safetensors.numpy.load(packed))
    except (safetensors.SafetensorError, KeyError, ValueError) as error:
        raise ArtifactError(f"{path} holds no arrays: {error}") from error


def _bytes_of(path: Path) -> bytes:
    """What the file holds; of what is no file, such as a pipe, no end might ever come."""
    if path.exists() and not path.is_file():
        raise ArtifactError(f"{path} is no file")
    return path.read_bytes()


def _plain(name: str) -> str:
    if not name.replace("_", "").replace("-", "").isalnum():
        raise ArtifactError(f"{name!r} is no name of a part")
    return name


def _inside(folder: Path, name: str) -> Path:
    """A part's folder: one that leads elsewhere could hold the others any number of times."""
    part = folder / _plain(name)
    if part.is_symlink():
        raise ArtifactError(f"{part} is a symbolic link, which saving writes for no part")
    return part


def _sorted(arrays: Arrays) -> dict[str, np.ndarray[Any, Any]]:
    return {name: np.asarray(arrays[name], order="C") for name in sorted(arrays)}


def _canonical(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
