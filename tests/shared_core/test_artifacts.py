from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from small_world import TRAIN, outcomes

from shared_core import Artifact, ArtifactError, KNNRouter, Router
from shared_core.artifacts import _sealed, check_place, fingerprint, read, write

SMALL = Artifact(
    "router",
    {"router": "Nobody", "config": {"k": 3}, "list": [1, 2.5, None, "é \ud800"]},
    {"weights": np.arange(4, dtype=np.float32)},
    {"encoder_": Artifact("encoder", {"name": "inner"}, {"ids": np.arange(3, dtype=np.int64)})},
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec=None), max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)  # fmt: skip
own_keys = {"format", "checksum", "arrays_sha256", "parts", "parts_sha256"}
documents = st.dictionaries(
    st.text(min_size=1, max_size=8).filter(lambda key: key not in own_keys), json_values, max_size=4
)
arrays = st.dictionaries(
    st.text("abc_", min_size=1, max_size=5),
    st_numpy.arrays(
        st.sampled_from([np.float32, np.float16, np.int64, np.uint8, np.bool_]),
        st_numpy.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
    ),
    max_size=3,
)


def files(folder: Path) -> Iterator[Path]:
    """All files of a saved thing."""
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def reseal(path: Path, **changes: Any) -> None:
    """Change the document as somebody does who knows its checksum; what becomes None goes."""
    document = json.loads(path.read_text()) | changes
    kept = {name: value for name, value in document.items() if value is not None}
    path.write_bytes(_sealed({name: kept[name] for name in kept.keys() - {"format", "checksum"}}))


def assert_equal(mine: Artifact, other: Artifact) -> None:
    """Bit for bit the same."""
    assert (mine.kind, dict(mine.document)) == (other.kind, dict(other.document))
    assert set(mine.arrays) == set(other.arrays)
    for name, array in mine.arrays.items():
        assert array.dtype == other.arrays[name].dtype
        assert array.shape == other.arrays[name].shape
        assert array.tobytes() == other.arrays[name].tobytes()
    assert set(mine.parts) == set(other.parts)
    for name, part in mine.parts.items():
        assert_equal(part, other.parts[name])


def test_what_is_written_is_read(tmp_path: Path) -> None:
    place = write(SMALL, tmp_path / "deep" / "er" / "router")
    assert_equal(read(place, "router"), SMALL)
    assert [str(path.relative_to(place)) for path in files(place)] == [
        "encoder_/encoder.json",
        "encoder_/encoder.safetensors",
        "router.json",
        "router.safetensors",
    ]


@settings(max_examples=60, deadline=None)
@given(document=documents, arrays=arrays)
def test_anything_json_and_any_array_survives(
    tmp_path_factory: pytest.TempPathFactory, document: dict[str, object], arrays: dict[str, object]
) -> None:
    artifact = Artifact("router", document, arrays)  # type: ignore[arg-type]
    place = write(artifact, tmp_path_factory.mktemp("any") / "router")
    assert_equal(read(place, "router"), artifact)


def test_equal_content_gives_equal_bytes_and_fingerprints(tmp_path: Path) -> None:
    turned = Artifact(
        "router",
        dict(reversed(SMALL.document.items())),
        {"weights": np.asfortranarray(SMALL.arrays["weights"])},
        SMALL.parts,
    )
    first, second = write(SMALL, tmp_path / "1"), write(turned, tmp_path / "2")
    assert [path.read_bytes() for path in files(first)] == [
        path.read_bytes() for path in files(second)
    ]
    assert fingerprint(SMALL.document, SMALL.arrays) == fingerprint(turned.document, turned.arrays)
    changed = {"weights": SMALL.arrays["weights"] + 1}
    assert fingerprint(SMALL.document, SMALL.arrays) != fingerprint(SMALL.document, changed)


