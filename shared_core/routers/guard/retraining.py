"""An encoder as it would be, had it not been trained on some of the texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from shared_core.encoders.base import Encoder
from shared_core.encoders.joined import JoinedEncoder

Anew = Callable[[Sequence[str]], Encoder]
"""Texts to train on -> the encoder; a DataError where they teach nothing."""


def untrained(encoder: Encoder) -> tuple[bool, ...]:
    """Which parts of an encoder have yet to learn: those that a router trains along."""
    return tuple(not part.is_fitted for part in _parts(encoder))


def retraining(encoder: Encoder, along: Sequence[bool]) -> Anew | None:
    """Trains anew what of an encoder was trained along and keeps the rest; None where nothing was.

    Args:
        encoder: fitted.
        along: which of its parts were trained along.
    """
    if not any(along):
        return None
    parts = _parts(encoder)

    def trained(texts: Sequence[str]) -> Encoder:
        found = [
            type(part)(**part.config()).fit(texts) if anew else part
            for part, anew in zip(parts, along, strict=True)
        ]
        return JoinedEncoder(found) if len(found) > 1 else found[0]

    return trained


def _parts(encoder: Encoder) -> tuple[Encoder, ...]:
    return encoder.parts if isinstance(encoder, JoinedEncoder) else (encoder,)
