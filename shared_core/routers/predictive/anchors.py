"""Anchors: the queries that a new model is asked, so that it is known what it can do."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared_core.checks import check_counts
from shared_core.encoders.base import Encoder
from shared_core.errors import DataError
from shared_core.outcomes.table import OutcomeTable
from shared_core.policies.base import Matrix
from shared_core.routers.predictive.cross_validation import numbered
from shared_core.routers.predictive.k_means import k_means

FEWEST: Final = 20

Rows = NDArray[np.int64]


def choose_anchors(outcomes: OutcomeTable, encoder: Encoder, n: int, seed: int = 0) -> Rows:
    """Rows to ask a new model: one of each of ``n`` clusters of queries, drawn at random.

    So they are spread over all that is asked, and still like the rest. Rows on which models
    disagree would tell more each, but they are unlike the others: the new model's level comes out
    wrong, and routing loses twice as much by it.

    Args:
        outcomes: the pool's outcomes.
        encoder: a fitted encoder, such as a trained router's ``encoder_``.
        n: how many, at most.
        seed: of the clustering and the draw.

    Raises:
        ConfigError: ``n`` is no number of rows.
        DataError: there are no rows.
    """
    check_counts(n=n)
    if not len(outcomes):
        raise DataError("the table has no rows: no query to choose")
    vectors = encoder(outcomes.queries)
    rng = np.random.default_rng(seed)
    cluster = (vectors @ k_means(vectors, min(n, len(vectors)), rng).T).argmax(axis=1)
    drawn = [rng.choice(np.flatnonzero(cluster == one)) for one in np.unique(cluster)]
    return np.sort(np.array(drawn, np.int64))


def one_each(outcomes: OutcomeTable) -> OutcomeTable:
    """One row for each query: the mean of what is known of it, as copies tell of no other.

    Raises:
        DataError: fewer than 20 texts.
    """
    text = numbered(outcomes.origins)
    queries = tuple(dict.fromkeys(outcomes.origins))
    if len(queries) < FEWEST:
        raise DataError(f"{len(queries)} different anchors; it takes {FEWEST} or more")

    def averaged(values: Matrix) -> Matrix:
        total, count = np.zeros((2, len(queries), values.shape[1]))
        np.add.at(total, text, np.nan_to_num(values))
        np.add.at(count, text, np.isfinite(values))
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)

    measures = {"score": averaged(outcomes.score), "cost": averaged(outcomes.cost)}
    return OutcomeTable(outcomes.models, queries, measures)
