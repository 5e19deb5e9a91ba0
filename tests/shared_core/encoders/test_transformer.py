"""The Hugging Face encoder, on a tiny model with random weights that is made here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from shared_core import (
    ArtifactError,
    ConfigError,
    Encoder,
    KNNRouter,
    MissingExtra,
    OutcomeTable,
    Router,
)

pytestmark = pytest.mark.slow

TEXTS = ["add two numbers", "write a poem about the sea", "what is the sum of two numbers"]
WORDS = " ".join(TEXTS).split()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    transformers = pytest.importorskip("transformers", reason="needs the extra `torch`")
    torch = pytest.importorskip("torch", reason="needs the extra `torch`")
    place = tmp_path_factory.mktemp("model")
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *dict.fromkeys(WORDS)]
    (place / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf-8")
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    transformers.BertModel(config).save_pretrained(place)
    transformers.BertTokenizerFast(str(place / "vocab.txt")).save_pretrained(place)
    return place


@pytest.fixture
def encoder(folder: Path) -> Encoder:
    return made(folder)


def made(folder: Path, **options: object) -> Encoder:
    """An encoder of the model in the folder, by the public name."""
    from shared_core import TransformerEncoder

    return TransformerEncoder(str(folder), local_files_only=True, max_tokens=32, **options)


def test_vectors_are_unit_and_do_not_depend_on_the_batch(encoder: Encoder, folder: Path) -> None:
    vectors = encoder(TEXTS)
    assert vectors.shape == (3, 32)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    alone = np.concatenate([made(folder, batch_size=1)([text]) for text in TEXTS])
    assert np.allclose(vectors, alone, atol=1e-5)


def test_odd_texts_are_encoded(encoder: Encoder) -> None:
    assert np.isfinite(encoder(["", "\ud800 lone", "x " * 5000])).all()


def test_a_router_with_it_survives_saving(folder: Path, tmp_path: Path) -> None:
    rows = [
        {"query": text, "score.a": float("numbers" in text), "score.b": 0.5} for text in TEXTS * 4
    ]
    table = OutcomeTable.from_rows(rows)
    encoder = made(folder, batch_size=4, revision="main")
    router = KNNRouter(table.models, encoder=encoder, k=2, shrinkage=1.0).fit(table)
    router.save(tmp_path / "router")
    loaded = Router.load(tmp_path / "router")
    assert isinstance(loaded, KNNRouter)
    for name in ("model", "revision", "max_tokens", "batch_size", "local_files_only"):
        assert getattr(loaded.encoder_, name) == getattr(encoder, name)
    assert np.allclose(loaded.predict(TEXTS).quality, router.predict(TEXTS).quality, atol=1e-5)


def test_other_weights_at_the_same_place_are_refused(folder: Path, tmp_path: Path) -> None:
    import shutil

    import torch
    import transformers

    place = tmp_path / "model"
    shutil.copytree(folder, place)
    table = OutcomeTable.from_rows([{"query": t, "score.a": 1.0, "score.b": 0.0} for t in TEXTS])
    KNNRouter(table.models, encoder=made(place), k=1, shrinkage=1.0).fit(table).save(tmp_path / "r")
    torch.manual_seed(1)
    changed = transformers.BertModel(transformers.BertConfig.from_pretrained(place))
    changed.save_pretrained(place)
    with pytest.raises(ArtifactError, match="is not the one the router was trained with"):
        Router.load(tmp_path / "r")


def test_a_model_that_is_not_there_is_told(folder: Path, tmp_path: Path) -> None:
    from shared_core import TransformerEncoder

    with pytest.raises(ConfigError, match="cannot load the model"):
        made(tmp_path / "nowhere")(["hi"])
    with pytest.raises(ConfigError, match=r"no folder, .* the hub was not asked"):
        TransformerEncoder("no-such-model", local_files_only=True)(["hi"])


def test_without_torch_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    import shared_core

    monkeypatch.delitem(vars(shared_core), "TransformerEncoder", raising=False)
    for module in ("transformer", "fine_tuned"):
        monkeypatch.delitem(sys.modules, f"shared_core.encoders.{module}", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtra, match=r"llmrouter-integrations\[torch\]"):
        shared_core.TransformerEncoder  # noqa: B018
