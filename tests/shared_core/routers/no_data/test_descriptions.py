"""DescriptionRouter knows which candidate a question is for, by descriptions alone."""

from __future__ import annotations

import json
import tracemalloc
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared_core import (
    Candidate,
    ConfigError,
    DescriptionRouter,
    FunctionEncoder,
    LexicalEncoder,
    Query,
    Router,
)
from shared_core.routers.no_data.lexicon import features
from shared_core.routers.no_data.meanings import UNRELATED

POOL = [
    Candidate(name="docs", description="summarises documents"),
    Candidate(name="sql", description="SQL queries over the table of orders"),
    Candidate(name="mail", description="reads and sends messages"),
]


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("What is the gist of it?", "docs"),
        ("How many were sold per month?", "sql"),
        ("Quantos pedidos há?", "sql"),
        ("Encaminhe o e-mail para a Ana", "mail"),
        ("Faça um resumo", "docs"),
    ],
)
def test_questions_that_share_no_word_with_the_description(question: str, name: str) -> None:
    decision = DescriptionRouter(POOL).route(question)
    assert decision.model == name
    assert decision.quality[name] > 0.4
    assert f"probability {decision.quality[name]:.2f}" in decision.reason


def test_what_the_probabilities_lack_is_that_none_fits() -> None:
    router = DescriptionRouter(POOL)
    assert sum(router.probabilities("Summarise it").values()) > 0.9
    lost = router.probabilities("zzz")
    assert len(set(lost.values())) == 1
    assert sum(lost.values()) < 0.7
    alone = DescriptionRouter(POOL[:1])
    assert alone.probabilities("zzz")["docs"] < 0.5 < alone.probabilities("the summary")["docs"]


@pytest.mark.parametrize("text", ["", "zzzz", "🙂", "x" * 10_000])
def test_where_nothing_fits_the_reason_says_so(text: str) -> None:
    decision = DescriptionRouter(POOL).route(text)
    assert decision.model == "docs"
    assert decision.reason.startswith("resembles no description (probability 0.")


def test_what_a_description_rules_out_counts_against_it() -> None:
    def shop(limit: str) -> DescriptionRouter:
        about = f"Orders and refunds. {limit}"
        return DescriptionRouter([Candidate(name="shop", description=about), POOL[0]])

    bare, warned = shop(""), shop("Do NOT use for medical, legal or tax questions.")
    for text in ("Is it legal to record a call?", "how much tax is due?"):
        found = warned.route(text)
        assert found.model == "docs"
        assert found.quality["shop"] < bare.route(text).quality["shop"]
    assert warned.route("I want a refund").model == "shop"


def test_long_words_leave_little_behind() -> None:
    router = DescriptionRouter(POOL)
    router.route("warm")
    tracemalloc.start()
    for number in range(100):
        router.route(f"What is this? {number:05}{'abcdefgh' * 400}")
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 2_000_000


def test_examples_teach_what_descriptions_do_not_say() -> None:
    pool = [Candidate(name="a", description="first"), Candidate(name="b", description="second")]
    examples = {"b": ["Feed the hamster.", "Is the hamster asleep?"]}
    question = "Where is my hamster?"
    taught = DescriptionRouter(pool, examples=examples).route(question)
    assert taught.model == "b"
    assert DescriptionRouter(pool).route(question).quality["b"] < taught.quality["b"]


def test_only_who_can_serve_is_compared() -> None:
    query = Query("Give me a summary", exclude={"docs": "is switched off"})
    decision = DescriptionRouter(POOL).route(query)
    assert decision.ranking[-1] != "docs"
    assert decision.rejected == {"docs": "is switched off"}
    assert set(decision.quality) == {"sql", "mail"}


def test_an_encoder_compares_meanings_and_encodes_descriptions_once() -> None:
    encoded: list[str] = []

    def embed(texts: list[str]) -> list[list[float]]:
        encoded.extend(texts)
        return [
            [float("warm" in t or "fire" in t), float("cold" in t or "ice" in t)] for t in texts
        ]

    pool = [Candidate(name="x", description="fire"), Candidate(name="y", description="ice")]
    router = DescriptionRouter(pool, FunctionEncoder(embed, "test"), {"y": ["frost, so cold"]})
    assert [router.route(text).model for text in ("warm", "cold")] == ["x", "y"]
    assert encoded == ["fire", "ice", "frost, so cold", *UNRELATED, "warm", "cold"]


