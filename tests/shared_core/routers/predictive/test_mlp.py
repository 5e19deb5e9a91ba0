"""The networks: what they are trained to, and what they say of rows they did not learn from."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_world import HELD_OUT, POOL, outcomes

from shared_core import ConfigError, OutcomeTable, Router
from shared_core.routers.predictive.layers import Layers

pytest.importorskip("torch", reason="needs the extra `torch`")


def mlp(**options: Any) -> Any:
    from shared_core import MLPRouter

    return MLPRouter(POOL, hidden=16, **options)


def test_the_seed_decides_everything() -> None:
    first, again, other = (mlp(networks=1, max_epochs=3, seed=s).fit(outcomes()) for s in (0, 0, 1))
    np.testing.assert_array_equal(first.first_, again.first_)
    assert first.first_.shape != other.first_.shape or not np.array_equal(
        first.first_, other.first_
    )


def test_several_networks_are_one_wider_network() -> None:
    router = mlp(networks=3, max_epochs=2).fit(outcomes())
    assert router.first_.shape[1] == router.second_.shape[0] == 3 * 16
    assert router.predict(HELD_OUT).quality.shape == (len(HELD_OUT), len(POOL))


def torchs(width: int, n_targets: int, seed: int) -> Any:
    """A network of torch's with random weights and biases, the last layer's, too."""
    import torch

    from shared_core.routers.predictive.descent import _network

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _network(width, 16, n_targets).eval()
        torch.nn.init.normal_(network[-1].weight)
        torch.nn.init.normal_(network[-1].bias)
    return network


def test_numpy_tells_what_torch_does() -> None:
    import torch

    from shared_core.routers.predictive.descent import _layers

    networks = [torchs(40, 8, seed) for seed in range(3)]
    design = np.random.default_rng(0).normal(size=(50, 40)).astype(np.float32)
    with torch.inference_mode():
        expected = [network(torch.from_numpy(design)).numpy() for network in networks]
    found = [_layers(network) for network in networks]
    for one, told in zip(found, expected, strict=True):
        np.testing.assert_allclose(one(design), told, atol=1e-5)
    np.testing.assert_allclose(Layers.mean(found)(design), np.mean(expected, axis=0), atol=1e-5)
    assert min(np.abs(a - b).max() for a, b in itertools.pairwise(expected)) > 0.1


WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
import numpy as np
from shared_core import MissingExtra, OutcomeTable, Router
router = Router.load(sys.argv[1])
np.save(sys.argv[3], router.predict(sys.argv[4:]).quality)
router.save(sys.argv[2])
try:
    score = {f"score.{model}": 1.0 for model in router.pool}
    router.fit(OutcomeTable.from_rows([{"query": text, **score} for text in sys.argv[4:]]))
except MissingExtra as missing:
    print(missing)
"""


def test_a_trained_one_needs_no_torch(tmp_path: Path) -> None:
    router = mlp(networks=2, max_epochs=3).fit(outcomes())
    first = router.save(tmp_path / "first")
    again, told = tmp_path / "again", tmp_path / "told.npy"
    order = [sys.executable, "-c", WITHOUT_TORCH, first, again, told, *HELD_OUT]
    done = subprocess.run(order, capture_output=True, text=True, check=True)
    np.testing.assert_array_equal(np.load(told), router.predict(HELD_OUT).quality)
    loaded: Any = Router.load(again)
    np.testing.assert_array_equal(loaded.predict(HELD_OUT).quality, np.load(told))
    assert done.stdout.strip() == (
        "MLPRouter.fit needs torch: pip install 'llmrouter-integrations[torch]'"
    )


def test_every_row_is_predicted_by_a_network_that_did_not_learn_from_it() -> None:
    router = mlp(max_epochs=10).fit(outcomes())
    predicted, score, cost = router.held_out
    assert predicted.quality.shape == score.shape == cost.shape == (len(outcomes()), len(POOL))
    assert np.isfinite(predicted.quality).all()
    right = np.take_along_axis(score, predicted.quality.argmax(axis=1)[:, None], axis=1)
    assert right.mean() > 0.9
    assert mlp(networks=2, max_epochs=1).fit(outcomes()).held_out is None


