"""The rows of a table that a router of a pool can learn from, or why there are none."""

from __future__ import annotations

import hashlib

import numpy as np

from shared_core.errors import DataError
from shared_core.outcomes.table import OutcomeTable
from shared_core.policies.base import Matrix
from shared_core.pool import ModelPool


def learnable(outcomes: OutcomeTable, pool: ModelPool) -> OutcomeTable:
    """The rows with any score, priced, in an order of their own.

    Raises:
        DataError: models missing here or there, or nothing to learn from.
    """
    if not isinstance(outcomes, OutcomeTable):
        raise DataError(
            f"a router learns from an OutcomeTable, not a {type(outcomes).__name__}: "
            "OutcomeTable.read('outcomes.csv') makes one"
        )
    if not len(outcomes):
        raise DataError("the table has no rows: nothing to learn from")
    if unknown := [name for name in outcomes.models if name not in pool]:
        raise DataError(
            f"the table has outcomes of {', '.join(unknown)}, not in the pool of "
            f"{', '.join(pool.names)}: add candidates, or take outcomes.of(pool.names)"
        )
    table = outcomes.of(pool.names).priced(pool)
    table = table.rows(np.isfinite(table.score).any(axis=1))
    known = np.atleast_1d(np.isfinite(table.score).any(axis=0))
    if not known.all():
        silent = [
            name for name, any_known in zip(table.models, known, strict=True) if not any_known
        ]
        raise DataError(f"every score of {', '.join(silent)} is unknown: leave its columns out")
    return in_its_own_order(with_costs(table))


def in_its_own_order(table: OutcomeTable) -> OutcomeTable:
    """The rows sorted by their content, so that the order they came in can change nothing.

    By text and scores whichever model's, so that the columns' order changes nothing either; equal
    ones by whose the scores are, costs and domain.
    """
    texts = [text.encode("utf-8", "surrogatepass") for text in table.queries]
    digests = [
        hashlib.blake2b(text + score.tobytes(), digest_size=16).digest()
        for text, score in zip(texts, np.sort(table.score, axis=1), strict=True)
    ]
    named = table.of(sorted(table.models))
    told = [row.tobytes() for row in np.hstack([named.score, named.cost])]
    domains = table.domains or ("",) * len(table)
    keys = list(zip(digests, told, domains, strict=True))
    return table.rows(sorted(range(len(table)), key=keys.__getitem__))


def with_costs(table: OutcomeTable) -> OutcomeTable:
    """The table, if the cost of all models or of none is known; in the latter case, with zeros.

    Raises:
        DataError: the cost of some models is known, and nothing of that of others.
    """
    known = np.atleast_1d(np.isfinite(table.cost).any(axis=0))
    if known.all():
        return table
    if known.any():
        lacking = [
            name for name, any_known in zip(table.models, known, strict=True) if not any_known
        ]
        raise DataError(
            f"no cost known of {', '.join(lacking)}, but of others: give cost.<model> columns, or "
            "token counts in the table and prices in the pool"
        )
    free = {**table.measures, "cost": np.zeros_like(table.score)}
    return OutcomeTable(table.models, table.queries, free, table.columns, table.answers)


def means(values: Matrix) -> Matrix:
    """Mean (m,) of what is known of each model; of a model that is unknown here, that of all."""
    known = np.isfinite(values)
    total, count = np.where(known, values, 0.0).sum(axis=0), known.sum(axis=0)
    average = total.sum() / max(int(count.sum()), 1)
    found: Matrix = np.where(count > 0, total / np.maximum(count, 1), average)
    return found


def with_all_models(values: Matrix) -> Matrix:
    """Outcomes (n, m); a model of which nothing is known here is taken for an average one."""
    silent = ~np.isfinite(values).any(axis=0)
    return np.where(silent, means(values), values) if silent.any() else values


def cost_unit(cost: Matrix) -> float:
    """USD that count as one unit: the mean cost of the dearest model, or 1 where all are free."""
    return float(np.nanmean(cost, axis=0).max()) or 1.0
