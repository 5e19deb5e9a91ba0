"""What has to hold of every metric on any outcomes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shared_core as metrics
from shared_core import DataError, OutcomeTable, judge

SEEDS = st.integers(0, 2**32 - 1)
few = settings(max_examples=40, deadline=None)
fewer = settings(max_examples=5, deadline=None)  # each judges and resamples a whole table


def outcomes(seed: int, n: int = 60, m: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Scores (n, m) with ties, and costs (n, m)."""
    rng = np.random.default_rng(seed)
    score = np.round(rng.random((n, m)), 1)
    return score, rng.random((n, m)) * np.geomspace(0.01, 1, m)


def pair(seed: int, n: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Score, strong and weak outcomes, the strong better on average."""
    rng = np.random.default_rng(seed)
    weak = (rng.random(n) < 0.4).astype(float)
    strong = (rng.random(n) < 0.8).astype(float)
    strong[:30], weak[:10] = 1.0, 0.0
    return np.round(rng.random(n), 1), strong, weak


@few
@given(SEEDS)
def test_row_order_does_not_matter(seed: int) -> None:
    score, strong, weak = pair(seed)
    order = np.random.default_rng(seed).permutation(len(score))
    for metric in (metrics.apgr, lambda *arrays: metrics.cpt(*arrays, 0.5)):
        shuffled = metric(score[order], strong[order], weak[order])
        assert metric(score, strong, weak) == pytest.approx(shuffled)
    quality, cost = outcomes(seed)
    order = np.random.default_rng(seed).permutation(len(cost))
    one = metrics.aiq_range(cost.mean(axis=1), quality.mean(axis=1), 0.1, 0.9)
    assert one == metrics.aiq_range(cost.mean(axis=1)[order], quality.mean(axis=1)[order], 0.1, 0.9)


@few
@given(SEEDS)
def test_better_answers_never_lower_a_figure(seed: int) -> None:
    quality, cost = outcomes(seed)
    raised = np.minimum(1.0, quality + 0.1 * np.random.default_rng(seed).random(quality.shape))
    x = cost.mean(axis=0)
    ends = float(x.min()), float(x.max())
    aiq = [metrics.aiq_range(x, values.mean(axis=0), *ends) for values in (quality, raised)]
    assert aiq[1] >= aiq[0] - 1e-12
    score, strong, weak = pair(seed)
    sent_first = score >= 0.8  # only these go to the strong model at 20 %, so only these can help
    best = np.where(sent_first, 1.0, strong)
    shares, before = metrics.calls_curve(score, strong, weak)
    assert (metrics.calls_curve(score, best, weak)[1] >= before - 1e-12).all()
    assert shares[0] == 0
    assert shares[-1] == 1


@fewer
@given(SEEDS)
def test_no_choice_beats_the_oracle(seed: int) -> None:
    quality, cost = outcomes(seed)
    table = OutcomeTable(
        ("a", "b", "c"), tuple(map(str, range(60))), {"score": quality, "cost": cost}
    )
    guess = np.random.default_rng(seed).random(quality.shape)
    found = judge({"any": guess, "first": ["a"] * 60}, table, table)
    oracle = found.lines["oracle"]
    for line in found.routers.values():
        assert line.quality <= oracle.quality + 1e-12
        assert line.metrics["gap_at_oracle"] >= -1e-12
        assert line.metrics["regret"] == pytest.approx(oracle.quality - line.quality)
    assert found.routers["any"].aiq_range <= oracle.aiq_range + 1e-9
    assert found.routers["first"].aiq_range is None  # one point, no knob
    assert found.routers["first"].traffic == {"a": 1.0, "b": 0.0, "c": 0.0}


@few
@given(SEEDS)
def test_optimal_quality_is_above_every_score(seed: int) -> None:
    score, strong, weak = pair(seed)
    share, quality = metrics.calls_curve(score, strong, weak)
    optimal = metrics.optimal_quality(share, strong, weak)
    assert (optimal >= quality - 1e-12).all()
    assert (np.diff(optimal) >= -1e-12).all()


def test_a_random_score_recovers_half_the_gap() -> None:
    rng = np.random.default_rng(0)
    strong, weak = (
        (rng.random(20_000) < 0.8).astype(float),
        (rng.random(20_000) < 0.5).astype(float),
    )
    assert metrics.apgr(rng.random(20_000), strong, weak) == pytest.approx(0.5, abs=0.02)
    assert metrics.apgr(np.zeros(20_000), strong, weak) == pytest.approx(0.5)  # all tied: exactly


@fewer
@given(SEEDS)
def test_the_zero_router_is_the_hull_of_single_models(seed: int) -> None:
    quality, cost = outcomes(seed)
    table = OutcomeTable(
        ("a", "b", "c"), tuple(map(str, range(60))), {"score": quality, "cost": cost}
    )
    zero = judge({}, table, table).lines["zero"]
    x, y = cost.mean(axis=0), quality.mean(axis=0)
    corners = metrics.hull(x, y)
    expected = metrics.aiq_range(x, y, float(x.min()), float(x.max()))
    assert zero.aiq_range == pytest.approx(expected)
    assert metrics.aiq_range(*corners, float(x.min()), float(x.max())) == pytest.approx(expected)


def test_the_strong_models_ties_are_sent_in_random_order() -> None:
    share, quality = metrics.calls_curve([1, 1, 0, 0], [1, 0, 1, 1], [0, 0, 1, 0])
    assert share.tolist() == [0, 0.5, 1]
    assert quality.tolist() == [0.25, 0.5, 0.75]
    assert metrics.cpt([1, 1, 0, 0], [1, 0, 1, 1], [0, 0, 1, 0], 0.25) == pytest.approx(25)


def test_by_hand() -> None:
    assert metrics.performance_gap_recovered([0.5, 0.75], 1.0, 0.5).tolist() == [0, 0.5]
    assert metrics.perf_gain(np.array([0.5, 0.9]), 0.6) == pytest.approx(0.5)
    x, y = np.array([1.0, 3.0]), np.array([0.4, 0.8])
    assert metrics.qnc(x, y, 0.6, 4.0) == pytest.approx(0.5)
    assert metrics.cost_save(x, y, 0.6, 4.0) == pytest.approx(0.5)
    assert metrics.qnc(x, y, 0.9, 4.0) is None
    assert metrics.cost_efficiency(0.7, 3.0, 0.5, 1.0) == pytest.approx(0.1)
    assert metrics.cost_efficiency(0.7, 1.0, 0.5, 1.0) is None
    assert metrics.gap_at_oracle(0.6, 0.8) == pytest.approx(0.25)
    assert metrics.regret([0, 1], [[1, 0], [1, 0]]) == 0.5
    assert metrics.selection_entropy([0, 1, 0, 1], 3) == pytest.approx(np.log(2))
    assert metrics.selection_entropy([0, 0], 3) == 0.0
    assert metrics.abstained_share(["default", "policy", "policy", "guard"]) == 0.5
    assert metrics.tied_share([[1, 1, 0], [1, 0, 0]]) == 0.5
    assert metrics.arena_score(0.7, 0.0044) == pytest.approx(1.1 * 0.7 / (0.07 + 1))
    assert metrics.arena_score(0.7, 500) == 0.0
    middle = (200 * 0.0044) ** 0.5  # half-way in the logarithm
    assert metrics.arena_score(0.5, middle) == pytest.approx(1.1 * 0.25 / 0.55)


def test_pareto_by_hand() -> None:
    front = metrics.pareto_front([1, 2, 2, 3, 4], [0.5, 0.6, 0.4, 0.6, 0.9])
    assert front.tolist() == [True, True, False, False, True]
    on = ([1, 4], [0.5, 0.9])
    assert metrics.pareto_dist(*on, *on) == 0
    assert metrics.pareto_dist([4], [0.5], *on) == pytest.approx(1.0)  # one extent away, either way
    assert metrics.pareto_ratio([1, 4], [0.5, 0.5], [4], [0.9]) == 0.5


def test_cascades_by_hand() -> None:
    paid, quality = metrics.paid_cascade(
        [0, 1], [[True, True], [False, False]], [[1, 1], [0, 0.5]], [[1, 10], [1, 10]]
    )
    assert paid.tolist() == [1, 11]
    assert quality.tolist() == [1, 0.5]
    assert metrics.cascade_auc([1, 3], [0.5, 0.7], 1, 3) == pytest.approx(0.6)
    assert metrics.ibc(0.8, 3.0, 0.6, 1.0) == pytest.approx(0.1)
    assert metrics.ibc_lift(0.8, 2.0, (0.6, 1.0), (0.8, 3.0)) == pytest.approx(100)
    truth = np.zeros((4000, 2))
    assert metrics.noisy_verdicts(truth, 0.2).mean() == pytest.approx(0.2, abs=0.02)
    assert (metrics.noisy_verdicts(truth, 0.0) == truth).all()


def test_calibration_by_hand() -> None:
    found = metrics.reliability_diagram([0.05, 0.95, 0.95, 1.0], [0, 1, 0, 1])
    assert found.count.tolist() == [1, 3]
    assert found.ece == pytest.approx((0.05 + 3 * (2.9 / 3 - 2 / 3)) / 4)
    assert metrics.expected_calibration_error([0.25] * 4, [0, 0, 0, 1]) == 0


def test_a_share_that_is_reached_exactly_is_reached_whatever_rounding_says() -> None:
    # of ten queries the second call gains one of the five there are, the fourth another
    strong, weak = np.array([1.0] * 8 + [0.0] * 2), np.array([0.0, 1, 0, 1, 1, 0, 1, 0, 0, 0])
    score = -np.arange(10.0)
    gap = strong.sum() - weak.sum()
    for target in np.arange(1, gap + 1) / gap:
        gained = np.cumsum(strong - weak) / gap
        first = int(np.flatnonzero(np.isclose(gained, target) | (gained > target))[0]) + 1
        assert metrics.cpt(score, strong, weak, target) == pytest.approx(10 * first)


def test_lists_are_points_too() -> None:
    assert metrics.aiq_range([1, 3], [0.2, 0.8], 1, 3) == pytest.approx(0.5)
    assert metrics.qnc([1, 3], [0.2, 0.8], 0.5, 4) == pytest.approx(0.5)


def test_what_lies_outside_the_costs_asked_for_counts_nothing() -> None:
    cost, quality = [0.5, 1, 3, 4, 5], [0.0, 0.2, 0.8, 0.85, 0.86]
    assert metrics.aiq_range(cost, quality, 1, 3) == pytest.approx(0.5)


def test_a_quality_that_only_rounding_misses_is_reached() -> None:
    wanted = 0.1 + 0.2
    assert metrics.cost_at_quality([1, 2], [0.1, 0.3], wanted) == pytest.approx(2)


def test_throughput_by_hand() -> None:
    one = metrics.throughput([1, 1, 2], 1, [10, 10, 20])
    assert (one.queries_per_second, one.tokens_per_second) == (0.75, 10)
    assert metrics.throughput([1, 1, 2], 2).queries_per_second == 1.0
    assert metrics.decisions_per_second(len, ["a", "b"]) > 0


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: metrics.apgr([1, 2], [0, 0], [1, 1]), "no gap to recover"),
        (lambda: metrics.apgr([1, 2], [0, 0, 1], [1, 1]), "arrays of one length"),
        (lambda: metrics.apgr([1, np.nan], [1, 1], [0, 0]), "score holds numbers that are not"),
        (lambda: metrics.cpt([1, 2], [1, 1], [0, 0], 50), "from 0 to 1"),
        (lambda: metrics.qnc(np.ones(1), np.ones(1), 1.0, 0.0), "nothing can be measured"),
        (lambda: metrics.gap_at_oracle(0, 0), "has no meaning"),
        (lambda: metrics.arena_score(1.1, 1), "is odd"),
        (lambda: metrics.pareto_dist([1], [], [1], [1]), "are no points"),
        (lambda: metrics.ibc(1, 1, 0, 1), "no extra cost"),
        (lambda: metrics.ibc_lift(1, 2, (0, 1), (0, 2)), "no better than the small"),
        (lambda: metrics.reliability_diagram([], []), "0 predictions"),
        (lambda: metrics.throughput([0, 0]), "not all of them 0"),
        (lambda: metrics.noisy_verdicts([1], 2), "error rate"),
        (lambda: metrics.negative_log_likelihood([0.5]), "up to 0"),
        (lambda: metrics.bert_sim(["a"], []), "are no pairs"),
        (lambda: metrics.routellm_curve([1, 2], [1], [0]), "not one number per query"),
        (lambda: metrics.aiq_routerbench([]), "no router"),
        (lambda: metrics.aiq_range([], [], 0, 1), "are no points"),
        (lambda: metrics.aiq_range([np.nan, 1], [0.5, 0.6], 0, 1), "not finite"),
        (lambda: metrics.aiq_range([1, 2], [0.5, 0.6], 2, 1), "are no range"),
        (lambda: metrics.cost_save([1], [0.5], float("nan"), 1), "a quality of nan"),
        (lambda: metrics.perf_gain([np.nan], 0.5), "not finite"),
        (lambda: metrics.regret([0], [[1, 0], [0, 1]]), "take as many rows"),
        (lambda: metrics.regret([-1], [[1, 0]]), "columns from 0 to 1, not -1"),
        (lambda: metrics.traffic([5], 2), "columns from 0 to 1, not 5"),
        (lambda: metrics.throughput([1, 1], 1, [2]), "1 token counts for 2"),
        (lambda: metrics.paid_cascade([-1], [[True]], [[1.0]], [[1.0]]), "an order is columns"),
    ],
)
def test_errors_say_what_is_wrong(call: object, told: str) -> None:
    with pytest.raises(DataError, match=told):
        call()  # type: ignore[operator]
