from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared_core import Candidate, DataError, ModelPool, OutcomeTable, PoolError

numbers = st.none() | st.floats(0, 1)


def table(**changes: object) -> OutcomeTable:
    """Three queries, two models."""
    columns: dict[str, object] = {
        "query": ["one", "two", "three"],
        "split": ["train", "test", "train"],
        "score.a": [1.0, 0.5, None],
        "score.b": [0.0, "", "0.25"],
        "cost.a": [0.1, 0.2, 0.3],
        "in_tokens.a": [10, 20, 30],
        "in_tokens.b": [10, 20, 30],
        "out_tokens": [1, 2, 3],
        "answer.a": ["x", "y", "z"],
        "latency.c": [1, 2, 3],
    }
    return OutcomeTable.from_columns(columns | changes)  # type: ignore[arg-type]


def test_columns_find_their_place() -> None:
    made = table()
    assert made.models == ("a", "b")
    assert made.queries == ("one", "two", "three")
    np.testing.assert_array_equal(made.score, [[1, 0], [0.5, np.nan], [np.nan, 0.25]])
    np.testing.assert_array_equal(made.cost, [[0.1, np.nan], [0.2, np.nan], [0.3, np.nan]])
    np.testing.assert_array_equal(made.measures["out_tokens"], [[1, 1], [2, 2], [3, 3]])
    assert made.answers == {"a": ("x", "y", "z")}
    assert set(made.columns) == {"split", "latency.c"}
    assert len(made) == 3
    assert made.has_costs


def test_scores_may_be_strings_booleans_and_integers() -> None:
    made = table(**{"score.a": ["0.5", True, 0], "score.b": [np.float32(0.5), np.nan, "nan"]})
    np.testing.assert_array_equal(made.score, [[0.5, 0.5], [1, np.nan], [0, np.nan]])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"score.a": [1, 2, 0]}, r"score\.a lies outside 0\.\.1 in row 1: 2"),
        ({"score.b": [1, -0.1, 0]}, r"score\.b lies outside 0\.\.1 in row 1: -0\.1"),
        ({"score.a": [1, math.inf, 0]}, r"score\.a lies outside"),
        ({"cost.a": [1, 1, -1]}, r"cost\.a lies outside 0\.\.inf in row 2: -1"),
        ({"cost.b": [1, 1, math.inf]}, r"cost\.b lies outside"),
        ({"score.a": [1, "good", 0]}, r"score\.a of the table holds something that is no number"),
        ({"score.a": [1, [1], 0]}, "no number"),
        ({"cost.a": ["$1", 1, 1]}, "no number"),
        ({"score.a": [1, 1]}, r"column score\.a of the table has 2 rows, query 3"),
        ({"split": ["train"]}, "column split of the table has 1 rows, query 3"),
        ({"answer.a": ["x", 42, "z"]}, r"answer\.a in row 1 of the table is no text but a int"),
        ({"query": ["x", "y", b"z"]}, "query in row 2 of the table is no text but a bytes"),
    ],
)
def test_values_that_make_no_sense_are_told(changes: dict[str, object], told: str) -> None:
    with pytest.raises(DataError, match=told):
        table(**changes)


@pytest.mark.parametrize(
    "columns", [{}, {"query": ["x"]}, {"score.a": [1]}, {"Query": ["x"], "score.a": [1]}]
)
def test_a_table_takes_queries_and_scores(columns: dict[str, object]) -> None:
    with pytest.raises(DataError, match=r"the table needs a column 'query' and one 'score\.<mode"):
        OutcomeTable.from_columns(columns)  # type: ignore[arg-type]


def test_tables_made_by_hand_are_checked_too() -> None:
    one = np.ones((1, 1))
    with pytest.raises(DataError, match="no models"):
        OutcomeTable((), (), {"score": np.ones((0, 0))})
    with pytest.raises(DataError, match="no scores; it has cost"):
        OutcomeTable(("a",), ("q",), {"cost": one})
    with pytest.raises(DataError, match=r"score has the shape \(1, 1\), not \(1, 2\)"):
        OutcomeTable(("a", "b"), ("q",), {"score": one})
    with pytest.raises(DataError, match="column split has 2 rows, not 1"):
        OutcomeTable(("a",), ("q",), {"score": one}, {"split": ("train", "test")})


def test_rows_may_lack_keys() -> None:
    made = OutcomeTable.from_rows([{"query": "x", "score.a": 1}, {"score.b": 0.5}])
    assert made.queries == ("x", "")
    np.testing.assert_array_equal(made.score, [[1, np.nan], [np.nan, 0.5]])


