"""More training queries out of the ones there are. Only training rows are ever added to.

A copy inherits its original's outcomes and, in the column ``augmented_from``, bears its text; where
a table has a ``split``, rows of any other side than ``train`` are left as they are, and nothing is
made of them. Whatever splits rows further, as cross-validation does, keeps both on one side.

On two real sets (`benchmarks/augmentation.py`) nothing here clearly helped nearest neighbours or
ridge regression, and the error of both grew a little: measure before you augment.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared_core.encoders.base import Vectors, unit
from shared_core.errors import ConfigError
from shared_core.outcomes.table import Matrix, OutcomeTable

Change = Callable[[str, random.Random], str]
"""A text and a source of randomness -> a text that asks the same."""

_KEYS: Final = "qwertyuiopasdfghjklzxcvbnm"


def drop_words(text: str, rng: random.Random, share: float = 0.1) -> str:
    """The text without a share of its words, at least one kept."""
    words = text.split()
    return " ".join([word for word in words if rng.random() >= share] or words[:1])


def typos(text: str, rng: random.Random, share: float = 0.03) -> str:
    """The text with a share of its letters struck beside their key."""
    return "".join(_slipped(c, rng) if c.isalpha() and rng.random() < share else c for c in text)


def change_case(text: str, rng: random.Random) -> str:
    """The text in lower case, upper case, or with its first letter's case turned."""
    return rng.choice([text.lower(), text.upper(), text[:1].swapcase() + text[1:]])


def paraphrase(model: Callable[[str], str], prompt: str = "Say this in other words: {}") -> Change:
    """A change by any local model handed in as a function of a prompt."""
    return lambda text, _: model(prompt.format(text)).strip() or text


def back_translation(there: Callable[[str], str], back: Callable[[str], str]) -> Change:
    """A change by translating into another language and back, with two functions of a text."""
    return lambda text, _: back(there(text)).strip() or text


def augment(
    outcomes: OutcomeTable, changes: Sequence[Change], copies: int = 1, seed: int = 0
) -> OutcomeTable:
    """The table with ``copies`` changed copies of each training row after the original rows.

    Raises:
        ConfigError: no change is given, or fewer than one copy.
    """
    if not changes or copies < 1:
        raise ConfigError("augment takes at least one change and one copy")
    sides = outcomes.columns.get("split", ("train",) * len(outcomes))
    held_out = {text for text, side in zip(outcomes.queries, sides, strict=True) if side != "train"}
    rng = random.Random(seed)  # noqa: S311
    origin, texts = [], []
    for row in [i for i, side in enumerate(sides) if side == "train"] * copies:
        changed = rng.choice(changes)(outcomes.queries[row], rng)
        if changed not in held_out:
            origin.append(row)
            texts.append(changed)
    whole = outcomes.rows([*range(len(outcomes)), *origin])
    origins = outcomes.origins
    before = outcomes.columns.get("augmented_from", (None,) * len(outcomes))
    marks = (*before, *(origins[row] for row in origin))
    return replace(
        whole,
        queries=(*outcomes.queries, *texts),
        columns={**whole.columns, "augmented_from": marks},
    )


def mix_up(
    vectors: Vectors, quality: Matrix, n: int, alpha: float = 0.2, seed: int = 0
) -> tuple[Vectors, NDArray[np.float64]]:
    """``n`` more vectors (n, d) and qualities (n, m): mixed pairs of rows (arXiv 1710.09412).

    Args:
        vectors: training rows' unit vectors.
        quality: their quality; NaN stays unknown.
        n: how many.
        alpha: of the Beta distribution the shares come from; small ones stay near an original.
        seed: of the pairs and shares.
    """
    rng = np.random.default_rng(seed)
    first, second = rng.integers(len(vectors), size=(2, n))
    share = rng.beta(alpha, alpha, size=(n, 1))
    mixed = share * vectors[first] + (1 - share) * vectors[second]
    told: Matrix = share * quality[first] + (1 - share) * quality[second]
    return unit(mixed.astype(np.float32)), told


def _slipped(letter: str, rng: random.Random) -> str:
    place = _KEYS.find(letter.lower())
    if place < 0:
        return letter
    return _KEYS[max(0, min(len(_KEYS) - 1, place + rng.choice([-1, 1])))]
