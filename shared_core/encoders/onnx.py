"""A transformer's sentence vectors through onnxruntime, without torch."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import onnxruntime
from pydantic import BaseModel, ConfigDict, PositiveInt, ValidationError

from shared_core.checks import check_counts
from shared_core.encoders.base import Encoder, Vectors
from shared_core.encoders.tokens import Splitter
from shared_core.errors import ConfigError

MODEL: Final = "model.onnx"
TOKENIZER: Final = "tokenizer.json"
FACTS: Final = "model.json"


class Facts(BaseModel):
    """What ``model.json`` says.

    Args:
        pooling: which hidden states make the vector: their mean, the first or the last.
        max_tokens: tokens of a text that the model can read.
        sha256: file name -> digest, of the files that have to be as they were.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    pooling: Literal["mean", "first", "last"]
    max_tokens: PositiveInt
    sha256: Mapping[str, str] = {}


class OnnxEncoder(Encoder):
    """Sentence vectors of a transformer that was written as ONNX, as by ``export_onnx``.

    The folder holds ``model.onnx`` (token ids -> hidden states, or vectors), ``tokenizer.json`` and
    ``model.json``, such as ``{"pooling": "mean", "max_tokens": 256}``. It is read on first use.
    What is saved is its place and a digest of its content; another model at that place is refused.

    Texts are read one by one. On a processor that is no slower than padding them into batches, and
    weights of eight bits would otherwise give a text another vector in other company.

    Args:
        folder: where the files are.
        max_tokens: tokens of a text that are read; as many as the model can, when not given.
        threads: processor cores used for one text.
        cache_size: vectors remembered, so that cross-validation encodes a text once.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        max_tokens: int | None = None,
        threads: int = 1,
        cache_size: int = 16_384,
    ) -> None:
        check_counts(threads=threads)
        if max_tokens is not None:
            check_counts(max_tokens=max_tokens)
        super().__init__(cache_size=cache_size)
        self.folder = str(folder)
        self.max_tokens = max_tokens
        self.threads = threads
        self._lock = threading.Lock()
        self._read: _Model | None = None

    def _encode(self, texts: Sequence[str]) -> Vectors:
        return self._loaded()(texts)

    def _loaded(self) -> _Model:
        with self._lock:
            if self._read is None:
                self._read = _Model.read(Path(self.folder), self.max_tokens, self.threads)
            return self._read

    def config(self) -> Mapping[str, Any]:
        names = ("folder", "max_tokens", "threads", "cache_size")
        return {name: getattr(self, name) for name in names}

    @property
    def fingerprint(self) -> str:
        """Digest of the model and of what is read of a text; the folder's place doesn't count."""
        return self._loaded().fingerprint


class _Model(NamedTuple):
    """A folder's content, ready."""

    split: Splitter
    session: Any
    inputs: Sequence[str]
    output: Sequence[str]
    pooling: str
    fingerprint: str

    @classmethod
    def read(cls, folder: Path, max_tokens: int | None, threads: int) -> _Model:
        facts = _facts(folder)
        model, tokenizer = (_checked(folder / name, facts) for name in (MODEL, TOKENIZER))
        longest = min(max_tokens or facts.max_tokens, facts.max_tokens)
        session = _session(model, threads)
        told = f"OnnxEncoder {facts.pooling} {longest} {digest(model)} {digest(tokenizer)}"
        return cls(
            Splitter(tokenizer.decode(), longest),
            session,
            [one.name for one in session.get_inputs()],
            [session.get_outputs()[0].name],
            facts.pooling,
            digest(told.encode())[:16],
        )

    def __call__(self, texts: Sequence[str]) -> Vectors:
        return np.stack([self._vector(tokens) for tokens in self.split(texts)])

    def _vector(self, tokens: Sequence[int]) -> Vectors:
        ids = np.array([tokens], np.int64)
        known = {
            "input_ids": ids,
            "attention_mask": np.ones_like(ids),
            "token_type_ids": np.zeros_like(ids),
        }
        feed = {name: known[name] for name in self.inputs}
        told: Vectors = self.session.run(self.output, feed)[0][0]
        return told if told.ndim == 1 else _POOLINGS[self.pooling](told)


_POOLINGS: Final[Mapping[str, Callable[[Vectors], Vectors]]] = {
    "mean": lambda states: np.mean(states, axis=0),
    "first": lambda states: states[0],
    "last": lambda states: states[-1],
}


def _facts(folder: Path) -> Facts:
    try:
        return Facts.model_validate(json.loads((folder / FACTS).read_bytes()))
    except FileNotFoundError as error:
        raise ConfigError(
            f"no {FACTS} in {str(folder)!r}: make the folder with export_onnx or `llmrouter "
            f'export-encoder`, or write there such as {{"pooling": "mean", "max_tokens": 256}}'
        ) from error
    except (OSError, ValueError, ValidationError) as error:
        raise ConfigError(f"{folder / FACTS} does not say what it should: {error}") from error


def _checked(path: Path, facts: Facts) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"no model in {str(path.parent)!r}: {error}") from error
    if facts.sha256.get(path.name, found := digest(content)) != found:
        raise ConfigError(f"{path} was damaged or changed: its sha256 is not that in {FACTS}")
    return content


def digest(content: bytes) -> str:
    """The sha256 of a file's content, as ``model.json`` has it."""
    return hashlib.sha256(content).hexdigest()


def _session(model: bytes, threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
