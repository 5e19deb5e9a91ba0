"""What a score tells, how far a hybrid looks ahead, and flows within wrappers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from price_ladder import POOL, SURE, UNSURE, hybrid, outcomes

from shared_core import (
    Agreement,
    Always,
    Answer,
    BestOfNRouter,
    CascadeRouter,
    ConfigError,
    CostQuality,
    Dispatcher,
    EnsembleRouter,
    FunctionEncoder,
    HybridRouter,
    JoinedEncoder,
    KNNRouter,
    LexicalEncoder,
    MeanLogprob,
    ModelPool,
    OutcomeTable,
    Query,
    Router,
    StickyRouter,
)
from shared_core.evaluation.replay import replay
from shared_core.routers.non_predictive.experience import Experience
from shared_core.routers.non_predictive.outlook import Outlook
from shared_core.routers.non_predictive.rehearsal import Rows, held_out_gain, listened

N, M = 400, 3


def experience(error: float, seed: int = 0) -> Experience:
    """Of a judge who errs so often, over answers that are right by chance of 0.3, 0.6 and 0.8."""
    rng = np.random.default_rng(seed)
    expected = np.tile([0.3, 0.6, 0.8], (N, 1))
    right = (rng.random((N, M)) < expected).astype(float)
    verdict = np.where(rng.random((N, M)) < error, 1 - right, right)
    return Experience.of(right, expected, verdict)


def outlook(learned: Experience, price: list[float]) -> Outlook:
    expected = np.array([0.3, 0.6, 0.8])
    return Outlook(("a", "b", "c"), learned.beliefs(np.arange(M), expected), np.array(price), {})


@pytest.mark.parametrize("verdict", [0.0, 1.0])
@pytest.mark.parametrize("model", range(M))
def test_a_judge_who_never_errs_settles_it(model: int, verdict: float) -> None:
    seen = outlook(experience(0.0), [0.0, 0.0, 0.0])
    seen.learn(model, verdict)
    assert seen.beliefs.quality[0, model] == pytest.approx(verdict, abs=0.05)


def test_a_judge_who_guesses_teaches_nothing() -> None:
    seen = outlook(experience(0.5), [0.0, 0.0, 0.0])
    before = seen.beliefs.quality[0]
    seen.learn(1, 1.0)
    np.testing.assert_allclose(seen.beliefs.quality[0], before, atol=0.1)


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 0.5), st.integers(0, M - 1), st.integers(0, 99))
def test_what_is_imagined_averages_to_what_is_expected(error: float, model: int, seed: int) -> None:
    beliefs = experience(error, seed).beliefs(np.arange(M), np.array([0.3, 0.6, 0.8]))
    chance, courses = beliefs.imagine(model)
    low, high = courses.mean
    np.testing.assert_allclose((1 - chance) * low + chance * high, beliefs.mean[0], atol=1e-9)
    assert (courses.quality >= 0).all()
    assert (courses.quality <= 1).all()


def test_what_the_prediction_tells_of_the_score_is_no_news() -> None:
    rng = np.random.default_rng(0)
    expected = rng.uniform(0.3, 0.7, (N, M))
    quality = (rng.random((N, M)) < 2 * expected - 0.5).astype(float)
    learned = Experience.of(quality, expected, 0.5 * expected + 0.2)
    seen = Outlook(("a", "b", "c"), learned.beliefs(np.arange(M), expected[0]), np.zeros(M), {})
    before = seen.beliefs.quality
    seen.learn(0, 0.5 * expected[0, 0] + 0.2)
    np.testing.assert_allclose(seen.beliefs.quality, before, atol=1e-3)
    assert seen.best_step() is None or seen.is_settled_by(seen.best_step() or 0)


def test_a_chance_relation_between_models_is_mostly_left_out() -> None:
    rng = np.random.default_rng(0)
    quality = (rng.random((N, M)) < 0.6).astype(float)
    verdict = np.where(rng.random((N, M)) < 0.4, 1 - quality, quality)
    found = Experience.of(quality, np.full((N, M), 0.6), verdict).covariance
    raw = np.cov(np.hstack([quality, verdict]), rowvar=False)
    others = ~np.eye(M, dtype=bool)
    assert np.abs(found[:M, M:][others]).max() < 0.6 * np.abs(raw[:M, M:][others]).max()
    np.testing.assert_allclose(np.diag(found[:M, M:]), np.diag(raw[:M, M:]), atol=1e-3)


def test_an_answer_nobody_can_judge_is_there_and_teaches_nothing() -> None:
    seen = outlook(experience(0.1), [0.0, 0.0, 0.0])
    before = seen.beliefs.quality
    seen.learn(0, float("nan"))
    assert seen.present == [0]
    np.testing.assert_array_equal(seen.beliefs.quality, before)


def test_two_cheap_ones_in_turn_come_before_a_dear_one() -> None:
    seen = outlook(experience(0.0), [0.001, 0.01, 0.3])
    first = seen.best_step()
    assert first in (0, 1)
    seen.learn(first, 0.0)
    assert seen.best_step() == 1 - first


def test_the_dear_one_alone_where_listening_costs_more_than_it_saves() -> None:
    seen = outlook(experience(0.4), [0.2, 0.2, 0.05])
    assert seen.best_step() == 2
    assert seen.is_settled_by(2)


def test_with_a_good_scorer_it_is_worth_more_than_its_router_at_every_cost_weight() -> None:
    router, held_out = hybrid(), outcomes(200, seed=1)
    unit = router.inner.cost_unit_
    for weight in (0.0, 0.03, 0.1, 0.3, 1.0):
        router.cost_weight, router.inner.policy = weight, CostQuality(weight)
        heard, routed = (
            quality - weight * cost / unit
            for cost, quality in (replay(one, held_out).point for one in (router, router.inner))
        )
        assert heard >= routed - 0.02, weight


def rehearsed(judge: Callable[[np.ndarray], np.ndarray], texts: list[str]) -> np.ndarray:
    """Gain where all is predicted alike, and the small model is right half the time at no cost."""
    rng = np.random.default_rng(0)
    quality = (rng.random((len(texts), 2)) < (0.5, 0.8)).astype(float)
    expected = np.tile([0.5, 0.8], (len(texts), 1))
    cost = np.tile([0.01, 1.0], (len(texts), 1))
    return held_out_gain(Rows(quality, expected, judge(quality), cost), texts, longest=2)[1]


@pytest.mark.parametrize("texts", [[f"q{i}" for i in range(N)], ["the same"] * N])
def test_listening_gains_with_a_judge_who_knows_and_with_no_other(texts: list[str]) -> None:
    noise = np.random.default_rng(1).random((N, 2))
    assert rehearsed(lambda quality: quality, texts).max() > 0.05
    assert rehearsed(lambda quality: noise, texts).max() < 0.02


def test_it_only_routes_at_cost_weights_where_listening_brought_nothing() -> None:
    router = hybrid()
    with pytest.raises(ConfigError, match="only after hearing"):
        router.route("question number 7")
    router.held_out_gain_[1] = np.where(router.held_out_gain_[0] > 0.05, -0.01, 0.01)
    assert router.route("question number 7").cause == "policy"
    with pytest.raises(ConfigError, match="only after hearing"):
        router.route(Query("question number 7", cost_weight=0.01))


def test_a_rehearsal_goes_as_the_router_would() -> None:
    router, new = hybrid(), outcomes(40, seed=1)
    unit = router.inner.cost_unit_
    predicted = router.inner.predict(new.queries)
    scores = np.exp(new.measures["logprob"])
    rows = Rows(new.score, predicted.quality, scores, new.cost / unit)
    learned = Experience(router.gap_, router.covariance_, router.vagueness_)
    for weight in (0.01, 0.1, 0.3):
        router.cost_weight = weight
        chosen, asked = listened(learned, rows, weight * predicted.cost[0] / unit, router.longest)
        went = replay(router, new)
        np.testing.assert_allclose(new.score[np.arange(40), chosen], went.quality)
        np.testing.assert_allclose((asked * new.cost).sum(axis=1), went.cost)


def test_of_several_answers_one_that_cannot_be_judged_is_not_kept_over_good_ones() -> None:
    flow = BestOfNRouter(POOL, MeanLogprob(), n=2).flow(Query("question"))
    ask = next(flow)
    unjudged, good = (Answer(ask.models[0], text) for text in ("unjudged", "good"))
    with pytest.raises(StopIteration) as done:
        flow.send([unjudged, replace(good, logprob=-0.05)])
    assert done.value.value.answer.text == "good"


@pytest.mark.parametrize(
    "other", [(), (FunctionEncoder(lambda texts: [[1.0]] * len(texts), name="one"),)]
)
def test_a_given_encoder_learns_from_all_rows_and_for_each_fold_from_its_own(
    other: tuple[FunctionEncoder, ...],
) -> None:
    seen: list[int] = []

    class Counting(LexicalEncoder):
        def fit(self, texts: Sequence[str], progress: Any = None) -> Self:
            seen.append(len(texts))
            return super().fit(texts, progress)

    given = Counting()
    encoder = JoinedEncoder([given, *other]) if other else given
    HybridRouter(KNNRouter(POOL, k=20, encoder=encoder), MeanLogprob()).fit(outcomes())
    assert seen == [40, 40, 40, 60]
    assert given.n_features == LexicalEncoder().fit(outcomes().queries).n_features


FLOWS: dict[str, Callable[[], Router]] = {
    "cascade": lambda: CascadeRouter(POOL, MeanLogprob(), 0.5),
    "cascade of a router": lambda: CascadeRouter(POOL, MeanLogprob(), 0.5, 2, _knn()),
    "ensemble": lambda: EnsembleRouter(POOL, Agreement(), k=2),
    "ensemble of a router": lambda: EnsembleRouter(POOL, Agreement(), 2, _knn()),
    "best of n": lambda: BestOfNRouter(POOL, MeanLogprob(), n=2),
    "hybrid": hybrid,
}


def _knn() -> KNNRouter:
    return KNNRouter(POOL, k=20, encoder=LexicalEncoder()).fit(outcomes())


@pytest.mark.parametrize("make", FLOWS.values(), ids=FLOWS)
@pytest.mark.parametrize("wrapper", [None, StickyRouter])
def test_every_flow_runs_alone_around_a_router_and_within_a_wrapper(
    make: Callable[[], Router], wrapper: Callable[[Router], Router] | None
) -> None:
    router = make() if wrapper is None else wrapper(make())
    said = Answer("", "forty two", logprob=-0.05, in_tokens=10, out_tokens=5)

    def call(model: str, *_: str) -> Answer:
        return Answer(model, said.text, logprob=said.logprob, in_tokens=10, out_tokens=5)

    decision, answer = Dispatcher(router).run("question number 3", call)
    assert answer.text == said.text
    assert decision.model == answer.model
    assert decision.model in POOL
    assert all(attempt.outcome == "answered" for attempt in decision.attempts)


def guess(query: Query, answer: Answer) -> float:
    """A function that scores, which is no scorer."""
    return 0.5


@pytest.mark.parametrize(
    "make", [CascadeRouter, EnsembleRouter, BestOfNRouter, lambda _, s: HybridRouter(_knn(), s)]
)
@pytest.mark.parametrize(("scorer", "told"), [(guess, "guess"), (MeanLogprob, "MeanLogprob")])
def test_what_is_no_scorer_is_told_at_once(
    make: Callable[..., Router], scorer: object, told: str
) -> None:
    with pytest.raises(ConfigError, match=f"{told} is no Scorer"):
        make(POOL, scorer)


@pytest.mark.parametrize("listening", [CascadeRouter, EnsembleRouter, BestOfNRouter])
def test_who_listens_and_who_is_within_have_one_pool(listening: type[Router]) -> None:
    with pytest.raises(ConfigError, match="inner may choose z; the pool has a, b, c"):
        listening(POOL, scorer=MeanLogprob(), inner=Always(["a", "z"]))  # type: ignore[call-arg]
    listening(POOL, scorer=MeanLogprob(), inner=Always(["a", "b"]))  # type: ignore[call-arg]


def test_cost_counts_as_the_inner_policy_says_unless_told_otherwise() -> None:
    dear, free = (
        KNNRouter(POOL, policy=CostQuality(weight), k=20, encoder=LexicalEncoder())
        for weight in (5.0, 0.0)
    )

    def call(model: str) -> Answer:
        return Answer(model, "?", logprob=SURE if model == "c" else UNSURE)

    chosen = []
    for inner, weight in ((dear, None), (free, 5.0), (free, None), (dear, 0.0)):
        router = HybridRouter(inner, MeanLogprob(), weight).fit(outcomes())
        chosen.append(Dispatcher(router).run("question number 1", call)[0].model)
    assert chosen == ["b", "b", "c", "c"]


@pytest.mark.parametrize("wrong", [-1.0, float("nan"), "much"])
def test_a_cost_weight_that_makes_no_sense_is_told(wrong: Any) -> None:
    with pytest.raises(ConfigError, match="cost_weight is a number from 0 up"):
        HybridRouter(KNNRouter(POOL), MeanLogprob(), wrong)


@pytest.mark.parametrize(
    ("make", "asked"),
    [
        (lambda: BestOfNRouter(POOL, MeanLogprob(), n=2, inner=Always(POOL, "b")), "b"),
        (lambda: EnsembleRouter(POOL, MeanLogprob(), k=2, inner=Always(POOL, "b")), "ba"),
        (lambda: CascadeRouter(POOL, MeanLogprob(), longest=2, inner=Always(POOL, "b")), "a"),
    ],
)
def test_where_who_was_asked_failed_the_next_of_the_ranking_is_chosen(
    make: Callable[[], Router], asked: str
) -> None:
    flow = make().start("question number 1")
    step = next(flow)
    assert set(step.models) == set(asked)
    with pytest.raises(StopIteration) as done:
        flow.send([Answer(model, "", error="is down") for model in step.models])
    ranking = done.value.value.ranking
    assert done.value.value.cause == "policy"  # nothing was heard
    assert set(ranking[-len(asked) :]) == set(asked)
    assert ranking[0] == next(name for name in ("b", "a", "c") if name not in asked)


def test_nobody_listens_to_the_only_answer_there_can_be() -> None:
    table = outcomes()
    knn = KNNRouter(POOL, k=20, encoder=LexicalEncoder())
    router = HybridRouter(knn, MeanLogprob(), longest=1).fit(table)
    router.held_out_gain_ = np.array([[0.0, 1.0], [1.0, 1.0]])  # as if listening paid
    assert router.route("question number 1").cause == "policy"


def test_an_unknown_cost_is_not_taken_for_nothing_in_rehearsal() -> None:
    table = outcomes()
    cost = table.cost.copy()
    hidden = replace(table, measures={**table.measures, "cost": cost})
    cost[np.random.default_rng(0).random(cost.shape) < 0.6] = np.nan
    whole, partly = (
        HybridRouter(KNNRouter(POOL, k=20, encoder=LexicalEncoder()), MeanLogprob()).fit(one)
        for one in (table, hidden)
    )
    np.testing.assert_allclose(partly.held_out_gain_, whole.held_out_gain_, atol=1e-9)


def test_a_model_that_its_router_gained_later_is_left_alone(tmp_path: Path) -> None:
    router, table = hybrid(), outcomes()
    scores = {**{f"score.{name}": table.score[:, j] for j, name in enumerate(table.models)},
              **{f"cost.{name}": table.cost[:, j] for j, name in enumerate(table.models)},
              "score.new": table.score[:, 0], "cost.new": table.cost[:, 0]}  # fmt: skip
    rows = [{name: values[i] for name, values in scores.items()} for i in range(len(table))]
    anchors = OutcomeTable.from_rows(
        {"query": query, **row} for query, row in zip(table.queries, rows, strict=True)
    )
    router.inner.add_candidate("new", anchors)
    again = Router.load(router.save(tmp_path / "router"))
    decisions = [replay_one(one) for one in (router, again)]
    assert decisions[0].ranking == decisions[1].ranking
    assert decisions[1].rejected == {"new": "was added after this router learned: fit it again"}


def replay_one(router: Router) -> Any:
    """Its decision on a question, where every answer is sure."""
    call = lambda model: Answer(model, "yes", logprob=SURE)  # noqa: E731
    return Dispatcher(router).run("question number 7", call)[0]


def test_of_models_equally_worth_it_the_cheaper_comes_first() -> None:
    turned = ModelPool([*POOL.values()][::-1])
    table = outcomes()
    table = replace(table, measures={**table.measures, "score": np.ones(table.score.shape)})
    knn = KNNRouter(turned, policy=CostQuality(0.0), k=20, encoder=LexicalEncoder())
    found = HybridRouter(knn, MeanLogprob()).fit(table).route("question number 1")
    assert found.ranking == ("a", "b", "c")
    told = knn.predict(["question number 1"])
    assert found.cost == dict(zip(told.models, told.cost[0].tolist(), strict=True))


def hear(router: Router, *logprobs: float | None) -> tuple[Any, list[str]]:
    """The decision, and who was asked, where answers come with these log-probabilities in turn."""
    flow, told, asked = router.start("question number 1"), iter(enumerate(logprobs)), []
    try:
        step = next(flow)
        while True:
            asked += step.models
            said = zip(step.models, told, strict=False)
            step = flow.send([Answer(m, f"answer {i}", logprob=sure) for m, (i, sure) in said])
    except StopIteration as done:
        return done.value, asked


def test_a_cascade_climbs_by_price_and_stops_at_its_threshold() -> None:
    made = CascadeRouter(POOL, MeanLogprob(), 1.0, longest=2, inner=Always(POOL, "c"))
    decision, asked = hear(made, 0.0)
    assert (decision.model, asked) == ("a", ["a"])
    decision, asked = hear(made, -0.1)
    assert (decision.model, asked, decision.answer) == ("c", ["a"], None)


@pytest.mark.parametrize(("logprobs", "kept"), [((-0.5, -0.5), 0), ((None, -0.5), 1)])
def test_the_first_of_equals_is_kept_and_none_that_cannot_be_judged(
    logprobs: tuple[float | None, ...], kept: int
) -> None:
    decision, _ = hear(BestOfNRouter(POOL, MeanLogprob(), n=2), *logprobs)
    assert decision.answer.text == f"answer {kept}"
