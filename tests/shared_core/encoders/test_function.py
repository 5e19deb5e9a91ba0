"""Any embedding function as an encoder; the frameworks' own classes among them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_world import HELD_OUT, outcomes

from shared_core import ArtifactError, ConfigError, FunctionEncoder, KNNRouter, Router


def letters(texts: list[str]) -> list[list[float]]:
    """How often each of some letters occurs."""
    return [[float(text.count(letter)) for letter in "aeiouspn"] for text in texts]


def langchain_embeddings() -> Any:
    """A real LangChain ``Embeddings``."""
    embeddings = pytest.importorskip("langchain_core.embeddings", reason="needs `langchain`")

    class Letters(embeddings.Embeddings):  # type: ignore[misc, name-defined]
        model = "letters-1"

        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return letters(texts)

        def embed_query(self, text: str) -> list[float]:
            return letters([text])[0]

    return Letters()


def llamaindex_embedding() -> Any:
    """A real LlamaIndex ``BaseEmbedding``."""
    base = pytest.importorskip("llama_index.core.embeddings", reason="needs `llamaindex`")

    class Letters(base.BaseEmbedding):  # type: ignore[misc, name-defined]
        def _get_text_embedding(self, text: str) -> list[float]:
            return letters([text])[0]

        def _get_query_embedding(self, query: str) -> list[float]:
            return letters([query])[0]

        async def _aget_query_embedding(self, query: str) -> list[float]:
            return letters([query])[0]

    return Letters(model_name="letters-1")


EMBEDDINGS = [langchain_embeddings, llamaindex_embedding]


@pytest.mark.parametrize("make", EMBEDDINGS, ids=lambda make: make.__name__)
def test_the_frameworks_embeddings_are_encoders(make: Any, tmp_path: Path) -> None:
    encoder = FunctionEncoder.of_embeddings(make())
    assert encoder.name == "Letters/letters-1"
    np.testing.assert_allclose(
        encoder(HELD_OUT), FunctionEncoder(letters, "x")(HELD_OUT), rtol=1e-5
    )
    router = KNNRouter(outcomes().models, encoder=encoder, k=3, shrinkage=1.0).fit(outcomes())
    folder = router.save(tmp_path / "router")
    loaded = Router.load(folder, encoder=FunctionEncoder.of_embeddings(make()))
    for text in HELD_OUT:
        assert loaded.route(text).ranking == router.route(text).ranking


def test_something_else_is_told() -> None:
    with pytest.raises(ConfigError, match="dict has neither embed_documents"):
        FunctionEncoder.of_embeddings({})


def test_a_name_is_needed_and_may_be_given() -> None:
    with pytest.raises(ConfigError, match="model and version"):
        FunctionEncoder(letters, "")
    assert FunctionEncoder.of_embeddings(langchain_embeddings(), "mine/2").name == "mine/2"


def test_the_batch_size_is_kept_to() -> None:
    sizes: list[int] = []

    def counted(texts: list[str]) -> list[list[float]]:
        sizes.append(len(texts))
        return letters(texts)

    FunctionEncoder(counted, "counted", batch_size=4)([f"text {i}" for i in range(10)])
    assert sizes == [4, 4, 2]


@pytest.mark.parametrize(
    "given", [[[1.0, 2.0], [1.0]], [[1.0], ["x"]], None, [[1.0]], [[float("nan")], [1.0]]], ids=str
)
def test_a_function_that_gives_no_vectors_is_told(given: Any) -> None:
    with pytest.raises(ConfigError, match="gave no finite"):
        FunctionEncoder(lambda texts: given, "broken")(["one", "two"])


def test_a_providers_error_passes_through() -> None:
    def fails(texts: list[str]) -> list[list[float]]:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        FunctionEncoder(fails, "fails")(["hi"])


def test_loading_needs_the_encoder_of_that_name(tmp_path: Path) -> None:
    encoder = FunctionEncoder(letters, "letters/1")
    router = KNNRouter(outcomes().models, encoder=encoder, k=3, shrinkage=1.0).fit(outcomes())
    folder = router.save(tmp_path / "router")
    with pytest.raises(ArtifactError, match=r"uses the encoder 'letters/1', which is not saved"):
        Router.load(folder)
    with pytest.raises(ArtifactError, match=r"of fingerprint \w+; FunctionEncoder\(name='other'\)"):
        Router.load(folder, encoder=FunctionEncoder(letters, "other"))
