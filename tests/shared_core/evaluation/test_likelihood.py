"""NLL by real language models: exact by hand on a tiny one, and the same order on a real one."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from shared_core import (
    ConfigError,
    DataError,
    Likelihood,
    LikelihoodFailed,
    LlamaCppLikelihood,
    negative_log_likelihood,
    perplexity,
)

WORDS = ["the", "capital", "of", "france", "is", "paris", "london", "banana"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny GPT-2 with random weights, and a tokenizer of a few words."""
    pytest.importorskip("torch", reason="needs the extra `torch`")
    transformers = pytest.importorskip("transformers", reason="needs the extra `torch`")
    tokenizers = pytest.importorskip("tokenizers")
    import torch

    place = tmp_path_factory.mktemp("tiny")
    words = {word: i for i, word in enumerate(["<s>", "<unk>", *WORDS])}
    model = tokenizers.models.WordLevel(words, unk_token="<unk>")
    plain = tokenizers.Tokenizer(model)
    plain.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    wrapped = transformers.PreTrainedTokenizerFast(tokenizer_object=plain, bos_token="<s>")
    wrapped.save_pretrained(place)
    torch.manual_seed(0)
    sizes = {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 16}
    config = transformers.GPT2Config(vocab_size=len(words), bos_token_id=0, **sizes)
    transformers.GPT2LMHeadModel(config).save_pretrained(place)
    return place


def made(folder: Path) -> Likelihood:
    """The tiny model as a source of log-probabilities."""
    from shared_core import TransformersLikelihood

    return TransformersLikelihood(str(folder), local_files_only=True)


@pytest.mark.slow
def test_transformers_is_the_log_softmax_by_hand(folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    prompt, answer = "the capital of france is", "paris london"
    found = made(folder).logprobs(prompt, answer)
    ids = [2, 3, 4, 5, 6, 7, 8]
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    with torch.inference_mode():
        logits = model(torch.tensor([ids])).logits[0].double().numpy()
    by_hand = [logits[i - 1, ids[i]] - np.log(np.exp(logits[i - 1]).sum()) for i in (5, 6)]
    assert found == pytest.approx(by_hand, abs=1e-9)
    nll = made(folder).nll([prompt], [answer])
    assert nll == pytest.approx([-np.mean(by_hand)])
    assert perplexity(float(nll[0])) == pytest.approx(np.exp(-np.mean(by_hand)))


@pytest.mark.slow
def test_transformers_begins_an_answer_without_a_prompt(folder: Path) -> None:
    assert made(folder).logprobs("", "paris").shape == (1,)
    with pytest.raises(DataError, match="no token"):
        made(folder).logprobs("the", "")
    with pytest.raises(DataError, match=r"20 tokens; .* reads 16"):
        made(folder).logprobs("the", " ".join(["paris"] * 19))
    with pytest.raises(DataError, match="are no pairs"):
        made(folder).nll(["the"], [])


class Server(http.server.BaseHTTPRequestHandler):
    """Answers as llama.cpp's server does, token for token."""

    steps: ClassVar[list[dict[str, Any]]] = []
    seen: ClassVar[list[dict[str, Any]]] = []

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.seen.append({"path": self.path, **asked})
        if self.path == "/moved/tokenize":
            self.send_response(302)
            self.send_header("Location", f"http://localhost:{self.server.server_port}/tokenize")
            self.end_headers()
            return
        if self.headers.get("Authorization") != "Bearer key":
            self.send_error(401)
            return
        told = (
            {"tokens": [5, 9]}
            if self.path == "/tokenize"
            else {"completion_probabilities": self.steps}
        )
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(told).encode())

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""


@pytest.fixture
def address() -> Iterator[str]:
    Server.seen.clear()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()


def test_llama_cpp_is_held_to_the_answers_tokens(address: str) -> None:
    Server.steps = [{"id": 5, "logprob": -0.5}, {"id": 9, "logprob": -1.5}]
    source = LlamaCppLikelihood(address, "key")
    assert source.nll(["Q"], [" Paris"]).tolist() == [1.0]
    assert Server.seen[0] == {"path": "/tokenize", "content": " Paris", "add_special": False}
    assert Server.seen[1]["grammar"] == "root ::= <[5]> <[9]>"
    assert Server.seen[1]["n_predict"] == 2
    assert "key" not in repr(source)


def test_llama_cpp_says_what_went_wrong(address: str) -> None:
    Server.steps = [{"id": 5, "logprob": -0.5}, {"id": 7, "logprob": -1.5}]
    with pytest.raises(LikelihoodFailed, match="not the 2 of the answer"):
        LlamaCppLikelihood(address, "key").logprobs("Q", " Paris")
    with pytest.raises(LikelihoodFailed, match="answered 401"):
        LlamaCppLikelihood(address).logprobs("Q", " Paris")
    with pytest.raises(DataError, match="2 tokens; 1 to 1 are weighed"):
        LlamaCppLikelihood(address, "key", max_tokens=1).logprobs("Q", " Paris")
    with pytest.raises(LikelihoodFailed, match="no answer from"):
        LlamaCppLikelihood("http://127.0.0.1:1", timeout=2).logprobs("Q", " Paris")
    with pytest.raises(ConfigError, match="begins with http"):
        LlamaCppLikelihood("localhost:80")


def test_llama_cpp_sends_its_key_to_no_other_host(address: str) -> None:
    moved = LlamaCppLikelihood(address.removesuffix("/v1") + "/moved", "key")
    with pytest.raises(LikelihoodFailed, match="answered 302"):
        moved.logprobs("Q", " Paris")
    assert [seen["path"] for seen in Server.seen] == ["/moved/tokenize"]


@pytest.mark.slow
def test_llama_cpp_with_a_real_model(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Gemma 3 270M; the expected numbers are transformers' in full precision, to 0.3 nats."""
    live = pytest.importorskip("shared_core.demo.live")
    pytest.importorskip("xllamacpp", reason="needs xllamacpp to serve a real model")
    cache = tmp_path_factory.getbasetemp().parent / "llmrouter-models"
    try:
        model = live.fetch_gemma(cache)
    except ConfigError as error:
        pytest.skip(f"Gemma cannot be had here: {error}")
    with live.serve_gguf(model, "gemma") as served:
        source = LlamaCppLikelihood(served.base_url, served.api_key)
        prompt = "Q: What is the capital of France?\nA:"
        found = source.nll([prompt] * 3, [" Paris", " London", " Banana"])
    assert found == pytest.approx([1.66, 4.39, 17.1], abs=0.3)


def test_nll_by_hand() -> None:
    assert negative_log_likelihood([-1.0, -3.0]) == 2.0
    assert perplexity(0.0) == 1.0
