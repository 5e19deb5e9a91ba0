"""Declared arrays: what fits, and how the error names what does not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from shared_core.errors import ArtifactError
from shared_core.learned import Learned, check, declared

TABLE = declared(
    vectors_=Learned("row vector+form"),
    scores_=Learned("row 2*models", has_gaps=True),
    k_=Learned(kind="i", low=1, high="row+1"),
    known_=Learned("models", kind="b", is_optional=True),
    domain_=Learned("row", kind="i", high="domain", is_ordered=True),
)
SIZES = {"form": 2, "models": 3, "domain": 2}


def fitting() -> dict[str, Any]:
    return {
        "vectors_": np.zeros((4, 5), np.float32),
        "scores_": np.full((4, 6), 0.5),
        "k_": 4,
        "domain_": np.array([0, 0, 1, 1]),
        "not_told_": object(),
    }


def test_what_fits_tells_the_sizes() -> None:
    assert check("KNN", TABLE, fitting(), SIZES) == {**SIZES, "row": 4, "vector": 3}


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        (
            "vectors_",
            np.zeros((4, 1)),
            r"vectors_ has the shape \(4, 1\), not \(row, vector\+form\)",
        ),
        ("vectors_", np.full((4, 5), "x"), "vectors_ holds <U1, not numbers"),
        ("vectors_", [[1.0], [1.0, 2.0]], "vectors_ is no array"),
        ("vectors_", np.full((4, 5), np.inf), "vectors_ holds what is not finite"),
        ("scores_", np.zeros((5, 6)), r"scores_ has the shape .* row = 4 \(beside vectors_\)"),
        ("scores_", np.full((4, 6), np.nan), "scores_ is unknown throughout"),
        ("scores_", np.full((4, 6), 1e300), r"scores_ is from 1e\+300 to 1e\+300"),
        ("k_", 5, "k_ is from 5 to 5, not from 1 to 4"),
        ("k_", 0, "k_ is from 0 to 0, not from 1 to 4"),
        ("k_", 2.0, "k_ holds float64, not whole numbers"),
        ("k_", True, "k_ holds bool, not whole numbers"),
        ("k_", None, "k_ is missing"),
        ("known_", np.zeros(3), "known_ holds float64, not truth values"),
        ("domain_", np.array([0, 0, 0, 0]), "domain_ does not name each of 2"),
        ("domain_", np.array([0, 1, 0, 1]), "domain_ is in no order"),
    ],
)
def test_what_does_not_fit_is_named(name: str, value: Any, told: str) -> None:
    with pytest.raises(ArtifactError, match=f"the saved KNN does not fit together: {told}"):
        check("KNN", TABLE, {**fitting(), name: value}, SIZES)
