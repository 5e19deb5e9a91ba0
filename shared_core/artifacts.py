"""Saving without pickle: a folder of one JSON document, one safetensors file and named parts.

    router/
    ├── router.json            document: format, what it is, its configuration, checksums
    ├── router.safetensors     arrays
    └── encoder/               a part: again a folder of this kind (encoder.json, …)

A folder is written beside its place and renamed into it, so nothing half-written is ever there. The
checksums tell damage and careless edits; they are no signature.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol, runtime_checkable

import numpy as np
import safetensors
import safetensors.numpy

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

    Raises:
        ArtifactError: the place holds something that is not an artifact, or cannot be written.
    """
    place = Path(folder)
    _check_replaceable(place, artifact.kind)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=f".{place.name}-") as scratch:
            fresh = Path(scratch) / "fresh"
            _write_folder(artifact, fresh)
            _exchange(place, fresh, Path(scratch) / "old")
    except (OSError, TypeError, ValueError) as error:
        raise ArtifactError(f"cannot save to {place}: {error}") from error
    return place


def read(folder: str | Path, kind: str) -> Artifact:
    """Read a folder back and check it.

    Raises:
        ArtifactError: not there, of another format, damaged or changed.
    """
    place = Path(folder)
    if place.is_file():
        raise ArtifactError(f"{place} is a file, not the folder of a saved {kind}")
    document = _read_document(place / f"{kind}.json")
    arrays = _read_arrays(place / f"{kind}.safetensors", document.pop("arrays_sha256", ""))
    kinds: dict[str, str] = document.pop("parts", {})
    parts = {name: read(place / _plain(name), _plain(kind)) for name, kind in kinds.items()}
    return Artifact(kind, document, arrays, parts)


def fingerprint(document: Mapping[str, Any], arrays: Arrays) -> str:
    """Short digest of JSON facts and arrays: equal for equal content, on any machine."""
    return _digest(_canonical(document) + safetensors.numpy.save(_sorted(arrays)))[:16]


def _check_replaceable(place: Path, kind: str) -> None:
    if not place.exists() or (place.is_dir() and (place / f"{kind}.json").is_file()):
        return
    if place.is_dir() and not any(place.iterdir()):
        return
    raise ArtifactError(f"{place} exists and holds no saved {kind}: choose another folder")


def _write_folder(artifact: Artifact, folder: Path) -> None:
    folder.mkdir()
    packed = safetensors.numpy.save(_sorted(artifact.arrays))
    document = dict(artifact.document) | {
        "arrays_sha256": _digest(packed),
        "parts": {name: part.kind for name, part in artifact.parts.items()},
    }
    (folder / f"{artifact.kind}.json").write_bytes(_sealed(document))
    (folder / f"{artifact.kind}.safetensors").write_bytes(packed)
    for name, part in artifact.parts.items():
        _write_folder(part, folder / _plain(name))


def _exchange(place: Path, fresh: Path, old: Path) -> None:
    """Put ``fresh`` in its place and what was there aside, or else change nothing."""
    if not place.exists():
        fresh.rename(place)
        return
    place.rename(old)
    try:
        fresh.rename(place)
    except OSError:
        old.rename(place)
        raise


def _sealed(document: Mapping[str, Any]) -> bytes:
    """The document as a file holds it, with its format and checksum; equal for equal documents."""
    whole = {**document, "checksum": _digest(_canonical(document)), "format": FORMAT}
    return (json.dumps(whole, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()


def _read_document(path: Path) -> dict[str, Any]:
    """The document as it was before it was sealed."""
    try:
        held = path.read_bytes()
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
    if held != _sealed(document):
        raise ArtifactError(f"{path} was damaged or edited: its checksum differs")
    return document


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _read_arrays(path: Path, expected: str) -> Arrays:
    try:
        packed = path.read_bytes()
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error}") from error
    if _digest(packed) != expected:
        raise ArtifactError(f"{path} was truncated or changed: its checksum differs")
    try:
        return dict(safetensors.numpy.load(packed))
    except (safetensors.SafetensorError, KeyError, ValueError) as error:
        raise ArtifactError(f"{path} holds no arrays: {error}") from error


def _plain(name: str) -> str:
    if not name.replace("_", "").replace("-", "").isalnum():
        raise ArtifactError(f"{name!r} is no name of a part")
    return name


def _sorted(arrays: Arrays) -> dict[str, np.ndarray[Any, Any]]:
    return {name: np.asarray(arrays[name], order="C") for name in sorted(arrays)}


def _canonical(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