def test_every_flipped_byte_is_noticed(tmp_path: Path) -> None:
    place = write(SMALL, tmp_path / "router")
    for path in files(place):
        whole = path.read_bytes()
        for index in range(len(whole)):
            flipped = whole[index] ^ (0x01, 0x20, 0x80)[index % 3]
            path.write_bytes(whole[:index] + bytes([flipped]) + whole[index + 1 :])
            with pytest.raises(ArtifactError):
                read(place, "router")
        path.write_bytes(whole)
    read(place, "router")


def test_every_truncation_is_noticed(tmp_path: Path) -> None:
    place = write(SMALL, tmp_path / "router")
    for path in files(place):
        whole = path.read_bytes()
        for length in range(len(whole)):
            path.write_bytes(whole[:length])
            with pytest.raises(ArtifactError):
                read(place, "router")
        path.write_bytes(whole + b"\n")
        with pytest.raises(ArtifactError):
            read(place, "router")
        path.unlink()
        with pytest.raises(ArtifactError):
            read(place, "router")
        path.write_bytes(whole)


@pytest.fixture(scope="module")
def saved_router(tmp_path_factory: pytest.TempPathFactory) -> Path:
    router = KNNRouter(outcomes().models, k=3, shrinkage=1.0).fit(outcomes())
    return router.save(tmp_path_factory.mktemp("saved") / "router")


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_a_damaged_router_is_never_loaded(saved_router: Path, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(list(files(saved_router))))
    whole = path.read_bytes()
    index = data.draw(st.integers(0, len(whole) - 1))
    flip = data.draw(st.integers(1, 255))
    cut = data.draw(st.booleans())
    damaged = (
        whole[:index] if cut else whole[:index] + bytes([whole[index] ^ flip]) + whole[index + 1 :]
    )
    try:
        path.write_bytes(damaged)
        with pytest.raises(ArtifactError):
            Router.load(saved_router)
    finally:
        path.write_bytes(whole)


@pytest.mark.parametrize("number", [0, 2, 99, "1", None, [1]])
def test_another_format_is_told(number: object, tmp_path: Path) -> None:
    path = write(SMALL, tmp_path / "router") / "router.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": number}))
    with pytest.raises(
        ArtifactError, match=r"router\.json is not of format 1, the one this versio"
    ):
        read(tmp_path / "router", "router")


@pytest.mark.parametrize(
    "content",
    [
        b"", b"7", b"null", b"{}", b"[" * 200_000, b'{"a": NaN}', b"\xff", b'{"format": 1}',
        b'{"format": 1, "a": 1e999}',
    ],
    ids=lambda content: repr(content[:20]),
)  # fmt: skip
def test_files_that_are_no_documents_are_told(content: bytes, tmp_path: Path) -> None:
    write(SMALL, tmp_path / "router")
    (tmp_path / "router" / "router.json").write_bytes(content)
    with pytest.raises(ArtifactError, match=r"router\.json"):
        read(tmp_path / "router", "router")


def test_documents_nested_too_deep_to_be_checked_are_told(tmp_path: Path) -> None:
    path = write(SMALL, tmp_path / "router") / "router.json"
    limit = sys.getrecursionlimit()
    for depth in range(limit - 60, limit):
        path.write_text('{"format": 1, "a": ' + "[" * depth + "]" * depth + "}")
        with pytest.raises(ArtifactError, match=r"router\.json"):
            read(tmp_path / "router", "router")


def test_a_file_with_the_right_checksum_and_no_arrays_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(safetensors.numpy, "save", lambda _: b"no arrays at all")
    write(SMALL, tmp_path / "router")
    with pytest.raises(ArtifactError, match="holds no arrays"):
        read(tmp_path / "router", "router")


@pytest.mark.parametrize("parts", [["encoder_"], "encoder_", {"encoder_": 5}, {"encoder_": []}])
@pytest.mark.parametrize("name", ["parts", "parts_sha256"])
def test_parts_that_are_named_otherwise_are_told(name: str, parts: object, tmp_path: Path) -> None:
    reseal(write(SMALL, tmp_path / "router") / "router.json", **{name: parts})
    with pytest.raises(ArtifactError, match=r"router\.json does not name its parts"):
        read(tmp_path / "router", "router")


