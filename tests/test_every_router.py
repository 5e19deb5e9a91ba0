"""What every router promises, tested on every concrete router that the stub names.

A new router needs no test here: its ``test_parameters`` give small instances. Where it takes other
routers, it says so with their classes (or ``functools.partial`` of them), alone or in a list:
``[{"router": KNNRouter}]``; they are made for the same pool and, where the outer one does not
learn, fitted before it. Where it takes a transformer, its name is one of ``tiny_models.NAMES``.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models
from hypothesis import given, settings
from hypothesis import strategies as st
from small_world import HELD_OUT, POOL, TRAIN, answer, outcomes, score, with_gaps

import shared_core
from shared_core import (
    Answer,
    ArtifactError,
    ConfigError,
    DataError,
    Dispatcher,
    MissingExtra,
    ModelPool,
    NoEligibleModel,
    NotFitted,
    OutcomeTable,
    PredictiveRouter,
    Query,
    Random,
    Router,
    RouterError,
    RoutingDecision,
)
from shared_core._lazy import public_names
from shared_core.artifacts import Artifact
from shared_core.query import ABILITIES
from shared_core.routers import saving
from shared_core.routers.predictive.learnable import learnable
from shared_core.routers.predictive.reading import Reading

KNOWS_ONLY_WHAT_IT_SAW = {"Oracle"}
TAKES_THE_POOLS_ORDER = {"Always"}
LEARNS_FROM_WHOLE_ROWS = {"HybridRouter"}

ODD_TEXTS = {
    "empty": "",
    "blank": " \n\t ",
    "one megabyte": "the same words again " * 50_000,
    "one megabyte, one word": "x" * 1_000_000,
    "lone surrogates": "sum \ud800 of \udfff",
    "control characters": "\x00\x1b[31m\u202e\ufeff",
    "other scripts": "ما هو مجموع ٣ و ٤؟ 三加四是多少 🤖👩‍👩‍👧",
}


@dataclass(frozen=True)
class Case:
    """A class and the arguments of one small instance."""

    router_class: type[Router]
    parameters: Mapping[str, Any]
    number: int

    def __str__(self) -> str:
        return f"{self.router_class.__name__}-{self.number}"

    def __hash__(self) -> int:
        return hash((self.router_class, self.number))

    def new(self, pool: ModelPool = POOL) -> Any:
        """A fresh instance, not fitted."""
        given = {name: _filled(value, pool) for name, value in self.parameters.items()}
        if "pool" in inspect.signature(self.router_class).parameters:
            given["pool"] = pool
        return self.router_class(**given)

    def fitted(self, table: OutcomeTable | None = None, pool: ModelPool = POOL) -> Any:
        """A fresh instance that has learned, where it learns."""
        router = self.new(pool)
        learn(router, outcomes() if table is None else table)
        return router

    @property
    def learns(self) -> bool:
        return any(hasattr(router, "fit") for router in family(self.new()))

    def is_like(self, names: set[str]) -> bool:
        """Whether it or a router inside is one of these."""
        return any(type(router).__name__ in names for router in family(self.new()))


def _filled(value: Any, pool: ModelPool) -> Any:
    if isinstance(value, str) and value in tiny_models.NAMES:
        return tiny_models.folder(value)
    maker = value.func if isinstance(value, functools.partial) else value
    if isinstance(maker, type) and issubclass(maker, Router):
        (parameters, *_) = maker.test_parameters()
        inner = {name: _filled(one, pool) for name, one in parameters.items()}
        return value(**{"pool": pool} | inner | getattr(value, "keywords", {}))
    if isinstance(value, (list, tuple)):
        return type(value)(_filled(one, pool) for one in value)
    return value


def family(router: Router) -> Iterator[Router]:
    """The router and all routers inside."""
    yield router
    for value in vars(router).values():
        for one in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(one, Router):
                yield from family(one)


@contextmanager
def skipped_without_extras() -> Iterator[None]:
    """Some routers need a package to learn that they do not need to run."""
    try:
        yield
    except MissingExtra as missing:
        pytest.skip(str(missing))


def learn(router: Router, table: OutcomeTable) -> None:
    """Fit the router, or else the ones inside."""
    if hasattr(router, "fit"):
        with skipped_without_extras():
            assert router.fit(table) is router
        return
    for inner in itertools.islice(family(router), 1, None):
        learn(inner, table)


def _cases() -> Iterator[Any]:
    for name, module in public_names("shared_core").items():
        if not module.startswith("shared_core.routers."):
            continue
        try:
            found = getattr(shared_core, name)
        except MissingExtra as missing:
            skipped = pytest.mark.skip(reason=str(missing))
            yield pytest.param(Case(Router, {}, 0), id=name, marks=skipped)
            continue
        if isinstance(found, type) and issubclass(found, Router) and not inspect.isabstract(found):
            for number, parameters in enumerate(found.test_parameters()):
                case = Case(found, parameters, number)
                yield pytest.param(case, id=str(case))


CASES = list(_cases())
every_router = pytest.mark.parametrize("case", CASES)


@functools.cache
def ready(case: Case) -> Any:
    """The case's fitted instance that tests share."""
    return case.fitted()


