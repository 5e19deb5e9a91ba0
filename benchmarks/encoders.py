"""What a decision on a sentence encoder takes: torch, and ONNX with 32 and with 8 bits.

    python benchmarks/encoders.py FOLDER --model all-MiniLM-L6-v2 [--max-tokens 256,128]

FOLDER holds data sets, each a folder with an `outcomes.parquet`; the model is a transformer's
folder. A linear router is fitted on a few training rows, then decides on test queries it has not
seen, one by one, on one core; no vector comes from the cache. Milliseconds are medians: of the wall
clock, and of the processor's, which other programs disturb less. `cosine` is the least likeness of
a query's vector to torch's with the same number of tokens.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from arguments import of_data

SINGLE_THREADED: Final = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
SETS: Final = ("zeroeval", "mmlu_pro", "llmrouter_mix", "routellm/mmlu", "routellm/gsm8k")
FITTED_ON: Final = 200
DECISIONS: Final = 100

Make = Callable[[int], Any]


class Took(NamedTuple):
    """Median milliseconds of a decision, and the queries' vectors."""

    wall: float
    processor: float
    vectors: Any


def main() -> int:
    """Measure and print a line for each set, number of tokens and encoder."""
    given = _arguments()
    if not given.folder.is_dir() or not (given.model / "config.json").is_file():
        print(f"no data at {given.folder}, or no model at {given.model}: nothing measured")
        return 0
    os.environ.update(dict.fromkeys(SINGLE_THREADED, "1"))  # before anything heavy is imported
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    print("set             read   tokens p50   encoder    wall ms    CPU ms    cosine")
    with tempfile.TemporaryDirectory() as scratch:
        makers = encoders(given.model, Path(scratch))
        for name in given.sets.split(","):
            for read in map(int, given.max_tokens.split(",")):
                for line in measured(given.folder, name, read, makers):
                    print(line, flush=True)
    return 0


def _arguments() -> argparse.Namespace:
    parser = of_data(__doc__)
    parser.add_argument("--model", type=Path, required=True, help="a sentence encoder's folder")
    parser.add_argument("--sets", default=",".join(SETS), help=f"out of {','.join(SETS)}")
    parser.add_argument("--max-tokens", default="256", help="tokens that are read, with commas")
    return parser.parse_args()


def encoders(model: Path, scratch: Path) -> Mapping[str, Make]:
    """Name -> number of tokens -> encoder."""
    import torch

    from shared_core import OnnxEncoder, TransformerEncoder, export_onnx

    torch.set_num_threads(1)
    for bits in (32, 8):
        export_onnx(str(model), scratch / str(bits), bits=bits, max_tokens=512)
    return {
        "torch": lambda n: TransformerEncoder(str(model), max_tokens=n, local_files_only=True),
        "onnx 32": lambda n: OnnxEncoder(scratch / "32", max_tokens=n),
        "onnx 8": lambda n: OnnxEncoder(scratch / "8", max_tokens=n),
    }


def measured(folder: Path, name: str, read: int, makers: Mapping[str, Make]) -> Iterator[str]:
    """A line for each encoder."""
    import numpy as np

    from shared_core import LinearRouter, OutcomeTable

    place, _, task = name.partition("/")
    table = OutcomeTable.read(folder / place / "outcomes.parquet")
    if task:
        table = table.rows(np.array([label == task for label in table.columns["dataset"]]))
    train, test = table.split("train"), table.split("test")
    few = train.rows(np.linspace(0, len(train) - 1, FITTED_ON, dtype=int))
    texts = test.rows(np.linspace(0, len(test) - 1, DECISIONS, dtype=int)).queries
    plain = None
    for encoder, make in makers.items():
        router = LinearRouter(train.models, encoder=make(read)).fit(few)
        took = decisions(router, texts)
        plain = took.vectors if plain is None else plain
        tokens = statistics.median(map(len, _tokens(makers["onnx 8"](read), texts)))
        cosine = (plain * took.vectors).sum(axis=1).min()
        yield (
            f"{name:14} {read:5} {tokens:12.0f}   {encoder:8} {took.wall:9.1f} "
            f"{took.processor:9.1f} {cosine:9.4f}"
        )


def decisions(router: Any, texts: Sequence[str]) -> Took:
    """Decide on each text once; fitting has warmed up what there is to warm up."""
    wall, processor = [], []
    for text in texts:
        began = time.perf_counter(), time.process_time()
        router.route(text)
        wall.append(time.perf_counter() - began[0])
        processor.append(time.process_time() - began[1])
    milliseconds = [statistics.median(times) * 1e3 for times in (wall, processor)]
    return Took(*milliseconds, router.encoder_(texts))


def _tokens(encoder: Any, texts: Sequence[str]) -> list[list[int]]:
    encoder([""])
    found: list[list[int]] = encoder._loaded().split(texts)
    return found


if __name__ == "__main__":
    sys.exit(main())
