"""Reads texts as a router's encoder would, had it not been trained on some of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from shared_core.encoders.base import Encoder, Vectors
from shared_core.encoders.joined import JoinedEncoder, side_by_side
from shared_core.errors import DataError

Anew = Callable[[Sequence[str]], Vectors]
"""Texts to train on -> how the encoder then reads all texts (N, d)."""


def untrained(encoder: Encoder) -> tuple[bool, ...]:
    """Which parts of an encoder have yet to learn: those that a router trains along."""
    return tuple(not part.is_fitted for part in _parts(encoder))


def retraining(encoder: Encoder, along: Sequence[bool], texts: Sequence[str]) -> Anew | None:
    """Trains anew what of an encoder was trained along and keeps the rest; None where nothing was.

    Args:
        encoder: fitted.
        along: which of its parts were trained along.
        texts: the N texts to read.
    """
    if not any(along):
        return None
    parts = _parts(encoder)
    kept = [None if anew else part(texts) for part, anew in zip(parts, along, strict=True)]

    def read(rest: Sequence[str]) -> Vectors:
        found = [
            _read_anew(part, rest, texts) if vectors is None else vectors
            for part, vectors in zip(parts, kept, strict=True)
        ]
        return side_by_side(found) if len(found) > 1 else found[0]

    return read


def _read_anew(part: Encoder, rest: Sequence[str], texts: Sequence[str]) -> Vectors:
    """Vectors (N, d) by a part trained anew; where there is too little to learn, all are zero."""
    try:
        return type(part)(**part.config()).fit(rest)(texts)
    except DataError:
        return np.zeros((len(texts), 1), np.float32)


def _parts(encoder: Encoder) -> tuple[Encoder, ...]:
    return encoder.parts if isinstance(encoder, JoinedEncoder) else (encoder,)
