"""Transformers with random weights, a few thousand of them, made here: no download, no network."""

from __future__ import annotations

import atexit
import functools
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from small_world import HELD_OUT, TRAIN

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
MORE_WORDS = [*"ABCDEFGHIJKLMNOPQRSTUVWXYZ", "Question", "Answer", "model", "letter"]
SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
}
NAMES = ("tiny-bert", "tiny-llama")


@functools.cache
def folder(name: str) -> str:
    """A folder with the model of that name and its tokenizer; skips the test without torch."""
    torch = pytest.importorskip("torch", reason="needs the extra `torch`")
    pytest.importorskip("transformers", reason="needs the extra `torch`")

    place = Path(tempfile.mkdtemp(prefix=f"{name}-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    tokenizer = _tokenizer()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        _model(name, len(tokenizer)).save_pretrained(place)
    tokenizer.save_pretrained(place)
    return str(place)


def _tokenizer() -> Any:
    """Words as tokens."""
    import tokenizers
    import transformers

    found = sorted({word for text in TRAIN + HELD_OUT for word in re.findall(r"\w+|[^\w\s]", text)})
    words = dict.fromkeys([*SPECIAL, *MORE_WORDS, *found])
    backend = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]")
    )
    backend.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=backend, unk_token="[UNK]", pad_token="[PAD]", model_max_length=64
    )


def _model(name: str, n_words: int) -> Any:
    import transformers

    if name == "tiny-bert":
        config = transformers.BertConfig(vocab_size=n_words, **SIZES)
        return transformers.BertModel(config)
    config = transformers.LlamaConfig(vocab_size=n_words, **SIZES)
    return transformers.LlamaForCausalLM(config)
