"""Texts as the token ids a transformer reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import tokenizers

_LETTERS_PER_TOKEN: Final = 32
"""Longer texts are cut before they are tokenized: the rest would be cut afterwards anyway."""


class Splitter:
    """A tokenizer that threads can share: it is set once and never changed.

    Args:
        tokenizer: a ``tokenizer.json``'s text.
        max_tokens: tokens of a text that are read.
    """

    def __init__(self, tokenizer: str, max_tokens: int) -> None:
        self._max_letters = _LETTERS_PER_TOKEN * max_tokens
        self._tokenizer = tokenizers.Tokenizer.from_str(tokenizer)
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_tokens)

    def __call__(self, texts: Sequence[str]) -> list[list[int]]:
        """Each text's token ids, at least one and at most ``max_tokens``."""
        printable = [
            text[: self._max_letters].encode("utf-8", "replace").decode() for text in texts
        ]
        return [found.ids or [0] for found in self._tokenizer.encode_batch(printable)]
