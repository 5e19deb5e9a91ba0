"""Copies that augmentation made say nothing new: none is judged by what its original taught."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
import pytest

from shared_core import (
    AutoRouter,
    HybridRouter,
    KNNRouter,
    LearnedScorer,
    LinearRouter,
    OutcomeTable,
    Predictions,
    Target,
    keep,
)
from shared_core.evaluation.bench import Bench
from shared_core.evaluation.bootstrap import Resamples
from shared_core.evaluation.knobs.calibrate import out_of_fold
from shared_core.evaluation.splits import train_and_test
from shared_core.outcomes.augment import augment, drop_words, typos
from shared_core.routers.predictive.anchors import one_each

MODELS = ("a", "b", "c")
WORDS = [f"{first}{last}" for first in ("ba", "ko", "mi", "tu") for last in ("ren", "sol", "vak")]


def noise() -> OutcomeTable:
    """Outcomes of 60 texts that tell nothing about them, with three copies of each."""
    rng = np.random.default_rng(0)
    rows = [
        {"query": " ".join(rng.choice(WORDS, 6, replace=False))}
        | {f"score.{name}": float(rng.random() < 0.5) for name in MODELS}
        | {f"cost.{name}": 0.1 for name in MODELS}
        for _ in range(60)
    ]
    return augment(OutcomeTable.from_rows(rows), [typos, drop_words], copies=3)


TABLE = noise()
ORIGINALS = TABLE.queries[:60]
ORIGIN = dict(zip(TABLE.queries, (*ORIGINALS, *TABLE.columns["augmented_from"][60:]), strict=True))


class Watched(KNNRouter):
    """Fails where it is asked about a text whose origin it has learned from."""

    def fit(self, outcomes: OutcomeTable, progress: Any = None) -> Self:
        self._taught = {ORIGIN[text] for text in outcomes.queries}
        return super().fit(outcomes, progress)

    def predict(self, texts: Sequence[str]) -> Predictions:
        assert not self._taught & {ORIGIN[text] for text in texts}
        return super().predict(texts)


def test_what_copies_repeat_is_not_taken_for_a_pattern() -> None:
    auto = AutoRouter(MODELS, members=("KNNRouter", "LinearRouter", "ClusterRouter")).fit(TABLE)
    assert not auto.routes_
    assert max(note["gain"] for note in auto.leaderboard_) < 0.02
    assert KNNRouter(MODELS).fit(TABLE).shrinkage_ == 80
    assert LinearRouter(MODELS).fit(TABLE).alpha_ == max(LinearRouter.ALPHAS)


def by_predictions(watched: Watched) -> None:
    out_of_fold(lambda _: watched, TABLE, watched.pool)


def by_a_hybrid(watched: Watched) -> None:
    HybridRouter(watched, LearnedScorer()).out_of_fold(TABLE)


@pytest.mark.parametrize("judge", [by_predictions, by_a_hybrid])
def test_cross_validation_keeps_them_together(judge: Callable[[Watched], None]) -> None:
    judge(Watched(MODELS, k=5, shrinkage=1.0))


def test_so_does_a_split_by_chance() -> None:
    train, test, _ = train_and_test(TABLE)
    assert not {ORIGIN[text] for text in train.queries} & {ORIGIN[text] for text in test.queries}


def test_they_make_no_interval_narrower() -> None:
    values = np.tile(np.random.default_rng(0).normal(size=60), 4)
    alone = Resamples(60).means(lambda rows: values[rows])[1].std()
    among_copies = Resamples(len(TABLE), texts=TABLE.origins).means(lambda rows: values[rows])
    assert among_copies[1].std() == pytest.approx(alone, rel=0.2)


def test_nor_a_line_of_an_evaluation_surer() -> None:
    def width(test: OutcomeTable) -> float:
        low, high = Bench(TABLE, test).singles()["a"].interval["quality"]
        return high - low

    assert width(TABLE) == pytest.approx(width(TABLE.rows(range(60))), rel=0.2)
    assert width(replace(TABLE, columns={})) < 0.8 * width(TABLE)


def test_nor_prove_a_promise() -> None:
    originals = TABLE.rows(range(60))
    shuffled = {"score": originals.score[::-1], "cost": originals.cost}
    router = KNNRouter(MODELS, k=3, shrinkage=0.1).fit(replace(originals, measures=shuffled))
    target = Target("quality_floor", -0.2, delta=0.1)
    rows = originals, TABLE, replace(TABLE, columns={})
    assert [keep(router, one, target).is_proved for one in rows] == [False, False, True]


def test_they_are_no_more_anchors() -> None:
    assert one_each(TABLE).queries == ORIGINALS
