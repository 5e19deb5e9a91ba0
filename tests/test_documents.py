"""What the documents say is so: code parses, names and commands exist, both languages agree."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from shared_core import MissingExtra
from shared_core._lazy import public_names

ROOT = Path(__file__).parents[1]
ENGLISH, PORTUGUESE = "README.md", "README.pt-BR.md"
READMES = [ENGLISH, PORTUGUESE]
PACKAGES = ("shared_core", "langchain_llmrouter", "llamaindex_llmrouter")
OURS = {name: package for package in PACKAGES for name in public_names(package)}


def text_of(name: str) -> str:
    """A document of the project."""
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(name: str, language: str) -> list[str]:
    """The document's code blocks in that language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text_of(name), re.DOTALL | re.MULTILINE)


def tracked() -> list[Path]:
    """The files that git keeps, or all there are outside hidden folders where git is not there."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):
        listed = [
            str(path.relative_to(ROOT))
            for path in ROOT.rglob("*")
            if not any(part[0] == "." or part == "build" for part in path.relative_to(ROOT).parts)
        ]
    return [path for name in listed if name and (path := ROOT / name).is_file()]


DOCUMENTS = sorted(path.relative_to(ROOT).as_posix() for path in tracked() if path.suffix == ".md")
PYTHON = [
    pytest.param(code, id=f"{name}-{number}")
    for name in DOCUMENTS
    for number, code in enumerate(blocks(name, "python"))
]


def parsed(code: str) -> ast.Module:
    """The block, whose ``…`` stands for what the reader fills in."""
    return ast.parse(re.sub(r"…(?=[^\"']*$)", "...", code, flags=re.MULTILINE).replace("…", "..."))


def ours(name: str) -> Any:
    """What one of our public names stands for."""
    try:
        return getattr(importlib.import_module(OURS[name]), name)
    except MissingExtra as missing:
        pytest.skip(str(missing))


@pytest.mark.parametrize("code", PYTHON)
def test_python_in_documents_parses_and_its_imports_work(code: str) -> None:
    for node in ast.walk(parsed(code)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in PACKAGES:
            module = importlib.import_module(str(node.module))
            assert [alias.name for alias in node.names if not is_there(module, alias.name)] == []


def is_there(module: ModuleType, name: str) -> bool:
    """Whether the module has the name, be it only with an extra."""
    try:
        return hasattr(module, name)
    except MissingExtra:
        return True


@pytest.mark.parametrize("code", PYTHON)
def test_python_in_documents_uses_what_our_classes_have(code: str) -> None:
    for node in ast.walk(parsed(code)):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id in OURS
        ):
            assert hasattr(ours(node.value.id), node.attr), f"{node.value.id}.{node.attr}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in OURS:
            taken = inspect.signature(ours(node.func.id)).parameters
            named = {keyword.arg for keyword in node.keywords if keyword.arg}
            takes_any = any(one.kind is one.VAR_KEYWORD for one in taken.values())
            assert takes_any or named <= set(taken), f"{node.func.id}({named - set(taken)})"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_code_names_in_backticks_exist(name: str) -> None:
    """A CamelCase name is one of ours, or one that our code uses."""
    named = set(re.findall(r"`([A-Z][a-z]+[A-Za-z]*[A-Z][A-Za-z]*)[`(.]", text_of(name)))
    used = "\n".join(path.read_text(encoding="utf-8") for path in tracked() if path.suffix == ".py")
    assert {one for one in named - set(OURS) if not re.search(rf"\b{one}\b", used)} == set()


def test_both_languages_have_the_same_shape() -> None:
    for pattern in (r"^(#+) ", r"^```(\w*)$", r"^(\|)", r"^(- )", r"\]\((?!README)([^)]+)\)"):
        english, portuguese = (re.findall(pattern, text_of(n), re.MULTILINE) for n in READMES)
        assert english == portuguese


def test_both_languages_tell_the_same_numbers() -> None:
    english, portuguese = (
        Counter(
            re.sub(r"[.,]|^0(?=[.,])", "", n)  # .7 there is 0,7 here
            for n in re.findall(r"\d+(?:[.,]\d+)*", text_of(name))
        )
        for name in READMES
    )
    assert english == portuguese


def commands_in(name: str) -> list[str]:
    """The document's commands, without comments and without the texts they are given."""
    lines = [line for block in blocks(name, "bash") for line in block.splitlines()]
    return [re.sub(r'"[^"]*"', '""', line.partition("#")[0]).strip() for line in lines]


