"""Domains told apart, and a regression in each."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from small_world import HELD_OUT, KINDS, POOL, TRAIN, outcomes, score

from shared_core import AutoRouter, ConfigError, DomainRouter, FunctionEncoder, OutcomeTable
from shared_core.routers.predictive import gate
from shared_core.routers.predictive.reading import Reading

KIND_OF_ROW = tuple(KINDS) * (len(TRAIN) // len(KINDS))


def labelled(labels: tuple[str, ...] = KIND_OF_ROW) -> OutcomeTable:
    return replace(outcomes(), columns={"dataset": labels})


def n_domains(router: DomainRouter) -> int:
    return int(router.gate_.shape[1])


def test_a_gate_says_which_domain_and_how_sure_it_is() -> None:
    rng = np.random.default_rng(0)
    domain = np.arange(600) % 3
    design = (np.eye(3)[domain] + rng.normal(0, 0.6, (600, 3))).astype(np.float32)
    told = gate.left_out(design, domain, 3, np.arange(600) // 120)
    np.testing.assert_allclose(told.sum(axis=1), 1, atol=1e-5)
    right = told.argmax(axis=1) == domain
    assert 0.7 < right.mean() < 0.95
    assert told.max(axis=1).mean() == pytest.approx(right.mean(), abs=0.05)


def test_what_a_gate_says_of_rows_left_out_does_not_depend_on_their_labels() -> None:
    rng = np.random.default_rng(0)
    design = rng.normal(size=(100, 4)).astype(np.float32)
    domain, fold = np.arange(100) % 2, np.arange(100) % 5
    other = np.where(fold == 0, 1 - domain, domain)
    told, retold = (gate.left_out(design, one, 2, fold)[fold == 0] for one in (domain, other))
    np.testing.assert_array_equal(told, retold)


def test_labels_name_the_domains_and_queries_need_none() -> None:
    router = DomainRouter(POOL).fit(labelled())
    assert n_domains(router) == 3
    found = router.predict(HELD_OUT).quality
    told = [[score(model, text) for model in POOL] for text in HELD_OUT]
    assert (found.argmax(axis=1) == np.argmax(told, axis=1)).all()


def test_labels_help_where_texts_alone_say_too_little() -> None:
    rng = np.random.default_rng(1)
    telling = rng.integers(2, size=400)
    words = [f"w{i}" for i in range(40)]
    texts = [
        " ".join(rng.permutation(words)[:12]) + (" ever" if it else " never") for it in telling
    ]
    rows = [
        {"query": text, "score.a": float(it ^ (rng.random() < 0.3)), "score.b": 0.5,
         "cost.a": 1.0, "cost.b": 1.0, "dataset": f"kind {it}"}
        for text, it in zip(texts, telling, strict=True)
    ]  # fmt: skip
    table = OutcomeTable.from_rows(rows)
    bare = replace(table, columns={})
    fits = [DomainRouter(["a", "b"]).fit(one.rows(np.arange(200))) for one in (table, bare)]
    wanted = np.where(telling[200:], 0.7, 0.3)
    errors = [np.abs(fit.predict(texts[200:]).quality[:, 0] - wanted).mean() for fit in fits]
    assert errors[0] < errors[1]


def test_rare_labels_count_as_one_and_a_large_one_is_divided() -> None:
    many = tuple(f"rare {i // 10}" if i < 40 else "usual" for i in range(len(TRAIN)))
    assert n_domains(DomainRouter(POOL).fit(labelled(many))) == 2
    assert n_domains(DomainRouter(POOL, rows_per_cluster=40).fit(labelled(("one",) * 120))) == 3
    assert n_domains(DomainRouter(POOL).fit(outcomes())) == 1
    each_its_own = tuple(map(str, range(len(TRAIN))))
    assert n_domains(DomainRouter(POOL).fit(labelled(each_its_own))) == 1


def test_the_order_of_labelled_rows_changes_nothing() -> None:
    mixed = np.random.default_rng(3).permutation(len(TRAIN))
    table = labelled()
    fits = [DomainRouter(POOL, rows_per_cluster=20).fit(one) for one in (table, table.rows(mixed))]
    told, retold = (fit.predict(HELD_OUT).quality for fit in fits)
    np.testing.assert_array_equal(told, retold)


def test_automatic_routers_members_know_the_labels() -> None:
    auto = AutoRouter(POOL, members=("DomainRouter",)).fit(labelled())
    (member,) = auto.fitted_
    assert n_domains(member) == 3


@pytest.mark.parametrize("make", [DomainRouter, partial(AutoRouter, members=("DomainRouter",))])
def test_a_new_models_anchors_are_near_where_the_domain_is_the_same(make: Any) -> None:
    silent = FunctionEncoder(lambda texts: [[1.0]] * len(texts), "ones")
    router = make(POOL, encoder=silent).fit(labelled())
    placed = router._places(Reading(HELD_OUT, silent))
    kind = np.arange(len(HELD_OUT)) % len(KINDS)
    same, near = kind[:, None] == kind, placed @ placed.T
    np.testing.assert_allclose(near.diagonal(), 1, atol=1e-5)
    assert near[same].min() > near[~same].max()


def test_rows_per_cluster_is_a_count() -> None:
    with pytest.raises(ConfigError, match="rows_per_cluster is a whole number from 1 up, not 0"):
        DomainRouter(POOL, rows_per_cluster=0)
