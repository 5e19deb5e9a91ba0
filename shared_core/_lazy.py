"""Public names that load on first use, listed once: in the package's stub ``__init__.pyi``.

The stub is what type checkers read; here it is also the table of contents at run time, so
importing a package costs nothing, and a heavy dependency is loaded only for names that need it.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from shared_core.errors import MissingExtra

_EXTRA_OF = {
    "langchain_core": "langchain",
    "langchain": "agents",
    "langgraph": "agents",
    "llama_index": "llamaindex",
    "onnxruntime": "onnx",
    "tokenizers": "onnx",
    "onnx": "onnx-export",
    "torch": "torch",
    "transformers": "torch",
    "pyarrow": "eval",
    "matplotlib": "eval",
    "typer": "eval",
    "rich": "eval",
    "jsonschema": "scorers",
}

_NEWER_THAN_NEEDED = {"langchain_core.decisions": "langchain-core>=1.8"}
"""Modules of packages that are there, but only in versions newer than the oldest we work with."""


@cache
def public_names(package: str) -> dict[str, str]:
    """Name -> module that defines it, as the package's stub lists them (star imports followed)."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"no package {package!r}", name=package)
    stub = Path(spec.origin).with_suffix(".pyi")
    names: dict[str, str] = {}
    for node in ast.parse(stub.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            names |= _names_of(node, package)
    return names


def _names_of(node: ast.ImportFrom, package: str) -> dict[str, str]:
    module = f"{package}.{node.module}" if node.level else str(node.module)
    if node.names[0].name == "*":
        return public_names(module)
    return {alias.asname or alias.name: module for alias in node.names}


def load(module: str, wanted_by: str) -> ModuleType:
    """Import ``module``; a missing optional package becomes an error that says what to install."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if (newer := _NEWER_THAN_NEEDED.get(error.name or "")) is not None:
            raise MissingExtra(f"{wanted_by} needs {newer}: pip install '{newer}'") from error
        extra = _EXTRA_OF.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        raise MissingExtra(
            f"{wanted_by} needs {error.name}: pip install 'llmrouter-integrations[{extra}]'"
        ) from error


def attach(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` for a package whose names stand in its stub.

    ``__all__``, which star imports ask for, is worked out when asked for: the names whose extras
    are installed. To know that is to load them, as a star import does anyway.
    """
    names = public_names(package)

    def __getattr__(name: str) -> Any:  # noqa: N807
        if name == "__all__":
            return [one for one in sorted(names) if _is_there(package, one)]
        if name not in names:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(load(names[name], wanted_by=name), name)
        setattr(sys.modules[package], name, value)
        return value

    def __dir__() -> list[str]:  # noqa: N807
        return sorted(names)

    return __getattr__, __dir__


def _is_there(package: str, name: str) -> bool:
    try:
        getattr(sys.modules[package], name)
    except MissingExtra:
        return False
    return True