def test_both_languages_show_the_same_commands() -> None:
    assert commands_in(ENGLISH) == commands_in(PORTUGUESE)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_make_targets_exist(name: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", text_of("Makefile"), re.MULTILINE))
    code = "\n".join([*blocks(name, "bash"), *re.findall(r"`([^`\n]+)`", text_of(name))])
    called = {
        target for line in re.findall(r"\bmake ((?:[a-z-]+ ?)+)", code) for target in line.split()
    }
    assert called - targets == set()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_commands_and_options_exist(name: str) -> None:
    typer = pytest.importorskip("typer", reason="needs the extra `eval`")
    app = importlib.import_module("shared_core.cli.app").app
    commands = typer.main.get_command(app).commands
    code = "\n".join([*blocks(name, "bash"), *re.findall(r"`([^`\n]+)`", text_of(name))])
    for command, rest in re.findall(r"\bllmrouter ([a-z-]+)([^\n#|]*)", code):
        assert command in commands, f"llmrouter {command}"
        known = {option for one in commands[command].params for option in one.opts}
        options = set(
            re.findall(r"(?<![\w-])--?[a-z][a-z-]*", re.sub(r"'[^']*'|\"[^\"]*\"", "", rest))
        )
        assert options <= known | {"--help"}, f"llmrouter {command}"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name: str) -> None:
    here = (ROOT / name).parent
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text_of(name)):
        if not target.startswith(("https://", "http://")):
            assert (here / target).exists(), target


def drawn_house() -> str:
    """The listing in CONTRIBUTING.md."""
    found = re.search(r"## The house\n+```\n(.*?)```", text_of("CONTRIBUTING.md"), re.DOTALL)
    assert found is not None
    return found[1]


def modules() -> Iterator[Path]:
    """The packages' modules; commands and demonstrations count as one each."""
    for path in tracked():
        place = path.relative_to(ROOT)
        if place.suffix == ".py" and place.parts[0] in PACKAGES and path.stem[0] != "_":
            yield place.parent if place.parts[1] in ("cli", "demo") else place.with_suffix("")


def test_the_drawing_of_the_house_has_every_room() -> None:
    words = set(re.findall(r"\w+", drawn_house()))
    missing = {str(place) for place in modules() if set(place.parts) - words}
    assert missing == set()


def test_the_drawing_of_the_house_has_no_room_that_is_not_there() -> None:
    folders = re.findall(r"(\w+)/", drawn_house())
    there = {part for path in tracked() for part in path.relative_to(ROOT).parts[:-1]}
    assert set(folders) - there == set()


PLACEHOLDER = re.compile(rb"@[A-Z][A-Z_]+@")
ABSOLUTE = re.compile(rb"(?<![\w.~:/$}>*-])/(?:home|tmp|root|work|Users|private|mnt)/[\w.]")
REGISTRY = re.compile(rb"(?:index-url|registry|mirror|artifactory|nexus)[^\n]{0,20}https?://")
TEXT = {".md", ".py", ".pyi", ".toml", ".yaml", ".yml", ".json", ".txt", ".cfg", ""}


@pytest.mark.parametrize(
    ("pattern", "what"),
    [
        pytest.param(PLACEHOLDER, "a placeholder", id="placeholders"),
        pytest.param(ABSOLUTE, "an absolute path", id="paths"),
        pytest.param(REGISTRY, "a registry's host", id="registries"),
    ],
)
def test_no_file_holds_traces_of_where_it_was_made(pattern: re.Pattern[bytes], what: str) -> None:
    here = Path(__file__).name
    found = {
        str(path.relative_to(ROOT)): match[0]
        for path in tracked()
        if path.suffix in TEXT and path.name != here
        for match in [pattern.search(path.read_bytes())]
        if match
    }
    assert found == {}, f"{what} in a file"