def decide(router: Router, query: Query | str) -> tuple[RoutingDecision, list[str]]:
    """The decision, and who was asked until it was made; answers where the router wants some."""
    asked: list[str] = []
    decided: list[int] = []
    text = Query.of(query).text

    def call(model: str, prompt: str = text) -> Answer:
        asked.append(model)
        return answer(model, prompt)

    def note(_: object) -> None:
        decided.append(len(asked))

    decision, _ = Dispatcher(router, failover=False, listeners=[note]).run(query, call)
    return decision, asked[: decided[0]]


def facts(router: Router, query: Query | str) -> dict[str, Any]:
    """All that a decision says, but for its id and how long its calls took."""
    told = decide(router, query)[0].to_dict()
    del told["id"]
    for attempt in told["attempts"]:
        attempt.pop("seconds", None)
    told["attempts"].sort(key=lambda attempt: attempt["model"])  # at once: any may end first
    return told


def check_sound(router: Router, query: Query | str) -> None:
    """The decision is complete, of this pool, and can be written as JSON."""
    decision, _ = decide(router, query)
    assert decision.ranking
    assert set(decision.ranking) <= set(POOL.names)
    assert len(set(decision.ranking)) == len(decision.ranking)
    assert decision.reason
    assert all(0 <= quality <= 1 for quality in decision.quality.values())
    json.dumps(decision.to_dict(), allow_nan=False)


