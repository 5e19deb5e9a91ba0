"""Several encoders at once: what one does not see in a text, another may."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np

from shared_core.artifacts import Artifact, fingerprint
from shared_core.encoders.base import Encoder, Vectors, encoder_of, unit
from shared_core.errors import ConfigError


class JoinedEncoder(Encoder):
    """The vectors of several encoders side by side, each of them counting the same.

    ``AutoRouter`` looks at the parts one by one: each of its members is tried over each part.

    Args:
        parts: two encoders or more, such as ``[LexicalEncoder(), OnnxEncoder(folder)]``.
    """

    def __init__(self, parts: Sequence[Encoder]) -> None:
        if len(parts) < 2 or any(isinstance(part, JoinedEncoder) for part in parts):
            raise ConfigError("parts are two encoders or more, none of them joined itself")
        super().__init__()
        self.parts = tuple(parts)

    @property
    def is_fitted(self) -> bool:
        return all(part.is_fitted for part in self.parts)

    @property
    def is_quick(self) -> bool:
        return all(part.is_quick for part in self.parts)

    def fit(self, texts: Sequence[str], progress: Callable[[str], None] | None = None) -> Self:
        """Fit the parts that have not learned yet."""
        for part in self.parts:
            if not part.is_fitted:
                part.fit(texts, progress)
        return self

    @property
    def sizes(self) -> Mapping[str, int]:
        told = [part.sizes["vector"] for part in self.parts if "vector" in part.sizes]
        return {"vector": sum(told)} if len(told) == len(self.parts) else {}

    def _encode(self, texts: Sequence[str]) -> Vectors:
        return side_by_side([part(texts) for part in self.parts])

    def _in_batches(self, texts: Sequence[str]) -> Vectors:
        return self._encode(texts)  # each part makes batches of its own

    @property
    def fingerprint(self) -> str:
        return fingerprint({"encoder": "JoinedEncoder", "parts": self._fingerprints()}, {})

    def config(self) -> Mapping[str, Any]:
        """Nothing: the parts are saved beside it."""
        return {}

    def _fingerprints(self) -> list[str]:
        return [part.fingerprint for part in self.parts]

    def artifact(self) -> Artifact:
        parts = {f"part_{number}": part.artifact() for number, part in enumerate(self.parts)}
        return replace(super().artifact(), parts=parts)

    @classmethod
    def from_artifact(cls, artifact: Artifact) -> Self:
        names = sorted(artifact.parts, key=lambda name: int(name.rpartition("_")[2]))
        return cls([encoder_of(artifact.parts[name]) for name in names])

    def __repr__(self) -> str:
        return f"JoinedEncoder([{', '.join(map(repr, self.parts))}])"


def parts_of(encoder: Encoder) -> tuple[Encoder, ...]:
    """The encoders that a joined one joins; any other is the only one."""
    return encoder.parts if isinstance(encoder, JoinedEncoder) else (encoder,)


def side_by_side(vectors: Sequence[Vectors]) -> Vectors:
    """Unit vectors (n, d1), (n, d2) ... as one (n, d1 + d2 + ...), again of length 1."""
    return unit(np.hstack(vectors))
