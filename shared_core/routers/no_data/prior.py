"""How much a prompt asks of a model, learned from prompts of which that is known.

A ridge regression on words, pieces of words and topics. Its weights come with the package;
``examples/demand_prior`` has the prompts, who wrote them, and how it is learned anew.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from shared_core.encoders import sparse
from shared_core.encoders.ngrams import WORD, Ngrams, Vocabulary, count
from shared_core.routers.no_data.topics import NAMES, plain, topics

SHIPPED: Final = Path(__file__).with_name("prior.safetensors")
_PENALTY: Final = 6.0
_STEPS: Final = 60
_WORDS: Final = 0
"""The block of words and pairs of words."""
_MOST_NGRAMS: Final = 400_000
_FEATURE_WEIGHT: Final = 0.5
"""What a feature counts beside the n-grams, which have length 1 twice."""
_MOST_MENTIONS: Final = 3
_READABLE: Final = 0.4
"""The share of its words, and pairs of them, that is known of most texts in a language that was
learned. Not of its pieces of words: languages of one alphabet share most of those."""
_READ_AT_ALL: Final = 0.1
_DOUBT: Final = 0.15
_IN_DOUBT: Final = 0.5
"""What doubt makes of a text at most: one for the stronger of two, and the middle of three."""
_BEGINNING: Final = 200
_END: Final = 150
"""Characters that are read of a long text: there stands what is wanted, between them often what
somebody pasted."""
_FEW_WORDS: Final = 12
_PLAIN_LENGTH: Final = 13
_FORMAL: Final = re.compile(
    r"[=^<>{}\\$_|#~%≡≤≥≠∀∃∈∫∑√∞→]|\b(?!(?:USA?|UK|EU|TV|OK)\b)[A-Z]{2,}\b|\d{4,}|\d[.,]\d|\b[a-zA-Z]\w*\("
)
_MEANING: Final = frozenset(NAMES) - {"writing"}
_FEATURES: Final = (*NAMES, "plain")

Floats = NDArray[np.float32]


class Prior(NamedTuple):
    """A fitted regression.

    Args:
        vocabulary: the n-grams that count.
        weights: of the n-grams, then of the features (k + f,).
        offset: what is expected of a text that has none of them.
    """

    vocabulary: Vocabulary
    weights: Floats
    offset: float

    @classmethod
    def learn(
        cls,
        texts: Sequence[str],
        asked: Sequence[float],
        pieces: Sequence[str] = (),
        pieces_ask: float = 0.0,
    ) -> Prior:
        """From texts and how much each asks, 0..1.

        Args:
            texts: whole texts; from them come the n-grams that count.
            asked: how much each asks.
            pieces: sentences out of such texts, and how much any of them asks.
            pieces_ask: see ``pieces``.

        Raises:
            DataError: no two of the texts share an n-gram.
        """
        vocabulary = Vocabulary.learn([count(plain(_ends(text))) for text in texts], _MOST_NGRAMS)
        rows = sparse.blocks([_row(vocabulary, text)[0] for text in (*texts, *pieces)])
        width = len(vocabulary.ids) + len(_FEATURES)
        offset = float(np.mean(asked))
        each = [*asked, *(pieces_ask for _ in pieces)]
        wanted = np.asarray(each, np.float32)[:, None] - np.float32(offset)
        dual = sparse.ridge_dual(rows, width, wanted, _PENALTY, _STEPS)
        return cls(vocabulary, sparse.transposed_times(rows, dual, width)[:, 0], offset)

    def __call__(self, text: str) -> float:
        """How much the text asks: about 0 for a trifle, 1 where a small model would do harm.

        What can hardly be read is in doubt, and asks the more.
        """
        row, known = _row(self.vocabulary, text)
        doubt = _DOUBT * max(0.0, 1 - known / _READABLE)
        found = float(row.weight @ self.weights[row.places]) + self.offset
        return max(found, min(found + doubt, _IN_DOUBT))

    def reads(self, text: str) -> bool:
        """Whether it knows enough of the text's words to tell anything."""
        return _row(self.vocabulary, text)[1] >= _READ_AT_ALL

    def save(self, path: Path) -> None:
        """Write the file that ``Prior.load`` reads."""
        arrays = {**self.vocabulary._asdict(), "weights": self.weights.astype(np.float16)}
        arrays["idf"] = arrays["idf"].astype(np.float16)
        path.write_bytes(safetensors.numpy.save(arrays, {"offset": f"{self.offset:.6f}"}))

    @classmethod
    def load(cls, path: Path = SHIPPED) -> Prior:
        """The prior of a file, that of the package when none is given."""
        with safetensors.safe_open(path, "numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            offset = float(file.metadata()["offset"])
        weights = arrays.pop("weights").astype(np.float32)
        arrays["idf"] = arrays["idf"].astype(np.float32)
        return cls(Vocabulary(**arrays), weights, offset)


def _row(vocabulary: Vocabulary, text: str) -> tuple[Ngrams, float]:
    """The n-grams of a text's ends, and behind them their features; the share of words known."""
    ends = _ends(text)
    counted = count(plain(ends))
    found = vocabulary.weigh(counted)
    features = len(vocabulary.ids) + np.arange(len(_FEATURES))
    row = Ngrams(
        np.concatenate([found.places, features]), np.concatenate([found.weight, _features(ends)])
    )
    words = counted[_WORDS][0]
    known = np.count_nonzero(vocabulary.block[found.places] == _WORDS)
    return row, known / max(len(words), 1)


def _ends(text: str) -> str:
    """A long text's beginning and end; a short one."""
    if len(text) <= _BEGINNING + _END:
        return text
    return f"{text[:_BEGINNING]}\n{text[-_END:]}"


def _features(text: str) -> Floats:
    """How often each topic is mentioned, and whether the text is plain (f,)."""
    about = topics(text)
    often = [min(about[name], _MOST_MENTIONS) / _MOST_MENTIONS for name in NAMES]
    return np.array([*often, _is_plain(text, about)], np.float32) * np.float32(_FEATURE_WEIGHT)


def _is_plain(text: str, about: Mapping[str, int]) -> bool:
    """Few and short words, of none of the topics but writing; no formula, no abbreviation."""
    words = WORD.findall(plain(text))
    short = len(words) <= _FEW_WORDS and max(map(len, words), default=0) <= _PLAIN_LENGTH
    return short and not _FORMAL.search(text) and not any(about[topic] for topic in _MEANING)