def test_the_level_is_that_of_the_outcomes() -> None:
    table = outcomes()
    told = mlp(max_epochs=10).fit(table).predict(list(table.queries))
    np.testing.assert_allclose(told.quality.mean(axis=0), table.score.mean(axis=0), atol=1e-3)
    few = mlp(networks=2, max_epochs=1).fit(table).predict(list(table.queries))
    np.testing.assert_allclose(few.quality.mean(axis=0), table.score.mean(axis=0), atol=1e-3)


def test_where_queries_tell_nothing_it_hardly_tells_them_apart() -> None:
    """A network overfits; the rows that it did not learn from say that nothing is in it."""
    table = outcomes()
    noise = np.random.default_rng(1).random(table.score.shape)
    measures = {**table.measures, "score": noise}
    random = OutcomeTable(table.models, table.queries, measures, table.columns)
    trusted, blind = (mlp(networks=n).fit(random) for n in (5, 4))
    spread = [one.predict(HELD_OUT).quality.std(axis=0).mean() for one in (trusted, blind)]
    assert spread[0] < 0.5 * spread[1]


def test_then_shifts_and_mixes() -> None:
    network = Layers(np.eye(2, dtype=np.float32), np.zeros(2, np.float32),
                     np.eye(2, dtype=np.float32), np.zeros(2, np.float32))  # fmt: skip
    design = np.array([[1.0, 2.0]], np.float32)
    mixture = np.array([[1.0, 0.5], [0.0, 2.0]])
    found = network.then(np.array([10.0, 20.0]), mixture)(design)
    np.testing.assert_allclose(found, [[11.0, 22.0]] @ mixture)


def objective(quality: Any, cost: Any, temperature: float | None = None) -> Any:
    from shared_core.routers.predictive.objective import Objective

    return Objective.of(np.array(quality), np.array(cost), 1.0, temperature)


def test_unknown_outcomes_cost_nothing() -> None:
    import torch

    quality = [[1.0, 0.0], [np.nan, 1.0]]
    one = objective(quality, np.zeros((2, 2)))
    told = torch.zeros(2, 4)
    other = told.clone()
    other[1, 0] = 5.0
    rows = torch.tensor([1])
    assert one.loss(told[rows], rows) == one.loss(other[rows], rows)
    other[1, 1] = 5.0
    assert one.loss(told[rows], rows) != one.loss(other[rows], rows)


def test_an_error_that_all_models_share_counts_a_tenth() -> None:
    import torch

    one = objective([[0.5, 0.5], [0.5, 0.5]], np.zeros((2, 2)))
    rows = torch.tensor([0])
    shared = one.loss(torch.tensor([[0.2, 0.2, 0.0, 0.0]]), rows)
    apart = one.loss(torch.tensor([[0.2, -0.2, 0.0, 0.0]]), rows)
    assert float(shared) == pytest.approx(0.1 * float(apart))


def test_soft_labels_pull_towards_the_better_model() -> None:
    import torch

    quality = [[1.0, 0.0], [0.0, 1.0]]
    with_them, without = (objective(quality, np.zeros((2, 2)), t) for t in (10.0, None))
    rows, told = torch.tensor([0]), torch.tensor([[0.5, -0.5, 0.0, 0.0]])
    wrong = -told
    assert with_them.loss(told, rows) - without.loss(told, rows) < with_them.loss(
        wrong, rows
    ) - without.loss(wrong, rows)


def test_settings_that_make_no_sense_are_told() -> None:
    for wrong in ({"networks": 0}, {"max_epochs": 0}):
        with pytest.raises(ConfigError, match="from 1 up, not 0"):
            mlp(**wrong)
    with pytest.raises(ConfigError, match="temperature is a number above 0"):
        mlp(temperature=-1.0)


def test_a_single_text_can_be_learned() -> None:
    router = mlp(networks=2, max_epochs=3).fit(outcomes(["what is the sum of 1 and 2"] * 2))
    assert np.isfinite(router.predict(["what is the sum of 3 and 4"]).quality).all()
