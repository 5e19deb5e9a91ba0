"""A router as an artifact, and back.

Its constructor's arguments are its configuration; attributes whose names end in ``_`` are what it
learned. Arrays go to safetensors, everything else to JSON, encoders and inner routers to folders.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import inspect
import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from shared_core.artifacts import Artifact, Saveable
from shared_core.encoders.base import Encoder, encoder_of
from shared_core.errors import ArtifactError
from shared_core.plugins import ROUTERS, find
from shared_core.policies.base import Policy
from shared_core.pool import ModelPool
from shared_core.scorers.base import Scorer

DISTRIBUTION = "llmrouter-integrations"
_NO_JSON: Final = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}
"""Numbers that JSON has no word for."""


def artifact_of(router: object) -> Artifact:
    """A router's artifact, from its constructor's signature and its learned attributes."""
    parts: dict[str, Artifact] = {}
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    config = {name: _packed(name, _argument(router, name), parts) for name in _arguments(router)}
    state: dict[str, Any] = {}
    for name, value in vars(router).items():
        if not _is_learned(name):
            continue
        if isinstance(value, np.ndarray):
            arrays[name] = value
        else:
            state[name] = _packed(name, value, parts)
    document = {
        "router": type(router).__name__,
        "library_version": importlib.metadata.version(DISTRIBUTION),
        "config": config,
        "state": state,
    }
    return Artifact("router", document, arrays, parts)


def router_of(
    artifact: Artifact,
    base: type[Any],
    pool: ModelPool | None,
    encoder: Encoder | None,
    *,
    is_part: bool = False,
    is_trusted: bool = False,
) -> Any:
    """The router that ``artifact`` was made of, some kind of ``base``.

    One that is part of another may know fewer models: those before some were added.

    Raises:
        ArtifactError: it names what is not there, does not fit the pool or the encoder, or brings
            code to run and is not trusted.
    """
    unpack = _Unpacker(artifact.parts, base, pool, encoder, is_part, is_trusted)
    name = artifact.document.get("router")
    router_class = find(name, base, ROUTERS)
    try:
        config = {name: unpack(value) for name, value in artifact.document["config"].items()}
        router = router_class(**config)
        state = {name: unpack(value) for name, value in artifact.document["state"].items()}
    except (TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ArtifactError(f"the saved {name} does not fit this version: {error}") from error
    for learned, value in (*state.items(), *artifact.arrays.items()):
        if not _is_learned(learned):
            raise ArtifactError(f"the saved {name} has {learned!r}, which no router learns")
        setattr(router, learned, value)
    try:
        router.check_learned()
    except ArtifactError:
        raise
    except (TypeError, ValueError, LookupError, AttributeError, RuntimeError) as error:
        raise ArtifactError(f"the saved {name} does not fit together: {error}") from error
    return router


def _is_learned(attribute: str) -> bool:
    return attribute.endswith("_") and not attribute.startswith("__")


def _arguments(router: object) -> list[str]:
    return list(inspect.signature(type(router)).parameters)


def _argument(router: object, name: str) -> Any:
    try:
        return getattr(router, name)
    except AttributeError as error:
        raise ArtifactError(
            f"{type(router).__name__} keeps no attribute {name!r}: saving takes each argument of "
            "its constructor from the attribute of that name"
        ) from error


def _packed(name: str, value: Any, parts: dict[str, Artifact]) -> Any:
    if isinstance(value, Saveable):
        part = name.rstrip("_")
        parts[part] = value.artifact()
        return {"$part": part}
    if isinstance(value, ModelPool):
        return {"$pool": value.to_list()}
    if isinstance(value, Policy):
        return {"$policy": type(value).__name__, **dataclasses.asdict(value)}  # type: ignore[call-overload]
    if isinstance(value, Scorer):
        fields = ((field.name, getattr(value, field.name)) for field in dataclasses.fields(value))  # type: ignore[arg-type]
        packed = {key: _packed(f"{name}_{key}", one, parts) for key, one in fields}
        return {"$scorer": type(value).__name__, "fields": packed}
    if isinstance(value, (list, tuple)):
        return [_packed(f"{name.rstrip('_')}_{i}", item, parts) for i, item in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        return {"$number": str(value)}
    if value is None or isinstance(value, (bool, int, float, str, dict)):
        return value
    raise ArtifactError(f"{name} is a {type(value).__name__}, which can't be saved")


@dataclasses.dataclass
class _Unpacker:
    """Turns packed values back into objects; see ``router_of``."""

    parts: Mapping[str, Artifact]
    base: type[Any]
    pool: ModelPool | None
    encoder: Encoder | None
    is_part: bool
    is_trusted: bool
    unpacked: dict[str, Any] = dataclasses.field(default_factory=dict)

    def __call__(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self(item) for item in value]
        if not isinstance(value, dict):
            return value
        if "$part" in value:
            return self._part(value["$part"])
        if "$pool" in value:
            return self._checked_pool(ModelPool(value["$pool"]))
        if "$scorer" in value:
            return self._scorer(value["$scorer"], value["fields"])
        if "$number" in value:
            return _NO_JSON[value["$number"]]
        if "$policy" in value:
            fields = dict(value)
            return find(fields.pop("$policy"), Policy, "llmrouter.policies")(**fields)
        return value

    def _scorer(self, name: Any, packed: Mapping[str, Any]) -> Any:
        scorer_class = find(name, Scorer, "llmrouter.scorers")
        if scorer_class.runs_code and not self.is_trusted:
            raise ArtifactError(
                f"the saved {name} brings code that it runs: where you trust whoever saved it, "
                "read it with Router.load(folder, is_trusted=True)"
            )
        return scorer_class(**{field: _frozen(self(one)) for field, one in packed.items()})

    def _part(self, name: str) -> Any:
        """What is in that part: one thing, however often it is named."""
        if name not in self.unpacked:
            self.unpacked[name] = self._fresh(self.parts[name])
        return self.unpacked[name]

    def _fresh(self, part: Artifact) -> Any:
        if part.kind == "router":
            told = self.base, self.pool, self.encoder
            return router_of(part, *told, is_part=True, is_trusted=self.is_trusted)
        if self.encoder is None:
            return encoder_of(part)
        expected = part.document["fingerprint"]
        if self.encoder.fingerprint != expected:
            raise ArtifactError(
                f"the router was trained with the encoder {part.document['encoder']} of "
                f"fingerprint {expected}; {self.encoder!r} has {self.encoder.fingerprint}"
            )
        return self.encoder

    def _checked_pool(self, saved: ModelPool) -> ModelPool:
        if self.pool is None:
            return saved
        given, known = set(self.pool.names), set(saved.names)
        if not (known <= given if self.is_part else known == given):
            raise ArtifactError(
                f"the router was trained for {', '.join(saved.names)}; "
                f"the pool has {', '.join(self.pool.names)}"
            )
        return ModelPool(self.pool[name] for name in saved.names)


def _frozen(value: Any) -> Any:
    """Lists as the tuples they were."""
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