def folder_bytes(folder: Path) -> dict[str, bytes]:
    """What the folder's files hold."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_there_are_routers_to_test() -> None:
    names = {str(param.id).partition("-")[0] for param in CASES}
    assert {"Always", "Cheapest", "Random", "Oracle", "KNNRouter"} <= names
    assert not names & {"Router", "PredictiveRouter"}


queries = st.builds(
    Query,
    text=st.sampled_from(TRAIN),
    needs=st.frozensets(st.sampled_from(sorted(ABILITIES)), max_size=3),
    tokens=st.none() | st.integers(0, 200_000),
    tags=st.frozensets(st.sampled_from(["personal", "secret"])),
    exclude=st.dictionaries(st.sampled_from(POOL.names), st.just("was ruled out")),
)


def can_serve(model: str, query: Query) -> bool:
    """The rules, said once more and differently."""
    candidate = POOL[model]
    has_all = candidate.abilities is None or candidate.abilities >= query.needs
    fits = query.tokens is None or query.tokens <= (candidate.context_window or 10**9)
    return has_all and fits and candidate.tags >= query.tags and model not in query.exclude


@every_router
@settings(max_examples=40, deadline=None)
@given(query=queries)
def test_only_eligible_models_are_chosen_and_asked(case: Case, query: Query) -> None:
    router = ready(case)
    eligible = {model for model in POOL if can_serve(model, query)}
    if not eligible:
        with pytest.raises(NoEligibleModel, match="no model can serve"):
            decide(router, query)
        return
    decision, asked = decide(router, query)
    assert set(decision.ranking) <= eligible
    assert set(asked) <= eligible
    assert set(decision.rejected) >= set(POOL.names) - eligible
    assert not set(decision.rejected) & set(decision.ranking)
    check_sound(router, query)


@every_router
def test_a_model_the_caller_names_is_obeyed(case: Case) -> None:
    router = ready(case)
    for model in POOL:
        decision, asked = decide(router, Query("hi", model=model))
        assert (decision.ranking, decision.cause, asked) == ((model,), "forced", [])
    with pytest.raises(NoEligibleModel, match="sums lacks pdf"):
        decide(router, Query("hi", model="sums", needs=frozenset({"pdf"})))
    with pytest.raises(RouterError, match="no model 'nobody'"):
        decide(router, Query("hi", model="nobody"))


@every_router
def test_equal_instances_decide_equally_whatever_one_learned_before(case: Case) -> None:
    first, second = ready(case), case.fitted(outcomes(TRAIN[:-40]))
    facts(second, TRAIN[0])
    learn(second, outcomes())
    assert [facts(first, text) for text in TRAIN[:9]] == [facts(second, text) for text in TRAIN[:9]]


@every_router
def test_again_on_the_same_rows_is_the_same_router(case: Case) -> None:
    if not isinstance(router := ready(case), PredictiveRouter):
        pytest.skip("predicts nothing")
    table = learnable(outcomes(), router.pool)
    seen = Reading(table.queries, router.encoder_, table.domains)
    told = Reading(HELD_OUT, router.encoder_)
    again = router.again(seen, table.score, table.cost)
    for mine, theirs in zip(
        router._predict(router._see(told)), again._predict(again._see(told)), strict=True
    ):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-8)
    few = router.again(seen.rows(np.arange(40)), table.score[:40], table.cost[:40])
    assert not np.allclose(few._predict(few._see(told))[0], router._predict(router._see(told))[0])


@every_router
def test_saving_keeps_every_bit(case: Case, tmp_path: Path) -> None:
    router = ready(case)
    loaded = Router.load(router.save(tmp_path / "first"))
    assert type(loaded) is case.router_class
    assert [facts(loaded, text) for text in TRAIN[:9]] == [facts(router, t) for t in TRAIN[:9]]
    if hasattr(router, "predict"):
        before, after = router.predict(HELD_OUT), loaded.predict(HELD_OUT)
        np.testing.assert_array_equal(before.quality, after.quality)
        np.testing.assert_array_equal(before.cost, after.cost)
    loaded.save(tmp_path / "second")
    assert folder_bytes(tmp_path / "first") == folder_bytes(tmp_path / "second")


@every_router
def test_loading_takes_new_prices_and_no_other_models(case: Case, tmp_path: Path) -> None:
    folder = ready(case).save(tmp_path / "router")
    dearer = [
        candidate.model_copy(update={"input_price": 7.0, "output_price": 8.0})
        for candidate in list(POOL.values())[::-1]
    ]
    loaded = Router.load(folder, pool=ModelPool(dearer))
    assert {candidate.input_price for candidate in loaded.pool.values()} == {7.0}
    for text in TRAIN[:6]:
        check_sound(loaded, text)
    with pytest.raises(ArtifactError, match="was trained for sums, poems, code, large"):
        Router.load(folder, pool=ModelPool(["sums", "other"]))


def _parts(artifact: Artifact, where: tuple[str, ...] = ()) -> Iterator[tuple[Any, Artifact]]:
    yield where, artifact
    for name, part in artifact.parts.items():
        yield from _parts(part, (*where, name))


def _with_part(artifact: Artifact, where: tuple[str, ...], new: Artifact) -> Artifact:
    if not where:
        return new
    part = _with_part(artifact.parts[where[0]], where[1:], new)
    return replace(artifact, parts={**artifact.parts, where[0]: part})


def _set(array: Any, place: int, value: float) -> Any:
    changed = array.astype(np.int64 if value > 0 else np.float64)
    changed.flat[place] = value
    return changed


FORGED: dict[str, Callable[[Any], Any]] = {
    "a column less": lambda array: array[..., :-1],
    "one unknown": lambda array: _set(array, 0, np.nan),
    "an index beyond": lambda array: _set(array, -1, 2**62),
    "a row alone": lambda array: array[:1],
    "no rows": lambda array: array[:0],
    "twice": lambda array: np.concatenate([array, array]),
    "turned": lambda array: np.ascontiguousarray(array.T),
    "flat": np.ravel,
    "one more axis": lambda array: array[None],
    "a single number": lambda _: np.float64(1),
    "all below": lambda array: np.full(array.shape, -1),
    "zeros": np.zeros_like,
    "bytes": lambda array: np.zeros(array.shape, np.uint8),
    "truth values": lambda array: np.zeros(array.shape, bool),
    "all unknown": lambda array: np.full(array.shape, np.nan),
    "huge": lambda array: np.full(array.shape, 1e300),
}


def check_forged_arrays(case: Case, ways: Sequence[str]) -> None:
    """Each array changed in each way is refused by name when it is read, or decides."""
    artifact = ready(case).artifact()
    saving.router_of(artifact, Router, None, None, is_trusted=True)
    for where, part in _parts(artifact):
        for name, way in itertools.product(part.arrays, ways):
            arrays = {**part.arrays, name: FORGED[way](part.arrays[name])}
            forged = _with_part(artifact, where, replace(part, arrays=arrays))
            try:
                router = saving.router_of(forged, Router, None, None, is_trusted=True)
            except ArtifactError:
                continue
            with np.errstate(all="ignore"):
                decide(router, Query("12 + 5"))


@pytest.mark.parametrize("name", ["AutoRouter", "DomainRouter", "GuardedRouter", "KNNRouter"])
def test_arrays_that_do_not_fit_are_refused_when_read(name: str) -> None:
    case = next(one.values[0] for one in CASES if str(one.values[0]) == f"{name}-0")
    check_forged_arrays(case, list(FORGED)[:2])


@pytest.mark.slow
@every_router
def test_arrays_forged_in_any_way_are_refused_when_read(case: Case) -> None:
    if case.is_like(KNOWS_ONLY_WHAT_IT_SAW):
        pytest.skip("knows no query that it is asked here")
    check_forged_arrays(case, list(FORGED))


@every_router
def test_what_is_learned_is_declared(case: Case) -> None:
    for router in family(ready(case)):
        arrays = {name for name, value in vars(router).items() if isinstance(value, np.ndarray)}
        learned = {name for name in arrays if name.endswith("_")}
        assert learned <= set(router.learned), "what is not declared is not checked when loaded"


@every_router
def test_what_learned_beats_chance(case: Case) -> None:
    if not case.learns:
        pytest.skip("learns nothing")
    texts = TRAIN if case.is_like(KNOWS_ONLY_WHAT_IT_SAW) else HELD_OUT
    chance = np.mean([score(Random(POOL).route(text).model, text) for text in texts])
    reached = np.mean([score(decide(ready(case), text)[0].model, text) for text in texts])
    assert reached > chance + 0.1


@every_router
def test_before_fit_there_is_one_clear_error(case: Case, tmp_path: Path) -> None:
    if not case.learns:
        pytest.skip("learns nothing")
    router = case.new()
    attempts: list[Callable[[], object]] = [
        lambda: decide(router, "hi"),
        lambda: router.save(tmp_path / "router"),
    ]
    if hasattr(router, "predict"):
        attempts.append(lambda: router.predict(["hi"]))
    for attempt in attempts:
        with pytest.raises(NotFitted, match="fit"):
            attempt()
    assert not any(tmp_path.iterdir())


@every_router
def test_settings_that_are_no_numbers_are_refused(case: Case) -> None:
    if not issubclass(case.router_class, PredictiveRouter):
        pytest.skip("predicts nothing")
    for name, parameter in inspect.signature(case.router_class).parameters.items():
        if {"int", "float"} & set(str(parameter.annotation).split(" | ")):
            wrong = replace(case, parameters={**case.parameters, name: float("nan")})
            with pytest.raises(ConfigError, match=name):
                wrong.new()


@every_router
def test_one_query_and_many_give_the_same(case: Case) -> None:
    router = ready(case)
    assert facts(router, TRAIN[0]) == facts(router, Query(TRAIN[0]))
    if not hasattr(router, "predict"):
        return
    many = router.predict(HELD_OUT)
    assert many.models == POOL.names
    assert many.quality.shape == many.cost.shape == (len(HELD_OUT), len(POOL))
    one_by_one = np.concatenate([router.predict([text]).quality for text in HELD_OUT])
    np.testing.assert_allclose(many.quality, one_by_one, atol=1e-4)
    assert router.predict([]).quality.shape == (0, len(POOL))
    assert router.predict(np.array(HELD_OUT)).quality.shape == many.quality.shape
    for wrong in (TRAIN[0], [None], [1, 2]):
        with pytest.raises(ConfigError, match="list of texts"):
            router.predict(wrong)


@every_router
def test_eight_threads_get_the_answers_of_one(case: Case, tmp_path: Path) -> None:
    expected = [facts(ready(case), text) for text in TRAIN[:12]]
    fresh = Router.load(ready(case).save(tmp_path / "router"))  # nothing cached yet
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda text: facts(fresh, text), TRAIN[:12] * 8))
    assert found == expected * 8


@every_router
def test_the_order_of_rows_and_columns_changes_nothing(case: Case) -> None:
    if case.is_like(TAKES_THE_POOLS_ORDER):
        pytest.skip("the pool's order is what it goes by")
    table = outcomes(TRAIN[::-1], POOL.names[::-1])
    turned = case.fitted(table, ModelPool(list(POOL.values())[::-1]))
    for text in TRAIN[:12]:
        mine, theirs = (decide(router, text)[0] for router in (ready(case), turned))
        if mine.model != theirs.model:  # the first finds both equally good
            quality = mine.quality
            assert quality, f"{mine.model} or {theirs.model} for {text!r}"
            assert quality[mine.model] == pytest.approx(quality[theirs.model], abs=0.02)


@every_router
@pytest.mark.parametrize("text", ODD_TEXTS.values(), ids=ODD_TEXTS)
def test_odd_texts_give_a_sound_decision(case: Case, text: str) -> None:
    try:
        check_sound(ready(case), Query(text, tokens=10))
    except RouterError:
        assert case.is_like(KNOWS_ONLY_WHAT_IT_SAW)


@every_router
def test_odd_texts_can_be_learned_from_and_no_text_is_told_or_saved(
    case: Case, tmp_path: Path
) -> None:
    secret, odd = "xylophone-quartz", [text[:5000] for text in ODD_TEXTS.values()]
    router = case.fitted(outcomes([*(f"{text} {secret}" for text in TRAIN), *odd]))
    for text in odd:
        check_sound(router, Query(text, tokens=10))
    decision = decide(router, f"{TRAIN[0]} {secret}")[0]
    saved = folder_bytes(router.save(tmp_path / "router"))
    told = [repr(router), repr(decision), json.dumps(decision.to_dict())]
    assert not [text for text in told if secret in text]
    assert not [name for name, held in saved.items() if secret.encode() in held]


def with_one_asked_once(table: OutcomeTable) -> OutcomeTable:
    """The table with a single outcome of the first model."""
    (first, *_) = np.flatnonzero(np.isfinite(table.score).all(axis=1))
    measures = {name: values.copy() for name, values in table.measures.items()}
    for values in measures.values():
        values[np.arange(len(table)) != first, 0] = np.nan
    return replace(table, measures=measures)


@every_router
def test_unknown_outcomes_and_a_model_that_was_asked_once_are_tolerated(case: Case) -> None:
    gaps = with_gaps(outcomes())
    seldom = with_one_asked_once(gaps)
    if case.is_like(LEARNS_FROM_WHOLE_ROWS):
        with pytest.raises(DataError, match="none of the recorded answers"):
            case.fitted(seldom)
        seldom = gaps
    router = case.fitted(seldom)
    for text in TRAIN[:9]:
        check_sound(router, text)
    if hasattr(router, "predict"):
        predicted = router.predict(HELD_OUT)
        assert np.isfinite(predicted.quality).all()
        assert np.isfinite(predicted.cost).all()
