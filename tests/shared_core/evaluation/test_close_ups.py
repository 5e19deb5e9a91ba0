"""Details of a trial, on outcomes so few that one can see what has to be shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from shared_core import OutcomeTable
from shared_core.evaluation import close_ups
from shared_core.evaluation.evaluate import trial

TRAIN = OutcomeTable.from_rows([{"query": "known", "score.small": 0, "score.large": 1}])


def shown(
    scores: Sequence[tuple[float, float]],
    *,
    saved: Sequence[float] | None = None,
    queries: Sequence[str] | None = None,
    domains: Sequence[str] | None = None,
    examples: int = 10,
) -> dict[str, Any]:
    """What there is to show of a router that sends each query to ``small`` and never to ``large``,
    the best single model, where they score so."""
    n = len(scores)
    table = OutcomeTable(
        ("small", "large"),
        tuple(queries or map("query {}".format, range(n))),
        {
            "score": np.array(scores, float),
            "cost": np.stack([np.ones(n), 1 + np.array(saved or [1.0] * n)], axis=1),
        },
        {"dataset": tuple(domains or ["all"] * n)},
    )
    return close_ups.of(trial({"r": ["small"] * n}, TRAIN, table), examples, "dataset")


def gains(found: dict[str, Any]) -> list[float]:
    """How much better each example is than the best single model."""
    return [one["quality"] - one["best_single_quality"] for one in found["examples"]["r"]]


@pytest.mark.parametrize(
    ("examples", "expected"),
    [(0, []), (1, [1]), (2, [1, -1]), (3, [1, 0.5, -1]), (4, [1, 0.5, -1])],
)
def test_of_an_odd_number_of_examples_gains_are_one_more(
    examples: int, expected: list[float]
) -> None:
    found = shown([(0, 1), (0.5, 0), (1, 0), (0.5, 0.5)], examples=examples)
    assert gains(found) == expected


def test_of_equal_gains_the_largest_saving_comes_first() -> None:
    found = shown([(1, 1)] * 4, saved=[2, 4, 1, 3])
    assert [one["best_single_cost"] for one in found["examples"]["r"]] == [5, 4, 3, 2]


def test_only_a_query_that_is_too_long_is_cut() -> None:
    found = shown([(1, 0)] * 2, queries=["x" * 280, "y" * 281])
    told = {one["query"] for one in found["examples"]["r"]}
    assert told == {"x" * 280, "y" * 280 + "…"}


def test_the_largest_domains_are_shown_the_largest_first() -> None:
    names = [f"domain {i}" for i in range(30)]
    found = shown([(1, 0)] * 32, domains=["other", *names, "other"])["domains"]
    assert len(found) == 30
    assert (found[0]["domain"], found[0]["n_test"]) == ("other", 2)


@pytest.mark.parametrize(("scores", "over"), [((1, 0), 1.0), ((0, 1), -1.0)])
def test_over_best_single_is_positive_where_the_router_is_better(
    scores: tuple[float, float], over: float
) -> None:
    (domain,) = shown([scores] * 60)["domains"]
    low, high = domain["routers"]["r"]["over_best_single"]
    assert min(low * over, high * over) > 0.8
    assert over in (low, high)


def test_a_few_rows_that_went_one_way_are_no_proof_that_all_do() -> None:
    (domain,) = shown([(1, 0)] * 2)["domains"]
    low, high = domain["routers"]["r"]["over_best_single"]
    assert (low <= 0.0, high) == (True, 1.0)


def test_texts_that_come_twice_are_no_more_evidence_in_a_domain() -> None:
    scores = [(i % 3 / 2, i % 2) for i in range(20)]
    queries = [f"query {i}" for i in range(20)]
    once, twice = (shown(scores * k, queries=queries * k)["domains"][0] for k in (1, 2))
    assert twice["n_test"] == 2 * once["n_test"]
    interval = once["routers"]["r"]["over_best_single"]
    assert interval[0] < interval[1]
    assert twice["routers"]["r"]["over_best_single"] == pytest.approx(interval)
