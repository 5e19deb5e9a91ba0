"""What is proved is true, but for a chance of delta; and what is true can mostly be proved."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from shared_core.evaluation.knobs.proofs import _chance_of_at_most, mean_is_below, share_is_below

Draw = Callable[[np.random.Generator, int], np.ndarray]


def proved(name: str, values: np.ndarray, limit: float, delta: float) -> bool:
    if name == "share":
        return share_is_below(values, limit, delta)
    return mean_is_below(values, limit, 0.0, 1.0, delta)


VALUES: dict[str, tuple[Draw, float]] = {
    "share": (lambda rng, n: (rng.random(n) < 0.2).astype(float), 0.2),
    "lost, level, won": (lambda rng, n: rng.choice([0.0, 0.5, 1.0], n, p=[0.1, 0.8, 0.1]), 0.5),
    "mostly small": (lambda rng, n: rng.beta(0.2, 9.8, n), 0.02),
    "one dear call in a thousand": (lambda rng, n: (rng.random(n) < 1e-3) * 0.999 + 1e-3, 0.001999),
    "even": (lambda rng, n: rng.random(n), 0.5),
}  # fmt: skip


@pytest.mark.parametrize("n", [40, 600])
@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("delta", [0.05, 0.3])
def test_what_is_not_so_is_proved_with_a_chance_of_delta(name: str, n: int, delta: float) -> None:
    draw, mean = VALUES[name]
    rng, times = np.random.default_rng(0), 1000
    wrong = sum(proved(name, draw(rng, n), mean, delta) for _ in range(times))
    assert wrong <= times * delta + 3 * math.sqrt(times * delta * (1 - delta))


@pytest.mark.parametrize("name", ["share", "lost, level, won", "mostly small", "even"])
def test_what_is_so_is_proved(name: str) -> None:
    """Where three standard errors lie between; a bound that forgets the spread proves little."""
    draw, mean = VALUES[name]
    rng, n = np.random.default_rng(0), 1000
    limit = mean + 3 * float(draw(rng, 100_000).std()) / math.sqrt(n)
    assert sum(proved(name, draw(rng, n), limit, 0.1) for _ in range(200)) > 140


def test_other_units_prove_the_same() -> None:
    values = np.random.default_rng(0).beta(2, 8, 300)
    for limit in (0.19, 0.2, 0.21, 0.22, 0.23):
        first = mean_is_below(values, limit, 0.0, 1.0, 0.1)
        assert first == mean_is_below(40 * values - 7, 40 * limit - 7, -7.0, 33.0, 0.1)
    assert not mean_is_below(values, 0.19, 0.0, 1.0, 0.1)
    assert mean_is_below(values, 0.23, 0.0, 1.0, 0.1)


@pytest.mark.parametrize(
    ("k", "n", "p"), [(0, 10, 0.3), (3, 10, 0.3), (10, 10, 0.3), (57, 200, 0.33)]
)
def test_successes_are_counted_exactly(k: int, n: int, p: float) -> None:
    whole = sum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k + 1))
    assert _chance_of_at_most(k, n, p) == pytest.approx(min(whole, 1.0), rel=1e-9)


@pytest.mark.parametrize("name", ["share", "mean"])
def test_nothing_proves_nothing_and_the_possible_needs_no_proof(name: str) -> None:
    assert not proved(name, np.zeros(0), 0.5, 0.1)
    assert not proved(name, np.zeros(1000), 0.0, 0.1)
    assert proved(name, np.ones(3), 1.1, 0.1)
    assert not proved(name, np.ones(3), 1.0, 0.1)
