"""Does the answer mean what the other models' answers mean?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from shared_core.decision import Answer
from shared_core.encoders.base import Encoder
from shared_core.query import Query
from shared_core.scorers.base import UNKNOWN, Scorer, rivals


@dataclass(frozen=True)
class AnswerSimilarity(Scorer):
    """Mean BERTSim to the other answers: cosine of their vectors (TO-Router, arXiv 2408.12320).

    Args:
        encoder: answers -> vectors; a sentence encoder for meaning, a lexical one for words.
    """

    encoder: Encoder
    is_quick: ClassVar[bool] = False

    def score(self, query: Query, answer: Answer, others: Sequence[Answer] = ()) -> float:
        heard = [other.text for other in rivals(answer, others)]
        if not heard:
            return UNKNOWN
        own, *rest = self.encoder([answer.text, *heard])
        return float(np.clip(np.stack(rest) @ own, 0.0, 1.0).mean())