def test_a_part_of_another_artifact_is_told(tmp_path: Path) -> None:
    other = Artifact("encoder", {"name": "inner"}, {"ids": np.arange(4, dtype=np.int64)})
    place = write(SMALL, tmp_path / "router")
    shutil.rmtree(place / "encoder_")
    write(other, place / "encoder_")
    with pytest.raises(ArtifactError, match=r"encoder\.json is not the one that was saved there"):
        read(place, "router")


def test_documents_without_their_parts_digests_are_read(tmp_path: Path) -> None:
    place = write(SMALL, tmp_path / "router")
    reseal(place / "router.json", parts_sha256=None)
    assert_equal(read(place, "router"), SMALL)


def test_nothing_there_and_a_file_there_are_told(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"nothing saved at .*nowhere"):
        read(tmp_path / "nowhere", "router")
    (tmp_path / "file").write_text("hello")
    with pytest.raises(ArtifactError, match="file is a file, not the folder of a saved router"):
        read(tmp_path / "file", "router")


@pytest.mark.parametrize("name", ["../outside", "a/b", "", ".", "..", "a.b", "/etc"])
def test_parts_stay_inside_the_folder(name: str, tmp_path: Path) -> None:
    inner = Artifact("encoder", {})
    with pytest.raises(ArtifactError, match="is no name of a part"):
        write(Artifact("router", {}, {}, {name: inner}), tmp_path / "in" / "router")
    assert [path.name for path in tmp_path.rglob("*")] == ["in"]


@pytest.mark.parametrize("name", ["x" * 300, "x" * 250, "a\0b"], ids=["300", "250", "NUL"])
def test_names_that_no_folder_can_have_are_told(name: str, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="cannot save to"):
        write(SMALL, tmp_path / name)
    with pytest.raises(ArtifactError, match=r"router\.json"):
        read(tmp_path / name, "router")
    assert not any(tmp_path.iterdir())


def test_parts_that_lead_elsewhere_are_told_and_kept(tmp_path: Path) -> None:
    place = write(SMALL, tmp_path / "router")
    (place / "encoder_").rename(tmp_path / "elsewhere")
    (place / "encoder_").symlink_to("../elsewhere")
    with pytest.raises(ArtifactError, match="encoder_ is a symbolic link"):
        read(place, "router")
    with pytest.raises(ArtifactError, match="encoder_ is no part of a router saved there"):
        write(SMALL, place)


def test_an_older_artifact_is_replaced_whole(tmp_path: Path) -> None:
    place = write(SMALL, tmp_path / "router")
    newer = Artifact("router", {"router": "Other"})
    write(newer, place)
    assert_equal(read(place, "router"), newer)
    assert [path.name for path in files(place)] == ["router.json", "router.safetensors"]
    assert list(tmp_path.iterdir()) == [place]


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "router").mkdir()
    assert_equal(read(write(SMALL, tmp_path / "router"), "router"), SMALL)


def test_foreign_folders_and_files_are_never_replaced(tmp_path: Path) -> None:
    thesis = tmp_path / "home" / "thesis.txt"
    thesis.parent.mkdir()
    thesis.write_text("years of work")
    for place in (thesis.parent, thesis):
        with pytest.raises(
            ArtifactError, match=" exists and holds no saved router: choose another folder"
        ):
            write(SMALL, place)
    assert thesis.read_text() == "years of work"
    assert list(tmp_path.rglob("*")) == [thesis.parent, thesis]


@pytest.mark.parametrize("foreign", ["README.md", "encoder_/vectors.npy", "src/main.py"])
def test_what_was_put_beside_an_artifact_is_never_lost(foreign: str, tmp_path: Path) -> None:
    path = write(SMALL, tmp_path / "router") / foreign
    path.parent.mkdir(exist_ok=True)
    path.write_text("years of work")
    told = foreign.removesuffix("/main.py")
    with pytest.raises(ArtifactError, match=rf"{told} is no part of a router saved there: choose"):
        write(Artifact("router", {}), tmp_path / "router")
    assert path.read_text() == "years of work"
    assert_equal(read(tmp_path / "router", "router"), SMALL)


