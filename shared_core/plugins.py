"""Classes by name, as saved things name them: ours, or what a plug-in provides."""

from __future__ import annotations

import importlib.metadata
from typing import Any, Final

from shared_core._lazy import load, public_names
from shared_core.errors import ArtifactError, RouterError

ROUTERS: Final = "llmrouter.routers"
"""The entry-point group of routers; each entry has the name of its class."""


def names(group: str) -> list[str]:
    """Of the classes that plug-ins provide; nothing of them is imported."""
    return [entry.name for entry in importlib.metadata.entry_points(group=group)]


def find(name: Any, base: type[Any], group: str) -> Any:
    """The class of that name: one of our public names, or a plug-in's entry point; nothing else.

    Raises:
        ArtifactError: nobody provides it, or it is no subclass of ``base``.
        RouterError: the plug-in that provides it cannot be imported.
    """
    modules = public_names("shared_core")
    if isinstance(name, str) and name in modules:
        found = getattr(load(modules[name], wanted_by=name), name)
    else:
        found = _plugin(name, group)
    if not (isinstance(found, type) and issubclass(found, base)):
        raise ArtifactError(f"{name} is no {base.__name__}")
    return found


def _plugin(name: object, group: str) -> Any:
    found = [entry for entry in importlib.metadata.entry_points(group=group) if entry.name == name]
    if not found:
        raise ArtifactError(
            f"nobody provides {name!r}: not this version, no entry point of that name in {group!r}"
        )
    try:
        return found[0].load()
    except ImportError as error:
        raise RouterError(
            f"the plug-in that provides {name} cannot be imported: {error}"
        ) from error