def test_how_alike_an_encoder_finds_any_two_texts_does_not_count() -> None:
    def embed(texts: list[str], shared: float = 0.0) -> list[list[float]]:
        vectors = np.zeros((len(texts), 2 + len(UNRELATED) + 1))
        for vector, text in zip(vectors, texts, strict=True):
            vector[UNRELATED.index(text) if text in UNRELATED else -3 + ("ice" in text)] = 1.0
        vectors[:, -1] = shared
        return vectors.tolist()

    pool = [Candidate(name="x", description="fire"), Candidate(name="y", description="ice")]
    apart, close = (
        DescriptionRouter(pool, FunctionEncoder(partial(embed, shared=shared), "test"))
        for shared in (0.0, 2.0)
    )
    assert close.probabilities("warm") == pytest.approx(apart.probabilities("warm"))


def test_descriptions_that_are_alike_do_not_make_a_query_strange() -> None:
    known = {"fire": [1.0, 0.0, 0.0], "embers": [0.8, 0.6, 0.0], "warm": [0.6, 0.0, 0.8]}

    def embed(texts: list[str]) -> list[list[float]]:
        return [known.get(text, [0.0, 0.0, 0.0]) for text in texts]

    pool = [Candidate(name="x", description="fire"), Candidate(name="y", description="embers")]
    found = DescriptionRouter(pool, FunctionEncoder(embed, "test")).probabilities("warm")
    assert sum(found.values()) > 0.9
    assert found["x"] > found["y"]


def test_with_an_encoder_words_are_compared_whole() -> None:
    def none(texts: list[str]) -> list[list[float]]:
        return [[0.0] * 2 for _ in texts]

    pool = [Candidate(name="x", description="zzgrumpf"), Candidate(name="y", description="qqlorpo")]
    assert max(DescriptionRouter(pool).probabilities("grumpfzz").values()) > 0.4
    found = DescriptionRouter(pool, FunctionEncoder(none, "test")).probabilities("grumpfzz")
    assert found["x"] == found["y"]


def test_it_is_saved_with_its_examples(tmp_path: Path) -> None:
    router = DescriptionRouter(POOL, examples={"mail": ["Did Pedro answer?"]})
    router.save(tmp_path / "r")
    loaded = Router.load(tmp_path / "r")
    assert isinstance(loaded, DescriptionRouter)
    assert loaded.probabilities("Did Maria answer?") == router.probabilities("Did Maria answer?")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"encoder": LexicalEncoder()}, "has to learn from texts"),
        ({"examples": {"fax": ["x"]}}, "examples of fax; the pool has docs, sql, mail"),
        ({"examples": {"sql": "x"}}, "the examples of sql are one text"),
    ],
)
def test_arguments_that_make_no_sense(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        DescriptionRouter(POOL, **options)


def test_the_record_holds_no_prompt() -> None:
    record = DescriptionRouter(POOL).route("summarise sk-sentinel").to_dict()
    assert "sentinel" not in json.dumps(record)


@given(st.text(max_size=300))
def test_any_text_has_features_and_probabilities(text: str) -> None:
    assert all(weight > 0 for weight in features(text).values())
    found = DescriptionRouter(POOL).probabilities(text)
    assert all(0 < value < 1 for value in found.values())
    assert sum(found.values()) < 1


def test_case_accents_and_underscores_do_not_count() -> None:
    assert features("Résumé_List") == features("resume list")
    assert features("listOrders") == features("list orders")


def test_doubled_letters_do_not_hide_a_stem() -> None:
    assert "wplan" in features("planning").keys() & features("plans").keys()


def test_expressions_and_codes_are_recognised() -> None:
    assert "carithmetic" in features("348 * 29")
    assert "ckeyword" in features("error E4021")
    assert "ctranslation" in features("How do you say it?")
    assert "ctranslation" not in features("How do you")
