"""Writing a transformer as the folder that OnnxEncoder reads."""

from __future__ import annotations

import json
import tempfile
import warnings
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import torch
from onnxruntime.quantization import QuantType, quant_pre_process, quantize_dynamic

from shared_core.encoders.fine_tuned import FineTunedEncoder
from shared_core.encoders.onnx import FACTS, MODEL, TOKENIZER, OnnxEncoder, digest
from shared_core.errors import ConfigError

_OPSET: Final = 17
_USUAL: Final[dict[str, Any]] = {"max_tokens": 128, "local_files_only": True}
"""By cross-validation on long questions (MMLU-Pro), 128 tokens route as well as 256, and
sooner."""

_PROBES: Final = (
    "What is 17 * 23?",
    "Write a poem about the sea, the wind and a lighthouse that nobody has visited in years.",
    "def mean(xs):\n    return sum(xs) / len(xs)",
)
_LEAST_COSINE: Final = {8: 0.95, 32: 0.999}
"""Bits -> what an exported model's vectors have to reach beside the transformer's."""


def export_onnx(
    encoder: FineTunedEncoder | str, folder: str | Path, *, bits: int = 8, **options: Any
) -> OnnxEncoder:
    """Write a transformer as ONNX: ``model.onnx``, ``tokenizer.json`` and ``model.json``.

    With eight bits each weight matrix is rounded, with a scale for each of its columns; that makes
    it a quarter of the size and about twice as quick, and moves a vector by a cosine of about .99.

    Args:
        encoder: a transformer, such as ``encoder_`` of a trained BERTRouter; or a model's folder or
            name on the hub, handed to ``FineTunedEncoder.of`` with the options.
        folder: where to write; must not exist yet.
        bits: of a weight, 8 or 32.
        options: see ``FineTunedEncoder.of``; here 128 tokens are read when not said otherwise, and
            the hub is asked only with ``local_files_only=False``.

    Returns:
        The encoder of that folder.

    Raises:
        ConfigError: no such model, the folder is there already, or what came out gives other
            vectors than the transformer.
    """
    if bits not in _LEAST_COSINE:
        raise ConfigError(f"bits is one of {list(_LEAST_COSINE)}, not {bits}")
    place = Path(folder)
    if place.exists():
        raise ConfigError(f"{place} is there already: choose another folder, or remove it")
    source = _source(encoder, options)
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=f".{place.name}-") as scratch:
        fresh = Path(scratch) / "fresh"
        _write(source, fresh, bits)
        _check(source, OnnxEncoder(fresh), bits)
        fresh.rename(place)
    return OnnxEncoder(place)


def _source(encoder: FineTunedEncoder | str, options: dict[str, Any]) -> FineTunedEncoder:
    if isinstance(encoder, FineTunedEncoder):
        if options:
            raise ConfigError(f"{', '.join(options)}: only for a model's folder or name")
        return encoder
    if not isinstance(encoder, str):
        raise ConfigError(f"{encoder!r} is no transformer in torch: only those are written as ONNX")
    return FineTunedEncoder.of(encoder, **_USUAL | options)


def _write(source: FineTunedEncoder, folder: Path, bits: int) -> None:
    folder.mkdir()
    model, whole = folder / MODEL, folder / "whole.onnx"
    _trace(source, whole)
    if bits == 32:
        whole.rename(model)
    else:
        _round(whole, model)
        whole.unlink()
    (folder / TOKENIZER).write_text(source.tokenizer, encoding="utf-8")
    sha256 = {name: digest((folder / name).read_bytes()) for name in (MODEL, TOKENIZER)}
    told = {"pooling": source.pooling, "max_tokens": source.max_tokens, "sha256": sha256}
    (folder / FACTS).write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def _trace(source: FineTunedEncoder, path: Path) -> None:
    network = source.network()
    whole_answer = network.forward
    network.forward = lambda ids: whole_answer(input_ids=ids).last_hidden_state
    with warnings.catch_warnings():  # of tracing; what comes out is checked instead
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (torch.tensor(source.tokens(_PROBES[1:2])),),
            str(path),
            input_names=["input_ids"],
            output_names=["states"],
            dynamic_axes={name: {0: "text", 1: "token"} for name in ("input_ids", "states")},
            opset_version=_OPSET,
            dynamo=False,
        )
    onnx.checker.check_model(str(path))


def _round(whole: Path, model: Path) -> None:
    """Weights to eight bits, of which seven are used: older processors' sums would overflow."""
    prepared = whole.with_name("prepared.onnx")
    quant_pre_process(whole, prepared, skip_symbolic_shape=True)
    quantize_dynamic(
        prepared, model, weight_type=QuantType.QInt8, per_channel=True, reduce_range=True
    )
    prepared.unlink()


def _check(source: FineTunedEncoder, written: OnnxEncoder, bits: int) -> None:
    """The written model reads texts of any length as the transformer does."""
    cosine = np.sum(source(_PROBES) * written(_PROBES), axis=1)
    if cosine.min() < _LEAST_COSINE[bits]:
        raise ConfigError(
            f"{source!r} cannot be written as ONNX with {bits} bits: its vectors differ, "
            f"by a cosine of {cosine.min():.3f}"
        )
