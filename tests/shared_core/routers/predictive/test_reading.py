"""What texts are read as, and how often."""

from __future__ import annotations

import numpy as np
from small_world import texts

from shared_core import FunctionEncoder, LexicalEncoder
from shared_core.routers.predictive.reading import Reading


def test_a_view_is_worked_out_once_however_many_parts_want_it() -> None:
    seen: list[int] = []

    def lengths(found: list[str]) -> list[list[float]]:
        seen.append(len(found))
        return [[float(len(text)), 1.0] for text in found]

    whole = Reading(texts(range(4)), FunctionEncoder(lengths, "lengths"))
    parts = [whole.rows(np.arange(start, 12, 3)) for start in range(3)]
    for start, part in enumerate(parts):
        assert part.texts == whole.texts[start::3]
        np.testing.assert_array_equal(part.vectors, whole.vectors[start::3])
        np.testing.assert_array_equal(part.shape, whole.shape[start::3])
    assert sum(seen) == 12


def test_parts_share_the_n_grams_too() -> None:
    known = texts(range(4))
    whole = Reading(known, LexicalEncoder(dimension=8).fit(known))
    part = whole.rows(np.array([3, 1]))
    assert whole.ngrams is not None
    assert part.ngrams is not None
    assert [part.ngrams[0], part.ngrams[1]] == [whole.ngrams[3], whole.ngrams[1]]
    strange = Reading(known, FunctionEncoder(lambda found: [[1.0]] * len(found), "ones"))
    assert strange.rows(np.array([0])).ngrams is None
