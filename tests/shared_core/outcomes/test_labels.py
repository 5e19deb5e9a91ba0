"""Labels, preferences and augmentation."""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared_core import ConfigError, DataError, OutcomeTable, read_outcomes
from shared_core.outcomes import augment, labels, preferences

SCORE = np.array([[1.0, 1.0, 0.0], [0.2, np.nan, 0.4]])


def test_soft_labels_are_distributions_and_follow_the_scores() -> None:
    shares = labels.soft(SCORE)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert shares[0, 0] == shares[0, 1]
    assert shares[1, 1] == 0
    assert shares[1, 2] / shares[1, 0] == pytest.approx(np.exp(2))


@given(st.permutations(range(3)))
def test_hard_labels_do_not_depend_on_the_order_of_columns(order: list[int]) -> None:
    cost = np.array([[2.0, 1.0, 3.0]] * 2)
    turned = labels.hard(SCORE[:, order], cost[:, order])
    assert [order[i] for i in turned] == labels.hard(SCORE, cost).tolist() == [1, 2]


def test_a_model_of_unknown_cost_wins_no_tie() -> None:
    score = np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 0.0]])
    cost = np.array([[0.5, np.nan, 0.1]] * 2)
    assert labels.hard(score, cost).tolist() == [0, 1]


def test_wins_know_ties_and_gaps() -> None:
    np.testing.assert_array_equal(labels.wins(SCORE, 0, 1), [0.5, np.nan])
    np.testing.assert_array_equal(labels.wins(SCORE, 0, 2), [1.0, 0.0])


def test_preferences_become_outcomes(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text(
        "query,model_a,model_b,winner\nhi,x,y,model_a\nhi,x,z,tie\nbye,y,x,model_b\n", "utf-8"
    )
    table = preferences.read(path)
    assert table.queries == ("hi", "bye")
    found = dict(zip(table.models, table.score[0], strict=True))
    assert found == {"x": 0.75, "y": 0.0, "z": 0.5}


def test_pairs_are_scored_alike_by_all_who_read_them(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text(
        "query,model_a,model_b,winner\nhi,x,y,tie (bothbad)\nhi,x,z,model_a\nbye,x,y,model_b\n",
        "utf-8",
    )
    table, reading = preferences.read(path), read_outcomes(path)
    assert reading.left_out == {}
    assert reading.table.models == table.models == ("x", "y", "z")
    for one in (table, reading.table):
        np.testing.assert_array_equal(one.score, [[0.5, 0, 0], [0, 1, np.nan]])


def played(rows: list[tuple[str, str]], strength: dict[str, float]) -> list[dict[str, Any]]:
    """Comparisons of these pairs, a hundred of each, won by Bradley-Terry strengths."""
    rng, found = np.random.default_rng(0), []
    for first, second in rows:
        for won in rng.random(100) < strength[first] / (strength[first] + strength[second]):
            winner = "model_a" if won else "model_b"
            pair = {"model_a": first, "model_b": second, "winner": winner}
            found.append({"query": f"query {len(found)}", **pair})
    return found


def explained(tmp_path: Path, rows: list[dict[str, Any]]) -> str:
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    return read_outcomes(path).explain()


STRENGTH = {"best": 9.0, "good": 6.0, "weak": 1.0, "worst": 0.5}


def test_who_met_unlike_opponents_is_told(tmp_path: Path) -> None:
    like = [("best", "good"), ("weak", "worst")] * 4
    told = explained(tmp_path, played([*like, ("good", "weak")], STRENGTH))
    assert "weak won 54%" in told
    assert "would against each alike win 29%" in told
    assert "only the router elo allows for that" in told


def test_models_that_no_games_connect_are_told(tmp_path: Path) -> None:
    told = explained(tmp_path, played([("best", "good"), ("weak", "worst")], STRENGTH))
    assert "best, good never met weak, worst" in told


def test_nothing_is_told_where_all_met_all(tmp_path: Path) -> None:
    pairs = list(itertools.combinations(STRENGTH, 2))
    assert explained(tmp_path, played(pairs, STRENGTH)).endswith("nothing left out")


@pytest.mark.parametrize("winner", ["x", "", ["model_a"], None])
def test_an_unknown_winner_is_told(winner: Any) -> None:
    row = {"query": "hi", "model_a": "x", "model_b": "y", "winner": winner}
    with pytest.raises(DataError, match="winner is one of"):
        preferences.table([row])


def rows() -> OutcomeTable:
    """Training rows, and a test row that a change could hit."""
    return OutcomeTable.from_rows(
        {"query": text, "split": side, "score.a": 1.0, "score.b": 0.0}
        for text, side in [("Hello World", "train"), ("HELLO WORLD", "test"), ("abc def", "train")]
    )


def test_augmentation_never_crosses_the_split() -> None:
    table = rows()
    for seed in range(20):
        more = augment.augment(table, [augment.change_case, augment.typos], copies=3, seed=seed)
        assert more.queries[:3] == table.queries
        assert set(more.columns["split"][3:]) == {"train"}
        assert "HELLO WORLD" not in more.queries[3:]
        assert more.origins[:3] == table.queries
        assert set(more.origins[3:]) <= {"Hello World", "abc def"}
        assert set(augment.augment(more, [augment.typos]).origins) == set(table.queries)


def test_changes_by_models_are_functions_handed_in() -> None:
    rng = random.Random(0)
    assert augment.paraphrase(lambda prompt: prompt[-5:])("hello", rng) == "hello"
    assert augment.back_translation(str.upper, str.lower)("Hola", rng) == "hola"
    assert augment.drop_words("one two", rng, share=1.0) == "one"
    with pytest.raises(ConfigError):
        augment.augment(rows(), [])


def test_mixed_vectors_are_unit_and_labels_between() -> None:
    vectors, told = augment.mix_up(np.eye(4, dtype=np.float32), np.eye(4), 50)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert ((told >= 0) & (told <= 1)).all()


def test_a_model_is_not_compared_with_itself() -> None:
    row = {"query": "hi", "model_a": "x", "model_b": "x", "winner": "tie"}
    with pytest.raises(DataError, match="row 0 compares x with itself"):
        preferences.table([row])
