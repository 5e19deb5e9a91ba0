"""The search for neighbours, against the plainest one there is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared_core.routers.predictive import neighbours


def unit(n: int, d: int, seed: int) -> np.ndarray:
    """Random unit vectors (n, d) whose dimensions differ in width, as principal axes do."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((n, d)) * np.linspace(2, 0.05, d)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def brute_force(queries: np.ndarray, rows: np.ndarray, k: int) -> np.ndarray:
    """Similarities (n, k) of the k nearest, one query and one row at a time."""
    return np.array([sorted((float(q @ r) for r in rows), reverse=True)[:k] for q in queries])


@settings(max_examples=40, deadline=None)
@given(n=st.integers(1, 60), d=st.integers(1, 12), data=st.data())
def test_the_nearest_are_found_the_nearest_first(n: int, d: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(1, n))
    rows, queries = unit(n, d, 0), unit(4, d, 1)
    index, similarity = neighbours.nearest(queries, rows, neighbours.leading(rows), k)
    assert index.shape == similarity.shape == (4, k)
    np.testing.assert_allclose(similarity, brute_force(queries, rows, k), atol=1e-6)
    np.testing.assert_allclose(np.einsum("nkd,nd->nk", rows[index], queries), similarity, atol=1e-6)
    assert all(len(set(row)) == k for row in index.tolist())


@settings(max_examples=60, deadline=None)
@given(n=st.integers(1, 700), levels=st.integers(1, 300), data=st.data())
def test_the_largest_are_those_that_sorting_finds(n: int, levels: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(1, min(n, 40)))
    values = np.random.default_rng(n).integers(0, levels, (3, n)).astype(np.float32)  # many equal
    index, found = neighbours.top(values, k)
    np.testing.assert_array_equal(index, np.argsort(-values, axis=1, kind="stable")[:, :k])
    np.testing.assert_array_equal(found, -np.sort(-values, axis=1)[:, :k])


def test_two_steps_miss_few(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, queries = unit(6000, 128, 0), unit(20, 128, 1)
    exact, _ = neighbours.nearest(queries, rows, neighbours.leading(rows), 40)
    monkeypatch.setattr(neighbours, "EXACT_UP_TO", 100)
    index, similarity = neighbours.nearest(queries, rows, neighbours.leading(rows), 40)
    found = [len(set(a) & set(b)) / 40 for a, b in zip(exact.tolist(), index.tolist(), strict=True)]
    assert np.mean(found) > 0.95
    np.testing.assert_allclose(np.einsum("nkd,nd->nk", rows[index], queries), similarity, atol=1e-5)


def test_two_steps_find_all_where_the_leading_dimensions_are_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows, queries = unit(3000, 32, 0), unit(5, 32, 1)
    exact = neighbours.nearest(queries, rows, neighbours.leading(rows), 10)
    monkeypatch.setattr(neighbours, "EXACT_UP_TO", 100)
    found = neighbours.nearest(queries, rows, neighbours.leading(rows), 10)
    np.testing.assert_array_equal(found[0], exact[0])


def test_a_shortlist_of_most_rows_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "EXACT_UP_TO", 100)
    rows, queries = unit(6000, 128, 0), unit(20, 128, 1)
    misleading = np.zeros((6000, 64), np.float32)
    found, _ = neighbours.nearest(queries, rows, misleading, 200)
    np.testing.assert_array_equal(found, neighbours.top(queries @ rows.T, 200)[0])


def test_principal_axes_are_a_rotation_the_widest_first() -> None:
    rows = unit(200, 16, 0) @ np.linalg.qr(np.random.default_rng(2).standard_normal((16, 16)))[0]
    axes = neighbours.principal_axes(rows.astype(np.float32))
    np.testing.assert_allclose(axes.T @ axes, np.eye(16), atol=1e-5)
    widths = ((rows @ axes) ** 2).sum(axis=0)
    assert (np.diff(widths) <= 1e-3).all()


@given(st.integers(0, 500), st.integers(0, 1 << 23))
def test_chunks_cover_every_row_once(n: int, width: int) -> None:
    covered = [row for part in neighbours.chunks(n, width) for row in range(n)[part]]
    assert covered == list(range(n))
