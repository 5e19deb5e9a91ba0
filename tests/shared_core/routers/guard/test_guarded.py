"""The guard falls back where choosing did harm in domains that were left out."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from beside import DATA
from hypothesis import given, settings
from hypothesis import strategies as st
from small_world import HELD_OUT, POOL, TRAIN, outcomes, score

from shared_core import (
    Always,
    Answer,
    CascadeRouter,
    ConfigError,
    CostQuality,
    Dispatcher,
    Encoder,
    FunctionEncoder,
    GuardedRouter,
    HybridRouter,
    JoinedEncoder,
    LexicalEncoder,
    LinearRouter,
    MeanLogprob,
    NgramRouter,
    OutcomeTable,
    Query,
    Router,
    StickyRouter,
    TokenCostRouter,
)
from shared_core.encoders.shape import shape
from shared_core.routers.guard.ground import survey
from shared_core.routers.guard.guarded import _chances
from shared_core.routers.guard.retraining import retraining, untrained
from shared_core.routers.guard.trust import NEVER, Tried, threshold, tried
from shared_core.routers.guard.unseen import _Stage
from shared_core.routers.predictive.base import Progress
from shared_core.routers.predictive.reading import Reading


@pytest.fixture(scope="module")
def small() -> GuardedRouter:
    """A guard over the small world; tests change copies only."""
    return GuardedRouter(LinearRouter(POOL, alpha=3.0)).fit(outcomes())


def changed(guard: GuardedRouter, **settings: Any) -> GuardedRouter:
    """A copy that has learned the same and is set otherwise."""
    other = copy.copy(guard)
    vars(other).update(settings)
    return other


def test_the_guard_falls_back_and_says_so(small: GuardedRouter) -> None:
    inner = LinearRouter(POOL, policy=CostQuality(0.0), alpha=3.0)
    guard = GuardedRouter(inner, threshold=NEVER).fit(outcomes())
    decision = guard.route("xylophones, entirely unlike anything that was trained on")
    assert decision.model == "large"
    assert changed(small, threshold=-1.0).route(HELD_OUT[0]).model == "sums"
    told = {guard.route(text).cause for text in HELD_OUT}
    assert "guard" in told
    assert any("unsure (expected gain" in guard.route(text).reason for text in HELD_OUT)


@pytest.mark.parametrize("around", [None, TokenCostRouter])
def test_a_model_that_the_router_gained_later_is_no_safe_one(around: Any, tmp_path: Path) -> None:
    learner = LinearRouter([POOL[name] for name in POOL.names[:3]], alpha=3.0)
    inner = learner if around is None else around(learner)
    fitted = GuardedRouter(inner).fit(outcomes(TRAIN, POOL.names[:3]))
    learner.add_candidate(POOL["large"], outcomes(TRAIN[:60]))
    others = dict.fromkeys(POOL.names[:3], "is out")
    for asked in (-1.0, None, NEVER):
        guard = changed(fitted, threshold=asked)
        loaded = Router.load(guard.save(tmp_path / f"{asked}"))
        for router in (guard, loaded):
            told = [router.route(text) for text in HELD_OUT]
            assert [one.model for one in told] == [loaded.route(text).model for text in HELD_OUT]
            assert {one.model for one in told if one.cause == "guard"} <= set(POOL.names[:3])
            assert asked != NEVER or "large" not in {one.model for one in told}
            assert router.route(Query("hi", exclude=others)).model == "large"
            assert router.route(Query("hi", model="large")).model == "large"


def test_a_router_that_brings_its_own_encoder_is_rehearsed_with_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Measuring(LinearRouter):
        def _trained_encoder(self, texts: Sequence[str], report: Progress) -> Encoder:
            return _lengths()

    def refuse(*_: object) -> None:
        raise AssertionError("another encoder was trained")

    learned = LexicalEncoder().fit(TRAIN)
    monkeypatch.setattr(LexicalEncoder, "fit", refuse)
    joined = LinearRouter(POOL, encoder=JoinedEncoder([learned, _lengths()]), alpha=3.0)
    for router in (Measuring(POOL, alpha=3.0), joined):
        assert GuardedRouter(router).fit(outcomes()).route(HELD_OUT[0]).model in POOL


def test_the_router_itself_learns_anew_without_each_domain() -> None:
    fitted_on: list[set[str]] = []

    class Noting(LinearRouter):
        def _see(self, reading: Reading) -> Any:
            if not hasattr(self, "weights_"):
                fitted_on.append(set(reading.labels or ()))
            return super()._see(reading)

    table = _table(whims=False)
    GuardedRouter(Noting(["a", "b"], alpha=1.0)).fit(table)
    labels = set(table.columns["dataset"])
    assert fitted_on[:6] == [labels] * 6  # all rows, then a fifth of them left out each time
    assert fitted_on[6:] == [labels - {one} for one in sorted(labels)]


def test_who_is_too_sure_of_himself_on_strange_ground_is_trusted_less_there() -> None:
    """Both do the same where they learned; one is as sure of it where nobody can be."""

    class Careful(LinearRouter):
        def _see(self, reading: Reading) -> Any:
            self.known_ = getattr(self, "known_", set(reading.labels or ()))
            mark = [one in self.known_ for one in (reading.labels or map(_domain, reading.texts))]
            return super()._see(reading) * np.array(mark, np.float32)[:, None]

    def asked(kind: type[LinearRouter]) -> float:
        table = _table(whims=True)
        return float(GuardedRouter(kind(["a", "b"], alpha=1.0)).fit(table).trust_[1, 0])

    assert asked(Careful) < asked(LinearRouter)


def _domain(text: str) -> str:
    return next(word for word in text.split() if word.startswith("domain"))


def test_a_model_unknown_without_some_domain_is_rehearsed_at_its_mean() -> None:
    table = _table(whims=False)
    score = table.score.copy()
    only = np.array([one == "domain0" for one in table.columns["dataset"]])
    score[~only, 1] = np.nan
    lacking = replace(table, measures={**table.measures, "score": score})
    guard = GuardedRouter(LinearRouter(["a", "b"], alpha=1.0)).fit(lacking)
    assert np.isfinite(guard.trust_).all()
    assert guard.route("add 7 and 1 domain1").model in ("a", "b")


def test_the_order_of_rows_changes_nothing_in_trust(small: GuardedRouter) -> None:
    turned = GuardedRouter(LinearRouter(POOL, alpha=3.0)).fit(outcomes(TRAIN[::-1]))
    np.testing.assert_array_equal(small.trust_, turned.trust_)


def test_of_a_joined_encoder_what_was_trained_along_is_trained_anew() -> None:
    texts, read = list(TRAIN), []

    def embed(found: list[str]) -> list[list[float]]:
        read.extend(found)
        return [[len(text), 40.0] for text in found]

    encoder = JoinedEncoder([LexicalEncoder(), FunctionEncoder(embed, "lengths")])
    along = untrained(encoder)
    anew = retraining(encoder.fit(texts), along)
    whole = Reading(texts, encoder)
    _ = whole.vectors
    assert anew is not None
    read.clear()
    for rest in (texts[::2], texts[1::2]):
        afresh = JoinedEncoder([LexicalEncoder().fit(rest), _lengths()])
        assert np.array_equal(whole.read_by(anew(rest)).vectors, afresh(texts))
    assert not read  # what was not trained along has read the texts already
    assert retraining(encoder, untrained(encoder)) is None


@pytest.mark.parametrize("kind", [LinearRouter, NgramRouter])
def test_where_nothing_is_left_to_learn_from_nothing_is_trusted(kind: Any) -> None:
    rows = [*TRAIN[:40], "zxqj", "vwkb"]
    labels = ["many"] * 40 + ["one", "another"]
    whole, told = outcomes(rows), []
    table = replace(whole, columns={**whole.columns, "dataset": tuple(labels)})
    guard = GuardedRouter(kind(POOL, alpha=3.0)).fit(table, told.append)
    assert any(line.startswith("trusts no choice") and "n-gram" in line for line in told)
    decisions = [guard.route(text) for text in HELD_OUT]
    safe = guard.best_single(guard.router.policy, POOL.names)
    assert {decision.model for decision in decisions} == {safe}
    assert any("no choice proved worth the risk" in decision.reason for decision in decisions)


@pytest.mark.parametrize("wrapped", ["cascade", "hybrid", "sticky", "tokens"])
def test_a_router_that_hears_answers_is_not_asked_about_what_is_strange(
    wrapped: str, tmp_path: Path
) -> None:
    inner = LinearRouter(POOL, policy=CostQuality(0.0), alpha=3.0)
    listening: Router = StickyRouter(inner)
    if wrapped == "cascade":
        listening = CascadeRouter(POOL, MeanLogprob(), 0.5, inner=inner)
    elif wrapped == "hybrid":
        listening = HybridRouter(inner, MeanLogprob())
    elif wrapped == "tokens":
        listening = TokenCostRouter(inner)
    guard = GuardedRouter(listening, threshold=0.02).fit(_with_logprobs())
    asked: list[str] = []

    def call(model: str) -> Answer:
        asked.append(model)
        return Answer(model, "yes", logprob=-0.1)

    strange, _ = Dispatcher(guard).run("xylophones, entirely unlike anything trained on", call)
    assert (strange.cause, strange.model, asked) == ("guard", "large", ["large"])
    familiar, _ = Dispatcher(guard).run(TRAIN[5], call)
    assert familiar.router != "GuardedRouter"
    loaded = Router.load(guard.save(tmp_path / "guard"))
    assert loaded.route("xylophones, entirely unlike anything trained on").cause == "guard"


def test_a_flow_that_reads_no_text_cannot_be_guarded() -> None:
    with pytest.raises(ConfigError, match="no predictive router in it"):
        GuardedRouter(Always(POOL)).fit(outcomes())


def _with_logprobs() -> OutcomeTable:
    """The small world, each answer as likely as it is good."""
    return OutcomeTable.from_rows([
        {"query": text}
        | {f"score.{name}": score(name, text) for name in POOL}
        | {f"cost.{name}": POOL[name].cost(20, 20) for name in POOL}
        | {f"logprob.{name}": float(np.log(score(name, text))) for name in POOL}
        for text in TRAIN
    ])  # fmt: skip


def _table(whims: bool) -> OutcomeTable:
    """Two models and four domains; by whim, who is better turns from one to the next."""
    rng, rows = np.random.default_rng(0), []
    for domain in range(4):
        for number in range(60):
            sums = number % 2 == 0
            text = f"add {number} and {domain}" if sums else f"rhyme on city {number} of {domain}"
            wins = (sums != bool(domain % 2)) if whims else sums
            rows.append({
                "query": f"{text} domain{domain} " + "x" * int(rng.integers(1, 5)),
                "dataset": f"domain{domain}", "score.a": float(wins), "score.b": float(not wins),
                "cost.a": 1.0, "cost.b": 1.0,
            })  # fmt: skip
    return OutcomeTable.from_rows(rows)


def _guard(whims: bool) -> GuardedRouter:
    return GuardedRouter(LinearRouter(["a", "b"], policy=CostQuality(0.0), alpha=1.0)).fit(
        _table(whims)
    )


def test_what_holds_in_every_domain_is_trusted_in_a_new_one() -> None:
    guard = _guard(whims=False)
    assert guard.route("add 7 and 9 domain9").model == "a"
    assert guard.route("rhyme on city 8 of 9 domain9").model == "b"


def test_a_domain_s_whim_is_trusted_in_that_domain_only() -> None:
    guard = _guard(whims=True)
    assert guard.route("add 7 and 1 domain1").model == "b"
    assert guard.route("rhyme on city 8 of 1 domain1").model == "a"


def _tried(odds: float, gained: float, rows: int = 100) -> Tried:
    one = np.ones(rows)
    return Tried(odds * one, one, gained * one, gained * one)


def test_the_threshold_lies_between_harm_and_gain() -> None:
    strange, known = _tried(-2.0, -1.0), _tried(1.0, 1.0)
    asked = threshold([strange], [known], 0.003, 1.0)
    assert np.exp(-2.0) <= asked < np.exp(1.0)
    assert threshold([_tried(1.0, -1.0)], [known], 0.003, 1.0) == NEVER
    assert threshold([_tried(1.0, 1.0)], [known], 0.003, 1.0) < np.exp(1.0)


def test_what_does_harm_on_known_ground_is_not_trusted() -> None:
    assert threshold([_tried(-2.0, 1.0)], [_tried(1.0, -1.0)], 0.003, 1.0) == NEVER


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 99), caution=st.floats(0, 3))
def test_so_few_are_trusted_that_the_mean_harm_is_tolerated(seed: int, caution: float) -> None:
    rng = np.random.default_rng(seed)

    def group(odds: float, harm: float) -> Tried:
        values = rng.normal(harm, 0.3, 300)
        return Tried(rng.normal(odds, 1.0, 300), rng.random(300), values, values)

    unseen = [group(-1.0, -0.1), group(0.0, -0.2), group(0.0, 0.1)]
    always = np.full(300, 0.1)
    known = Tried(rng.normal(1.0, 1.0, 300), rng.random(300), always, always)
    asked = threshold(unseen, [known], 0.003, caution)
    harm = -np.concatenate([one.kept for one in unseen]).mean()
    shares = [(one.worth > asked).mean() for one in unseen]
    assert max(shares) * harm <= 0.003
    if caution == 0 and asked != NEVER:  # and no fewer
        assert (max(shares) + 1 / 300) * harm > 0.003


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 99), each=st.floats(1e-4, 0.05), caution=st.floats(0, 2))
def test_known_ground_gains_twice_what_is_risked(seed: int, each: float, caution: float) -> None:
    rng = np.random.default_rng(seed)

    def group(odds: float, gained: float) -> Tried:
        values = np.full(300, gained)
        return Tried(rng.normal(odds, 1.0, 300), rng.random(300), values, values)

    unseen, known = [group(-1.0, -0.1), group(0.0, -0.2)], group(1.0, each)
    asked = [threshold(unseen, [known], tolerance, caution) for tolerance in (0.001, 0.01)]
    assert asked[1] <= asked[0]  # who tolerates more trusts no less
    for one in asked:
        risked = max((domain.worth > one).mean() for domain in unseen) * 0.15
        assert 2 * risked <= (known.worth > one).mean() * each + 1e-12


def test_where_domains_differ_in_harm_less_is_trusted() -> None:
    """The same rows lost, once everywhere and once all of them in one domain."""
    rng = np.random.default_rng(0)
    odds, lost = rng.normal(0.0, 1.0, (4, 400)), np.zeros((4, 400))
    lost[:, ::10] = -0.5
    whims = np.zeros((4, 400))
    whims[0, :160] = -0.5

    def asked(harm: np.ndarray, caution: float) -> float:
        one = np.ones(400)
        unseen = [Tried(of, one, one, kept) for of, kept in zip(odds, harm, strict=True)]
        return threshold(unseen, [Tried(odds[0] + 1, one, one, one)], 0.003, caution)

    assert asked(whims, 1.0) > asked(lost, 1.0) > asked(lost, 0.0)
    assert asked(whims, 0.0) == asked(lost, 0.0)


def test_what_is_far_in_a_dense_domain_may_be_near_in_a_loose_one() -> None:
    rng = np.random.default_rng(0)
    centers, spread = np.eye(8, dtype=np.float32)[:2], np.repeat([0.01, 0.2], 50)[:, None]
    domains = np.repeat([0, 1], 50)
    places = centers[domains] + (spread * rng.normal(size=(100, 8))).astype(np.float32)
    known = survey(np.zeros((2, 20), np.float32), places, domains)
    off = np.array([[0, 0, distance, 0, 0, 0, 0, 0] for distance in (0.0, 0.1, 0.4, 3.0, 9.0)])
    dense, loose = (known.signs((center + off).astype(np.float32))[:, 0] for center in centers)
    assert dense[0] == loose[0] == loose[1] == 0.0
    assert dense[1] < np.log(1 / 51) < loose[2]
    for usual in (dense, loose):  # and what is further still is stranger still
        assert list(usual[2:]) == sorted(usual[2:], reverse=True)
        assert usual[-1] < usual[-2] - 1


def test_of_more_of_the_same_one_in_ten_is_as_remote_as_the_remotest_tenth() -> None:
    rng = np.random.default_rng(0)
    places, fresh = (rng.normal(size=(n, 3)).astype(np.float32) for n in (300, 2000))
    ground = survey(np.zeros((2, 1), np.float32), places, np.zeros(300, np.int64))
    share = np.exp(ground.signs(fresh)[:, 0])
    for level in (0.1, 0.3, 0.6):
        assert (share <= level).mean() == pytest.approx(level, abs=0.1)


def test_strange_text_is_told_from_the_trained_kind(small: GuardedRouter) -> None:
    guard = small
    strange = "zxq wvu " * 40 + "{}[]();_# \u4f60\u597d " * 9
    found = [float(guard._ground.log_odds(_place(guard, text))[0]) for text in [*HELD_OUT, strange]]
    assert found[-1] < min(found[:-1])
    assert found[-1] < -2.0 < 0.0 < np.mean(found[:-1])


def _place(guard: GuardedRouter, text: str) -> np.ndarray:
    return guard._ground.place(guard.router.encoder_([text]), shape([text]))


def test_the_fallback_is_the_best_by_quality_or_by_utility() -> None:
    inner = LinearRouter(POOL, policy=CostQuality(100.0), alpha=3.0)
    fitted = GuardedRouter(inner, fallback="utility", threshold=NEVER).fit(outcomes())
    for fallback, best in (("quality", "large"), ("utility", "sums")):
        guard = changed(fitted, fallback=fallback)
        assert {guard.route(text).model for text in HELD_OUT} == {best}


@pytest.mark.parametrize(("by_quality", "kept"), [(True, -0.05), (False, 0.05)])
def test_what_must_not_be_lost_is_quality_unless_told_otherwise(
    by_quality: bool, kept: float
) -> None:
    """The cheap model is worse, but by less than it saves."""
    quality, units = np.array([[0.9, 0.85]]), np.array([[1.0, 0.0]])
    told = np.stack([quality, units, quality, units])
    found = tried(told, np.zeros(1), CostQuality(0.1), safe=0, by_quality=by_quality)
    assert found.kept[0] == pytest.approx(kept)
    assert found.expected[0] == found.gained[0] == pytest.approx(0.05)


def _lengths() -> FunctionEncoder:
    return FunctionEncoder(lambda found: [[len(text), 40.0] for text in found], "lengths")


@pytest.mark.parametrize("joined", [False, True])
def test_a_domain_of_words_nobody_knows_is_strange(joined: bool) -> None:
    """Without its own words it looks like those that are known; the rehearsal knows that."""
    table = OutcomeTable.from_rows([
        {"query": f"{kind} {n} of domain{domain}", "dataset": f"domain{domain}", "cost.dear": 1.0,
         "cost.cheap": 0.0, "score.dear": 0.9, "score.cheap": 0.85 + 0.04 * (kind == "add")}
        for domain in range(4) for n in range(40) for kind in ("add", "rhyme")
    ])  # fmt: skip
    encoder = JoinedEncoder([LexicalEncoder(), _lengths()]) if joined else None
    guard = GuardedRouter(LinearRouter(["dear", "cheap"], encoder=encoder, alpha=1.0)).fit(table)
    for domain, model in (("domain1", "cheap"), ("domain9", "dear")):
        told = [guard.route(f"add {n} of {domain}").model for n in range(40)]
        assert np.mean([one == model for one in told]) > 0.9


def test_however_many_domains_there_are_few_encoders_are_trained(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trained, fit = [], LexicalEncoder.fit

    def counted(self: LexicalEncoder, *given: Any) -> LexicalEncoder:
        trained.append(self)
        return fit(self, *given)

    monkeypatch.setattr(LexicalEncoder, "fit", counted)
    whole = outcomes(TRAIN[:60])
    for labels, most in ((3, 1 + 5 + 3), (40, 1 + 5 + 16)):
        trained.clear()
        told = tuple(f"label{number % labels}" for number in range(60))
        table = replace(whole, columns={**whole.columns, "dataset": told})
        GuardedRouter(LinearRouter(POOL, alpha=3.0)).fit(table)
        assert len(trained) == most


def test_each_query_s_own_cost_weight_counts(small: GuardedRouter) -> None:
    guard = changed(small, threshold=NEVER)
    for weight in (0.0, 100.0):
        safe = guard.best_single(guard.router.policy.weighing(weight), POOL.names)
        assert guard.route(Query(HELD_OUT[0], cost_weight=weight)).model == safe


def test_a_model_that_came_later_may_be_chosen_under_guard() -> None:
    old = ["sums", "poems", "large"]
    router = LinearRouter([POOL[name] for name in old], alpha=3.0)
    guard = GuardedRouter(router, threshold=-1.0).fit(outcomes(models=old))
    router.add_candidate(POOL["code"], outcomes(TRAIN[:90]))
    assert "code" in {guard.route(text).model for text in HELD_OUT}


@pytest.mark.parametrize("texts", [TRAIN[:1] * 30, TRAIN[:2] * 2, TRAIN[:3] * 4])
def test_where_nothing_can_be_left_out_nothing_is_trusted(texts: list[str]) -> None:
    guard = GuardedRouter(LinearRouter(POOL, alpha=3.0)).fit(outcomes(texts))
    decision = guard.route(HELD_OUT[0])
    assert decision.model == guard.best_single(guard.router.policy, POOL.names)


def test_trust_is_learned_for_each_cost_weight() -> None:
    guard = GuardedRouter(LinearRouter(POOL, policy=CostQuality(0.05), alpha=3.0)).fit(outcomes())
    weights, asked, usual = guard.trust_
    assert 0.05 in weights
    assert np.array_equal(weights, np.sort(weights))
    for weight, *told in zip(weights, asked, usual, strict=True):
        assert guard._trust(CostQuality(weight)) == tuple(told)
    assert usual[-1] > usual[0]


@pytest.mark.slow
def test_a_domain_left_out_is_no_worse_than_its_best_single_model() -> None:
    path = DATA / "llmrouter_mix" / "outcomes.parquet"
    if not path.exists():
        pytest.skip("the data set is not beside this checkout")
    train = OutcomeTable.read(path).split("train")
    label = np.array([str(one) for one in train.columns["dataset"]])
    for held in ("arc_challenge", "human_eval"):
        rest, here = np.flatnonzero(label != held)[::3], np.flatnonzero(label == held)
        router = LinearRouter(train.models, alpha=30.0, encoder=LexicalEncoder(dimension=64))
        guard = GuardedRouter(router).fit(train.rows(rest))
        score = train.rows(here).score
        safe = int(train.rows(rest).score.mean(axis=0).argmax())
        chosen = [train.models.index(guard.route(train.queries[i]).model) for i in here]
        assert score[np.arange(len(here)), chosen].mean() >= score[:, safe].mean() - 0.003


@pytest.mark.parametrize("wrong", [{"tolerance": -0.1}, {"caution": -1.0}, {"fallback": "cheap"}])
def test_settings_that_make_no_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"from 0 up|one of quality, utility"):
        GuardedRouter(LinearRouter(POOL), **wrong)


NUMBERS = FunctionEncoder(lambda texts: [[float(c) for c in text] for text in texts], "digits")


def asked_by_domain(seed: int = 0) -> tuple[OutcomeTable, OutcomeTable]:
    """Two models in three domains; all outcomes, and a log in which each row has one of them.

    ``a`` is better but in the third domain, and was mostly asked what is hard for both.
    """
    rng = np.random.default_rng(seed)
    domain = np.repeat([0, 1, 2], 300)
    chance = np.array([[0.95, 0.8], [0.5, 0.3], [0.2, 0.35]])[domain]
    values = (rng.random(chance.shape) < chance).astype(float)
    who = (rng.random(len(domain)) < np.array([0.85, 0.15, 0.5])[domain]).astype(int)
    texts = [
        f"{'100' if d == 0 else '010' if d == 1 else '001'}{i:04d}" for i, d in enumerate(domain)
    ]
    columns = {"dataset": [f"domain {d}" for d in domain]}
    known = who[:, None] == np.arange(2)
    measures = {"score": values, "cost": np.full(values.shape, 0.001)}
    thin = {name: np.where(known, one, np.nan) for name, one in measures.items()}
    return tuple(OutcomeTable(("a", "b"), texts, one, columns) for one in (measures, thin))


def test_of_a_log_the_fallback_is_who_is_better_not_who_was_asked_what_is_easy() -> None:
    whole, log = asked_by_domain()
    assert np.nanmean(log.score, axis=0).argmax() == 1
    assert whole.score.mean(axis=0).argmax() == 0
    guard = GuardedRouter(LinearRouter(["a", "b"], encoder=NUMBERS, alpha=3.0)).fit(log)
    assert guard.best_single(CostQuality(0.0), ["a", "b"]) == "a"


def test_what_a_log_leaves_open_in_a_domain_left_out_is_estimated_without_bias() -> None:
    whole, log = asked_by_domain()
    router = LinearRouter(["a", "b"], encoder=NUMBERS, alpha=3.0).fit(log)
    chance = _chances(router, log)
    stage = _Stage.of(router, log, chance, None)
    _, told = stage.left_out(stage.domains, lambda _: None)
    for domain in range(3):
        here = stage.domains == domain
        np.testing.assert_allclose(
            told[2][here].mean(axis=0), whole.score[here].mean(axis=0), atol=0.08
        )
