"""The learned routers by the short names that commands and reports use."""

from __future__ import annotations

import re
from collections.abc import Iterable

from shared_core import plugins
from shared_core._lazy import public_names
from shared_core.errors import ConfigError
from shared_core.plugins import ROUTERS, find
from shared_core.routers.predictive.base import PredictiveRouter

_FOLDER = "shared_core.routers.predictive."
_WITHOUT_NAME = {"PredictiveRouter"}


def names() -> list[str]:
    """``knn`` for KNNRouter, and so on, those of plug-ins too; nothing is imported for it."""
    return sorted(_class_names())


def classes(wanted: Iterable[str]) -> dict[str, type[PredictiveRouter]]:
    """The classes of those names.

    Raises:
        ConfigError: there is no such router.
        ArtifactError: a plug-in's that does not learn from outcomes.
        MissingExtra: its optional packages are not installed.
    """
    known = _class_names()
    chosen = list(wanted)
    if not chosen:
        raise ConfigError(f"name a router; there are {', '.join(sorted(known))}")
    if unknown := [name for name in chosen if name not in known]:
        raise ConfigError(f"no router {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    return {name: find(known[name], PredictiveRouter, ROUTERS) for name in chosen}


def _class_names() -> dict[str, str]:
    modules = public_names("shared_core").items()
    found = [
        name
        for name, module in modules
        if name.endswith("Router") and _relative(module).startswith(_FOLDER)
    ]
    ours = {_short(name): name for name in found if name not in _WITHOUT_NAME}
    return {_short(name): name for name in plugins.names(ROUTERS)} | ours


def _relative(module: str) -> str:
    return re.sub(r"\.+", ".", module)


def _short(class_name: str) -> str:
    stem = class_name.removesuffix("Router")
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", stem).lower()
