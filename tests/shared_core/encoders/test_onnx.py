"""Sentence vectors without torch: tiny transformers with random weights, written as ONNX here."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models
from small_world import HELD_OUT, outcomes

import shared_core
from shared_core import (
    ArtifactError,
    ConfigError,
    KNNRouter,
    LinearRouter,
    MissingExtra,
    NotFitted,
    Router,
)

pytestmark = pytest.mark.slow

NEEDED = ("onnx", "onnxruntime", "tokenizers", "torch", "transformers")
TEXTS = [*HELD_OUT, "", "x", " ".join(HELD_OUT)]


@pytest.fixture(autouse=True)
def _extras() -> None:
    for package in NEEDED:
        pytest.importorskip(package, reason="needs the extra `onnx-export`")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("onnx") / "tiny-bert")


def written(place: Path, model: str = "tiny-bert", **options: Any) -> Path:
    """The folder with the tiny model as ONNX."""
    for package in NEEDED:
        pytest.importorskip(package, reason="needs the extra `onnx-export`")
    return Path(shared_core.export_onnx(tiny_models.folder(model), place, **options).folder)


def copied(folder: Path, place: Path, **facts: object) -> Path:
    """The folder at another place, with other facts."""
    shutil.copytree(folder, place)
    told = json.loads((place / "model.json").read_bytes())
    (place / "model.json").write_text(json.dumps(told | facts))
    return place


def opened(folder: Path, **options: Any) -> Any:
    """An encoder of the folder, by the public name."""
    return shared_core.OnnxEncoder(folder, **options)


@pytest.mark.parametrize("pooling", ["mean", "first", "last"])
@pytest.mark.parametrize(("bits", "most"), [(32, 1e-3), (8, 0.15)])
@pytest.mark.parametrize("model", tiny_models.NAMES)
def test_the_vectors_are_the_transformers(
    model: str, bits: int, most: float, pooling: str, tmp_path: Path
) -> None:
    place = written(tmp_path / "onnx", model, bits=bits, pooling=pooling)
    torchs = shared_core.FineTunedEncoder.of(tiny_models.folder(model), pooling)(TEXTS)
    assert np.linalg.norm(torchs - opened(place)(TEXTS), axis=1).max() < most
    others = np.roll(torchs, 1, axis=0)
    assert (
        np.linalg.norm(torchs - others, axis=1).mean() > most
    )  # so being near does mean something


def test_company_changes_no_bit(folder: Path) -> None:
    together = opened(folder)(TEXTS)
    alone = np.concatenate([opened(folder)([text]) for text in TEXTS])
    np.testing.assert_array_equal(together, alone)


def test_threads_share_it(folder: Path) -> None:
    encoder = opened(folder, threads=2)
    encoder.cache_size = 0
    expected = opened(folder)(TEXTS)
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda text: encoder([text])[0], TEXTS * 5))
    np.testing.assert_allclose(found, np.tile(expected, (5, 1)), atol=1e-6)


def test_odd_texts_are_encoded(folder: Path) -> None:
    vectors = opened(folder)(["", "\ud800 lone", "x " * 5000])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_the_tail_of_long_texts_does_not_count(folder: Path) -> None:
    long = HELD_OUT[0] + " of the sea" * 10
    short, whole = opened(folder, max_tokens=5), opened(folder)
    np.testing.assert_array_equal(short([HELD_OUT[0]]), short([long]))
    assert not np.array_equal(whole([HELD_OUT[0]]), whole([long]))
    assert opened(folder, max_tokens=10_000)(["x " * 5000]).shape == (1, 32)


def test_the_fingerprint_is_of_what_makes_the_vectors(folder: Path, tmp_path: Path) -> None:
    plain = opened(folder).fingerprint
    assert plain == opened(copied(folder, tmp_path / "moved"), threads=3).fingerprint
    assert plain != opened(folder, max_tokens=5).fingerprint
    assert plain != opened(copied(folder, tmp_path / "last", pooling="last")).fingerprint
    assert plain != opened(written(tmp_path / "float", bits=32)).fingerprint


WITHOUT_TORCH = """
import sys
sys.modules["torch"] = sys.modules["transformers"] = sys.modules["onnx"] = None
from shared_core import Router
print(Router.load(sys.argv[1]).route(sys.argv[2]).model)
"""
SUM = "what is the sum of 9 and 9"


def routed_without_torch(place: Path) -> str:
    """The model that a fresh interpreter without torch chooses."""
    order = [sys.executable, "-c", WITHOUT_TORCH, place, SUM]
    return subprocess.run(order, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("router_class", [LinearRouter, KNNRouter])
def test_a_router_with_it_is_saved_and_runs_without_torch(
    router_class: type[LinearRouter | KNNRouter], folder: Path, tmp_path: Path
) -> None:
    encoder = opened(folder, max_tokens=64, threads=2, cache_size=8)
    router = router_class(outcomes().models, encoder=encoder).fit(outcomes())
    place = router.save(tmp_path / "router")
    loaded = Router.load(place)
    assert isinstance(loaded, router_class)
    for name in ("folder", "max_tokens", "threads", "cache_size"):
        assert getattr(loaded.encoder_, name) == getattr(encoder, name)
    np.testing.assert_array_equal(
        loaded.predict(HELD_OUT).quality, router.predict(HELD_OUT).quality
    )
    assert routed_without_torch(place) == router.route(SUM).model


def test_what_a_bert_router_tuned_runs_without_torch_too(tmp_path: Path) -> None:
    bert = shared_core.BERTRouter(
        outcomes().models, tiny_models.folder("tiny-bert"), networks=1
    ).fit(outcomes())
    light = bert.as_onnx(tmp_path / "onnx", bits=32)
    quality = bert.predict(HELD_OUT).quality
    np.testing.assert_allclose(light.predict(HELD_OUT).quality, quality, atol=1e-5)
    assert routed_without_torch(light.save(tmp_path / "router")) == bert.route(SUM).model
    assert light.provenance_["encoder"] == light.encoder_.fingerprint
    assert bert.provenance_["encoder"] == bert.encoder_.fingerprint != light.encoder_.fingerprint
    with pytest.raises(ConfigError, match="is no transformer in torch"):
        light.as_onnx(tmp_path / "other")
    with pytest.raises(ConfigError, match="max_tokens: only for a model's folder or name"):
        shared_core.export_onnx(bert.encoder_, tmp_path / "other", max_tokens=3)


@pytest.mark.parametrize("name", ["BERTRouter", "CausalLMRouter"])
def test_before_fit_there_is_no_transformer_to_write(name: str, tmp_path: Path) -> None:
    router = getattr(shared_core, name)(outcomes().models, "any")
    with pytest.raises(NotFitted, match="call fit"):
        router.as_onnx(tmp_path / "onnx")


def test_networks_on_it_run_without_torch(folder: Path, tmp_path: Path) -> None:
    router = shared_core.MLPRouter(outcomes().models, encoder=opened(folder), networks=1)
    place = router.fit(outcomes()).save(tmp_path / "router")
    assert routed_without_torch(place) == router.route(SUM).model


def test_another_model_at_the_same_place_is_refused(folder: Path, tmp_path: Path) -> None:
    place = copied(folder, tmp_path / "model")
    LinearRouter(outcomes().models, encoder=opened(place)).fit(outcomes()).save(tmp_path / "r")
    shutil.rmtree(place)
    written(place, bits=32)
    with pytest.raises(ArtifactError, match="is not the one the router was trained with"):
        Router.load(tmp_path / "r")
    elsewhere = copied(folder, tmp_path / "elsewhere")
    assert Router.load(tmp_path / "r", encoder=opened(elsewhere)).route("hi").model


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
def test_a_damaged_file_is_told(name: str, folder: Path, tmp_path: Path) -> None:
    place = copied(folder, tmp_path / "model")
    (place / name).write_bytes((place / name).read_bytes() + b" ")
    with pytest.raises(ConfigError, match=rf"{name} was damaged or changed"):
        opened(place)(["hi"])
    (place / name).unlink()
    with pytest.raises(ConfigError, match=r"no model in .*" + name):
        opened(place)(["hi"])


@pytest.mark.parametrize(
    "facts",
    [{"pooling": "sum"}, {"max_tokens": 0}, {"sha256": None}, {"colour": "blue"}],
    ids=str,
)
def test_facts_that_are_none_are_told(
    facts: dict[str, object], folder: Path, tmp_path: Path
) -> None:
    place = copied(folder, tmp_path / "model", **facts)
    with pytest.raises(
        ConfigError, match=rf"(?s)model.json does not say .*\n{next(iter(facts))}\n"
    ):
        opened(place)(["hi"])


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'export_onnx.*\{"pooling": "mean", "max_tokens": 256\}'):
        opened(tmp_path / "nowhere")(["hi"])


@pytest.mark.parametrize("options", [{"threads": 0}, {"max_tokens": 0}], ids=str)
def test_numbers_below_one_are_refused(options: dict[str, int], folder: Path) -> None:
    with pytest.raises(ConfigError, match="is a whole number from 1 up, not 0"):
        opened(folder, **options)


@pytest.mark.parametrize("pools_itself", [False, True])
def test_what_others_exported_is_read(pools_itself: bool, folder: Path, tmp_path: Path) -> None:
    import onnx

    place = copied(folder, tmp_path / "theirs", sha256={}, pooling="last", max_tokens=64)
    names = ("attention_mask", "input_ids", "token_type_ids")
    inputs = [
        onnx.helper.make_tensor_value_info(n, onnx.TensorProto.INT64, [1, "t"]) for n in names
    ]
    nodes = [
        onnx.helper.make_node("Cast", [n], [f"{n}_f"], to=onnx.TensorProto.FLOAT) for n in names
    ]
    axis = onnx.helper.make_tensor("axis", onnx.TensorProto.INT64, [1], [2])
    nodes += [onnx.helper.make_node("Unsqueeze", [f"{n}_f", "axis"], [f"{n}_u"]) for n in names]
    nodes.append(onnx.helper.make_node("Concat", [f"{n}_u" for n in names], ["states"], axis=2))
    nodes.append(onnx.helper.make_node("ReduceMean", ["states"], ["means"], axes=[1], keepdims=0))
    name, shape = ("means", [1, 3]) if pools_itself else ("states", [1, "t", 3])
    output = onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
    graph = onnx.helper.make_graph(nodes, "theirs", inputs, [output], [axis])
    opset = onnx.helper.make_opsetid("", 17)
    onnx.save(
        onnx.helper.make_model(graph, opset_imports=[opset], ir_version=8), place / "model.onnx"
    )
    encoder = opened(place)
    tokens = encoder._loaded().split(HELD_OUT)
    ids = [np.mean(one) if pools_itself else one[-1] for one in tokens]
    expected = np.array([[1, one, 0] for one in ids], np.float32)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(encoder(HELD_OUT), expected, rtol=1e-5)


def test_an_export_leaves_what_is_there_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(ConfigError, match="is there already"):
        written(tmp_path / "mine")
    with pytest.raises(ConfigError, match=r"bits is one of \[8, 32\], not 16"):
        written(tmp_path / "new", bits=16)
    with pytest.raises(ConfigError, match="cannot load the model"):
        shared_core.export_onnx(str(tmp_path / "nowhere"), tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_an_export_with_other_vectors_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from shared_core.encoders import onnx_export

    monkeypatch.setattr(onnx_export, "_round", lambda whole, model: _zeroed(whole, model))
    with pytest.raises(ConfigError, match="cannot be written as ONNX with 8 bits"):
        written(tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def _zeroed(whole: Path, model: Path) -> None:
    """The model with its largest weights off."""
    import onnx

    network = onnx.load(whole)
    largest = max(network.graph.initializer, key=lambda one: int(np.prod(one.dims)))
    noise = np.random.default_rng(0).standard_normal(list(largest.dims)).astype(np.float32)
    largest.CopyFrom(onnx.numpy_helper.from_array(noise, largest.name))
    onnx.save(network, model)


@pytest.mark.parametrize(
    ("name", "module", "missing", "extra"),
    [
        ("OnnxEncoder", "onnx", "onnxruntime", "onnx"),
        ("OnnxEncoder", "onnx", "tokenizers", "onnx"),
        ("export_onnx", "onnx_export", "onnx", "onnx-export"),
        ("export_onnx", "onnx_export", "torch", "torch"),
    ],
)
def test_without_a_package_the_error_says_what_to_install(
    name: str, module: str, missing: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(vars(shared_core), name, raising=False)
    for one in (module, "tokens"):
        monkeypatch.delitem(sys.modules, f"shared_core.encoders.{one}", raising=False)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(MissingExtra, match=rf"{name} needs {missing}.*\[{extra}\]"):
        getattr(shared_core, name)