def test_absent_texts_are_empty_however_a_data_frame_says_so() -> None:
    made = table(**{"answer.a": ["x", None, math.nan], "query": [math.nan, None, "three"]})
    assert made.answers["a"] == ("x", "", "")
    assert made.queries == ("", "", "three")


def test_rows_are_taken_by_index_and_by_mask() -> None:
    made = table()
    for chosen in ([2, 0], np.array([2, 0])):
        part = made.rows(chosen)
        assert part.queries == ("three", "one")
        assert part.columns["split"] == ("train", "train")
        assert part.answers["a"] == ("z", "x")
        np.testing.assert_array_equal(part.cost[:, 0], [0.3, 0.1])
    assert made.rows(np.array([True, False, True])).queries == ("one", "three")
    assert made.rows(np.array([True, False, False])).queries == ("one",)
    assert len(made.rows([])) == len(made.rows(np.zeros(3, bool))) == 0


def test_splits_are_rows() -> None:
    assert table().split("train").queries == ("one", "three")
    with pytest.raises(DataError, match=r"no row has split 'dev'; there are \['test', 'train'\]"):
        table().split("dev")
    bare = OutcomeTable.from_rows([{"query": "x", "score.a": 1}])
    with pytest.raises(DataError, match="no column 'split'"):
        bare.split("train")


def test_some_of_the_models_in_the_order_given() -> None:
    made = table().of(["b", "a"])
    assert made.models == ("b", "a")
    np.testing.assert_array_equal(made.score[0], [0, 1])
    assert table().of(["b"]).answers == {}
    with pytest.raises(DataError, match="no outcomes of c; there are a, b"):
        table().of(["a", "c"])


def test_unknown_costs_come_from_tokens_and_prices() -> None:
    pool = ModelPool([Candidate(name=m, input_price=1e6, output_price=2e6) for m in "ab"])
    priced = table().priced(pool)
    np.testing.assert_allclose(priced.cost, [[0.1, 12], [0.2, 24], [0.3, 36]])
    assert not np.isfinite(table().priced(ModelPool(["a", "b"])).cost[:, 1]).any()
    with pytest.raises(PoolError, match="no model 'b'"):
        table().priced(ModelPool(["a"]))


def test_tokens_out_of_a_cache_cost_what_they_cost() -> None:
    sizes = {"in_tokens.a": 1000, "out_tokens.a": 100}
    asked = [{"query": "x", "score.a": 1, **sizes, "cached_tokens.a": n} for n in (None, 600, 2000)]
    pool = ModelPool([Candidate(name="a", input_price=10, cached_input_price=1, output_price=20)])
    cost = OutcomeTable.from_rows(asked).priced(pool).cost[:, 0]
    np.testing.assert_allclose(cost, [0.012, 0.0066, 0.003])  # no more is cached than is read


@given(st.lists(st.tuples(st.text(max_size=5), numbers, numbers), max_size=8), st.data())
def test_rows_and_models_in_any_order_keep_their_outcomes(
    rows: list[tuple[str, float | None, float | None]], data: st.DataObject
) -> None:
    texts, first, second = zip(*rows, strict=True) if rows else ((), (), ())
    made = OutcomeTable.from_columns({"query": texts, "score.a": first, "score.b": second})
    order = data.draw(st.permutations(range(len(rows))))
    models = data.draw(st.permutations(["a", "b"]))
    turned = made.rows(np.array(order, int)).of(models)
    for place, row in enumerate(order):
        assert turned.queries[place] == texts[row]
        for column, model in enumerate(models):
            expected = (first if model == "a" else second)[row]
            np.testing.assert_equal(
                turned.score[place, column], np.nan if expected is None else expected
            )


def test_five_thousand_models_are_no_burden() -> None:
    models = [f"model-{i}" for i in range(5000)]
    rows = [{"query": f"word {i} of three"} | {f"score.{m}": 0.5 for m in models} for i in range(3)]
    made = OutcomeTable.from_rows(rows).of(models[::-1])
    assert made.score.shape == (3, 5000)


def test_the_texts_stay_out_of_the_answers_repr() -> None:
    assert "'z'" not in repr(table())


def test_logarithms_of_chances_lie_below_0() -> None:
    made = table(**{"logprob.a": [-0.5, None, 0], "entropy.a": [0.5, None, 0]})
    np.testing.assert_array_equal(made.measures["logprob"][:, 0], [-0.5, np.nan, 0])
    with pytest.raises(DataError, match=r"entropy\.a lies outside 0\.\.inf in row 0"):
        table(**{"entropy.a": [-0.5, 0, 0]})
