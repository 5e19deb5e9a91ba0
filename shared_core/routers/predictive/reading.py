"""Texts as learned routers see them: each view of them is worked out once, when first wanted."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Final

import numpy as np

from shared_core.encoders.base import Encoder, Vectors
from shared_core.encoders.joined import JoinedEncoder, side_by_side
from shared_core.encoders.lexical import LexicalEncoder
from shared_core.encoders.ngrams import Ngrams
from shared_core.encoders.shape import WIDTH, Shapes, shape
from shared_core.learned import Learned
from shared_core.routers.predictive.cross_validation import Folds

SCALE: Final = {"middle_": Learned("form"), "spread_": Learned("form", low=1e-9)}
"""What ``scale`` gives, where a router keeps it."""


class Reading:
    """Some texts and what can be seen of them. Routers that share one share the work.

    Args:
        texts: the n texts.
        encoder: fitted; the n-grams are those of a lexical one.
        labels: each text's domain, where known.
        origins: what each text was made from, see ``OutcomeTable.origins``; itself if not given.
    """

    def __init__(
        self,
        texts: Sequence[str],
        encoder: Encoder,
        labels: Sequence[str] | None = None,
        origins: Sequence[str] | None = None,
    ) -> None:
        self.texts = tuple(texts)
        self.encoder = encoder
        self.labels = None if labels is None else tuple(labels)
        self.origins = self.texts if origins is None else tuple(origins)

    def __len__(self) -> int:
        return len(self.texts)

    @cached_property
    def ngrams(self) -> list[Ngrams] | None:
        """The weighted n-grams; None when the encoder knows none."""
        return self.encoder.ngrams(self.texts) if isinstance(self.encoder, LexicalEncoder) else None

    @cached_property
    def parts(self) -> tuple[Reading, ...]:
        """The texts as each part of a joined encoder sees them; itself with any other encoder."""
        if not isinstance(self.encoder, JoinedEncoder):
            return (self,)
        return tuple(self.read_by(part) for part in self.encoder.parts)

    @cached_property
    def vectors(self) -> Vectors:
        """Unit vectors (n, d)."""
        if len(self.parts) > 1:
            return side_by_side([part.vectors for part in self.parts])
        counted = self.__dict__.get("ngrams")
        if counted and isinstance(self.encoder, LexicalEncoder):
            return self.encoder.vectors_of(counted)
        return self.encoder(self.texts)

    @cached_property
    def shape(self) -> Shapes:
        """The texts' form (n, s), not scaled."""
        return shape(self.texts)

    def read_by(self, encoder: Encoder) -> Reading:
        """The same texts as another encoder sees them; its parts that are here read no more."""
        return _Otherwise(self, encoder)

    def rows(self, chosen: Folds) -> Reading:
        """The reading of some of the texts: each view is worked out for all of them, once."""
        return _Rows(self, chosen)


class _Otherwise(Reading):
    """All rows of a reading as another encoder sees them."""

    def __init__(self, whole: Reading, encoder: Encoder) -> None:
        super().__init__(whole.texts, encoder, whole.labels, whole.origins)
        self._whole = whole

    @cached_property
    def parts(self) -> tuple[Reading, ...]:
        if not isinstance(self.encoder, JoinedEncoder):
            return (self,)
        here = {id(one.encoder): one for one in self._whole.parts}
        return tuple(here.get(id(part)) or self.read_by(part) for part in self.encoder.parts)

    @cached_property
    def shape(self) -> Shapes:
        return self._whole.shape


class _Rows(Reading):
    """Some rows of a reading."""

    def __init__(self, whole: Reading, chosen: Folds) -> None:
        labels = None if whole.labels is None else [whole.labels[i] for i in chosen]
        texts, origins = ([told[i] for i in chosen] for told in (whole.texts, whole.origins))
        super().__init__(texts, whole.encoder, labels, origins)
        self._whole, self._chosen = whole, chosen

    @cached_property
    def ngrams(self) -> list[Ngrams] | None:
        counted = self._whole.ngrams
        return None if counted is None else [counted[i] for i in self._chosen]

    @cached_property
    def parts(self) -> tuple[Reading, ...]:
        found = self._whole.parts
        return (self,) if len(found) == 1 else tuple(one.rows(self._chosen) for one in found)

    @cached_property
    def vectors(self) -> Vectors:
        return self._whole.vectors[self._chosen]

    @cached_property
    def shape(self) -> Shapes:
        return self._whole.shape[self._chosen]


def scaled(shapes: Shapes, middle: Shapes, spread: Shapes) -> Shapes:
    """The form in standard deviations from the training texts' mean, at most three."""
    clipped: Shapes = np.clip((shapes - middle) / spread, -3.0, 3.0)
    return clipped


def scale(shapes: Shapes) -> tuple[Shapes, Shapes]:
    """Mean (s,) and standard deviation (s,) of the training texts' form."""
    spread = shapes.std(axis=0)
    return shapes.mean(axis=0), np.where(spread > 1e-6, spread, 1.0).astype(np.float32)


def beside_form(seen: Vectors, middle: Shapes, spread: Shapes, weight: float) -> Vectors:
    """Vectors beside the form as ``scaled`` gives it, times a weight: (n, d + s), as ``seen``."""
    form = scaled(seen[:, -WIDTH:], middle, spread)
    return np.hstack([seen[:, :-WIDTH], np.float32(weight) * form])
