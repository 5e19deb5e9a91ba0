"""The house keeps its shape: who imports whom, what loads when, and what every part has."""

from __future__ import annotations

import ast
import builtins
import functools
import importlib
import inspect
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared_core import MissingExtra
from shared_core._lazy import public_names

ROOT = Path(__file__).parents[1]
PACKAGES = ("shared_core", "langchain_llmrouter", "llamaindex_llmrouter")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
HEAVY = {
    "numpy", "pydantic", "torch", "transformers", "pyarrow", "matplotlib", "typer", "rich",
    "langchain_core", "langchain", "llama_index", "safetensors", "sklearn", "scipy", "pandas",
}  # fmt: skip
ADAPTERS = {"langchain_llmrouter", "llamaindex_llmrouter"}


def loaded_by(code: str) -> set[str]:
    """The heavy packages and adapters that are loaded once a fresh interpreter ran the code."""
    show = f"{code}\nimport sys, json; print(json.dumps(list(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", show], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return {name.partition(".")[0] for name in json.loads(done.stdout.splitlines()[-1])} & (
        HEAVY | ADAPTERS
    )


@functools.cache
def trees() -> list[tuple[Path, ast.Module]]:
    """Every file of the packages, parsed."""
    return [(path, ast.parse(path.read_text(encoding="utf-8"))) for path in FILES]


def test_the_import_contracts_hold() -> None:
    checked = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout
    assert "0 broken" in checked.stdout


def test_importing_the_core_loads_nothing() -> None:
    assert loaded_by("import shared_core") == set()


@pytest.mark.parametrize("package", ["langchain_llmrouter", "llamaindex_llmrouter"])
def test_importing_an_adapter_loads_no_framework(package: str) -> None:
    assert loaded_by(f"import {package}") == {package}


@pytest.mark.parametrize(
    ("code", "unwanted"),
    [
        ("from langchain_llmrouter import ChatLLMRouter, KNNRouter",
         {"torch", "transformers", "llama_index", "llamaindex_llmrouter", "pyarrow", "matplotlib",
          "typer", "rich"}),
        ("from llamaindex_llmrouter import RouterLLM, RouterSelector, KNNRouter",
         {"torch", "transformers", "langchain_core", "langchain", "langchain_llmrouter", "pyarrow",
          "matplotlib"}),
        ("from shared_core import KNNRouter, OutcomeTable, Dispatcher, evaluate, LexicalEncoder",
         (HEAVY | ADAPTERS) - {"numpy", "pydantic", "safetensors"}),
    ],
    ids=["langchain", "llamaindex", "core"],
)  # fmt: skip
def test_using_one_part_loads_no_other(code: str, unwanted: set[str]) -> None:
    needed = {"langchain": "langchain_core", "llamaindex": "llama_index"}
    for name, module in needed.items():
        if name in code:
            pytest.importorskip(module, reason=f"needs the extra `{name}`")
    loaded = loaded_by(code)
    assert loaded & unwanted == set()
    assert {module for name, module in needed.items() if name in code} <= loaded


FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "joblib", "shelve", "marshal", "cloudpickle"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}
SANDBOX = ROOT / "shared_core/scorers/sandbox.py"
"""A program of its own that runs the code of answers; it is never imported."""


def test_nothing_is_pickled_or_evaluated() -> None:
    found = []
    for path, tree in trees():
        for node in ast.walk(tree) if path != SANDBOX else ():
            modules = (
                [alias.name for alias in node.names] if isinstance(node, ast.Import)
                else [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            )  # fmt: skip
            called = (
                node.func.id
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
                else ""
            )
            risky = any(name.partition(".")[0] in FORBIDDEN_MODULES for name in modules)
            if risky or called in FORBIDDEN_CALLS:
                found.append(f"{path.relative_to(ROOT)}:{node.lineno}")  # type: ignore[attr-defined]
    assert found == []


def test_no_code_comes_with_a_model() -> None:
    trusting = [
        f"{path.relative_to(ROOT)}:{node.value.lineno}"
        for path, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword) and node.arg == "trust_remote_code"
        if not (isinstance(node.value, ast.Constant) and node.value.value is False)
    ]
    assert trusting == []


def test_only_commands_print() -> None:
    printing = {
        str(path.relative_to(ROOT))
        for path, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    }
    assert {name for name in printing if "/cli/" not in name and "demo" not in name} == set()


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_is_typed_and_listed(package: str) -> None:
    assert (ROOT / package / "py.typed").is_file()
    module = importlib.import_module(package)
    assert sorted(public_names(package)) == dir(module)
    assert f'"{package}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


PUBLIC = sorted({(name, module) for p in PACKAGES for name, module in public_names(p).items()})


@pytest.mark.parametrize(("name", "module"), PUBLIC, ids=[name for name, _ in PUBLIC])
def test_every_public_name_loads_and_is_documented(name: str, module: str) -> None:
    package = importlib.import_module(module.partition(".")[0])
    try:
        found = getattr(package, name)
    except MissingExtra as missing:
        pytest.skip(str(missing))
    if not (inspect.isclass(found) or inspect.isfunction(found)):
        return  # an alias of a type
    assert found.__module__ == module, "the stub names the file that defines it"
    assert inspect.getdoc(found)


def undocumented(tree: ast.Module) -> Iterator[str]:
    """The module, its public classes and functions, as far as they have no docstring."""
    if tree.body and ast.get_docstring(tree) is None:
        yield "the module"
    for node in tree.body:
        is_public = isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        if is_public and node.name[0] != "_" and ast.get_docstring(node) is None:  # type: ignore[union-attr, arg-type]
            yield node.name  # type: ignore[union-attr]


def test_every_public_class_and_function_has_a_docstring() -> None:
    missing = [
        f"{path.relative_to(ROOT)}: {name}" for path, tree in trees() for name in undocumented(tree)
    ]
    assert missing == []


def test_functions_fit_in_a_glance() -> None:
    lengths = {
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}": (node.end_lineno or 0)
        - node.lineno
        + 1
        for path, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }
    assert {name: length for name, length in lengths.items() if length >= 60} == {}


def test_errors_are_our_own() -> None:
    """No bare RuntimeError and the like; only what Python's protocols or a wrong call ask for."""
    raised = {
        (str(path.relative_to(ROOT)), node.exc.func.id)
        for path, tree in trees()
        if path != SANDBOX
        for node in ast.walk(tree)
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)
        if isinstance(node.exc.func, ast.Name) and hasattr(builtins, node.exc.func.id)
    }
    protocols = {"AttributeError", "ModuleNotFoundError", "NotImplementedError"}
    protocols |= {"TypeError", "ValueError"}
    assert {(path, name) for path, name in raised if name not in protocols} == set()