@pytest.mark.parametrize("content", [b'{"routes": []}', b"{}", b"no JSON", b'{"format": 1}'])
def test_a_document_of_others_is_never_replaced(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "project" / "router.json"
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match=r"router\.json is no part of a router saved there"):
        write(SMALL, path.parent)
    assert path.read_bytes() == content


@pytest.mark.parametrize("older", [SMALL, None], ids=["there", "dangling"])
def test_a_symbolic_link_goes_on_to_lead_there(older: Artifact | None, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("router")
    if older is not None:
        write(older, tmp_path / "router")
    newer = Artifact("router", {"router": "Other"})
    assert write(newer, link) == link
    assert link.is_symlink()
    assert_equal(read(link, "router"), newer)
    assert_equal(read(tmp_path / "router", "router"), newer)


@pytest.mark.parametrize("value", [object(), float("nan"), float("inf"), {1, 2}, b"x"])
def test_what_json_cannot_hold_is_told_and_leaves_nothing(value: object, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="cannot save to"):
        write(Artifact("router", {"value": value}), tmp_path / "router")
    assert not any(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ArtifactError, match="cannot save to"):
        write(SMALL, tmp_path / "file" / "router")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(ArtifactError, match="cannot save to"):
        write(SMALL, tmp_path / "locked" / "router")


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_in_the_middle_changes_nothing(
    error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = write(SMALL, tmp_path / "router")
    write_bytes = Path.write_bytes

    def fail_on_the_inner_part(path: Path, data: bytes) -> int:
        if path.name == "encoder.safetensors":
            raise error
        return write_bytes(path, data)

    monkeypatch.setattr(Path, "write_bytes", fail_on_the_inner_part)
    changed = Artifact("router", {"router": "Other"}, {}, SMALL.parts)
    with pytest.raises(ArtifactError if isinstance(error, OSError) else KeyboardInterrupt):
        write(changed, place)
    assert_equal(read(place, "router"), SMALL)
    assert list(tmp_path.iterdir()) == [place]


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), KeyboardInterrupt()])
def test_a_failing_rename_puts_the_older_one_back(
    error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = write(SMALL, tmp_path / "router")
    rename = Path.rename

    def fail_for_the_fresh_one(path: Path, target: Path) -> Path:
        if path.name == "fresh":
            raise error
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail_for_the_fresh_one)
    with pytest.raises(ArtifactError if isinstance(error, OSError) else KeyboardInterrupt):
        write(Artifact("router", {}), place)
    assert_equal(read(place, "router"), SMALL)


def test_readers_never_find_the_place_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = write(SMALL, tmp_path / "router")
    write(Artifact("router", {"router": "Neighbour"}), tmp_path / "router-old")
    found: list[Artifact] = []
    rename = Path.rename

    def read_first(path: Path, target: Path) -> Path:
        if path.name == "fresh":
            assert not place.exists()
            found.append(read(place, "router"))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", read_first)
    write(Artifact("router", {"router": "Other"}), place)
    (artifact,) = found
    assert_equal(artifact, SMALL)


