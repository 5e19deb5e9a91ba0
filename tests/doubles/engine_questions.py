"""Questions over typical query engines and tools, and an embedding that needs no model."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.tools import ToolMetadata

from shared_core.routers.no_data.lexicon import features

FILE = Path(__file__).parents[2] / "benchmarks" / "engine_questions.json"
DIMENSION = 2048


class Asked(NamedTuple):
    """A question, the choices it is asked of and the index of the right one."""

    text: str
    choices: list[ToolMetadata]
    right: int


def asked(*splits: str) -> Iterator[Asked]:
    """The questions of splits: ``train`` for choosing settings, ``test`` for judging, and ``fresh``
    of tools that no word list was written with in view."""
    for group in json.loads(FILE.read_text(encoding="utf-8")):
        if group["split"] not in splits:
            continue
        names = list(group["choices"])
        choices = [ToolMetadata(about, name) for name, about in group["choices"].items()]
        for question in group["questions"]:
            yield Asked(question["text"], choices, names.index(question["choice"]))


def accuracy(selector: Any, questions: Sequence[Asked]) -> float:
    """How often the selector selects the right choice."""
    right = [selector.select(one.choices, one.text).inds[0] == one.right for one in questions]
    return sum(right) / len(right)


class HashedEmbedding(BaseEmbedding):
    """Words and pieces of words, hashed; counts how many texts it was given."""

    encoded: int = 0

    def _get_text_embedding(self, text: str) -> list[float]:
        self.encoded += 1
        vector = [0.0] * DIMENSION
        for feature, weight in features(text).items():
            if feature[0] != "c":
                vector[zlib.crc32(feature.encode("utf-8", "replace")) % DIMENSION] += weight
        return vector if any(vector) else [1e-9, *vector[1:]]

    _get_query_embedding = _get_text_embedding

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)