@pytest.mark.parametrize("name", ["router.json", "router.safetensors", "encoder.json"])
@pytest.mark.parametrize(
    "newer",
    [
        SMALL,
        Artifact("router", {"router": "Other"}),
        Artifact("router", {"router": "Other"}, parts={"encoder_": Artifact("encoder", {})}),
    ],
    ids=["same", "other", "other with a part of the same name"],
)
def test_readers_get_one_artifact_whole(
    newer: Artifact, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = write(SMALL, tmp_path / "router")
    reseal(place / "router.json", parts_sha256=None)
    read_bytes = Path.read_bytes

    def replace_first(path: Path) -> bytes:
        if path.name == name:
            monkeypatch.setattr(Path, "read_bytes", read_bytes)
            write(newer, place)
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", replace_first)
    assert_equal(read(place, "router"), newer)


def test_a_link_that_is_turned_meanwhile_is_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer, link = Artifact("router", {"router": "Newer"}), tmp_path / "current"
    older, other = write(SMALL, tmp_path / "one"), write(newer, tmp_path / "two")
    link.symlink_to(older)
    read_bytes = Path.read_bytes

    def turn_first(path: Path) -> bytes:
        monkeypatch.setattr(Path, "read_bytes", read_bytes)
        link.unlink()
        link.symlink_to(other)
        shutil.rmtree(older)
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", turn_first)
    assert_equal(read(link, "router"), newer)


@pytest.mark.parametrize("name", ["router.json", "router.safetensors"])
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_pipes_are_not_waited_for(name: str, tmp_path: Path) -> None:
    place = write(SMALL, tmp_path / "router")
    (place / name).unlink()
    os.mkfifo(place / name)
    with pytest.raises(ArtifactError, match=f"{name} is no file"):
        read(place, "router")


@pytest.mark.parametrize("told", [check_place, lambda folder, _: write(SMALL, folder)])
def test_places_that_cannot_be_renamed_are_told(
    told: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mounted").mkdir()
    monkeypatch.setattr(Path, "is_mount", lambda path: path.name == "mounted")
    for folder in (".", "mounted/..", "/", "mounted"):
        with pytest.raises(ArtifactError, match=f"cannot save to {folder}: it cannot be renamed"):
            told(folder, "router")
    assert [path.name for path in tmp_path.iterdir()] == ["mounted"]


def test_whoever_could_not_read_an_older_one_cannot_read_the_newer(tmp_path: Path) -> None:
    place = write(SMALL, tmp_path / "router")
    place.chmod(0o700)
    write(SMALL, place)
    assert place.stat().st_mode & 0o777 == 0o700


KILLED_BETWEEN = """
import os, sys
from pathlib import Path
from shared_core.artifacts import Artifact, write
rename = Path.rename
Path.rename = lambda path, to: os._exit(9) if path.name == "fresh" else rename(path, to)
write(Artifact("router", {"router": "Newer"}), sys.argv[1])
"""


def test_a_process_killed_between_two_renames_loses_nothing(tmp_path: Path) -> None:
    place = write(SMALL, tmp_path / "router")
    killed = subprocess.run([sys.executable, "-c", KILLED_BETWEEN, place], check=False)
    assert killed.returncode == 9
    assert not place.exists()
    assert_equal(read(place, "router"), SMALL)
    with pytest.raises(ArtifactError, match="cannot save to"):
        write(Artifact("router", {"value": object()}), place)
    assert_equal(read(place, "router"), SMALL)
    newer = Artifact("router", {"router": "Newer"})
    assert_equal(read(write(newer, place), "router"), newer)
    shutil.rmtree(place)
    with pytest.raises(ArtifactError, match="nothing saved at"):
        read(place, "router")


KILLED = """
import sys, time
from pathlib import Path
from shared_core.artifacts import read, write
write_bytes = Path.write_bytes
def slow(path, data):
    if path.name.endswith(".safetensors"):
        write_bytes(path, data[: len(data) // 2])
        print("half", flush=True)
        time.sleep(60)
    return write_bytes(path, data)
artifact = read(sys.argv[1], "router")
Path.write_bytes = slow
write(artifact, sys.argv[2])
"""


def test_a_killed_process_leaves_nothing_half_written(tmp_path: Path) -> None:
    source = write(SMALL, tmp_path / "source")
    older = write(Artifact("router", {"router": "Older"}), tmp_path / "older")
    for target in (older, tmp_path / "new"):
        child = subprocess.Popen(
            [sys.executable, "-c", KILLED, source, target], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        assert child.stdout.readline() == "half\n"
        child.send_signal(signal.SIGKILL)
        child.communicate()
    assert read(older, "router").document["router"] == "Older"
    assert not (tmp_path / "new").exists()


def test_no_text_is_in_any_file(saved_router: Path) -> None:
    held = b"".join(path.read_bytes() for path in files(saved_router))
    assert not [text for text in TRAIN if text.encode() in held]
    assert b"repair" not in held
