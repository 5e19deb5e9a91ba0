"""LLMRouterBench's results (arXiv 2601.07206): a JSON file or a folder of them.

One file per model, data set and split:
``results/bench/<dataset>/<split>/<model>/<timestamp>.json`` with ``dataset_name``, ``split``,
``model_name`` and ``records``. Of several files on the same three, the latest counts; trial runs
(``demo``) don't.
"""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from shared_core.errors import DataError
from shared_core.outcomes.formats.reading import (
    Broken,
    Outcome,
    Reading,
    Tally,
    measures,
    score_of,
    text,
    text_or_none,
)

Run = Mapping[str, Any]


def fits_path(path: Path) -> bool:
    """Whether this is such a file, or a folder that holds one."""
    if path.is_dir():
        return any(path.rglob("*.json"))
    if path.suffix.lower() != ".json" or not path.is_file():
        return False
    return _is_run(_parsed(path))


def read_path(path: Path) -> Reading:
    """All records of a file or folder; files that are something else are counted.

    Raises:
        DataError: there is nothing to read.
    """
    tally = Tally()
    runs = _latest(sorted(path.rglob("*.json")) if path.is_dir() else [path], tally)
    return tally.reading(_outcomes(runs, tally), "llmrouterbench", str(path))


def _latest(files: list[Path], tally: Tally) -> list[Run]:
    chosen: dict[tuple[Any, ...], tuple[str, Run]] = {}
    for file in files:
        run = _parsed(file)
        if not _is_run(run):
            tally.left_out["files that hold no results"] += 1
        elif run.get("demo"):
            tally.left_out["files of trial runs"] += 1
        else:
            key = run.get("dataset_name"), run.get("split"), run["model_name"]
            stamp = "".join(re.findall(r"\d{8}_\d{6}", file.name)[-1:])
            if key in chosen:
                tally.left_out["files that a later one replaces"] += 1
            if key not in chosen or stamp >= chosen[key][0]:
                chosen[key] = stamp, run
    return [run for _, run in chosen.values()]


def _parsed(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        return None
    except OSError as error:
        raise DataError(f"cannot read {file}: {error}") from error


def _is_run(read: Any) -> bool:
    if not (isinstance(read, dict) and "model_name" in read):
        return False
    names = (read.get(name) for name in ("dataset_name", "split", "model_name"))
    return isinstance(read.get("records"), list) and all(isinstance(n, Hashable) for n in names)


def _outcomes(runs: list[Run], tally: Tally) -> Iterator[Outcome]:
    for run in runs:
        tally.records += len(run["records"])
        yield from tally.used(run["records"], partial(_outcome, run))


def _outcome(run: Run, record: Any) -> Outcome:
    if not isinstance(record, dict):
        raise Broken("that are no JSON objects")
    return Outcome(
        text(record.get("origin_query") or record.get("prompt"), "a query"),
        str(run["model_name"]),
        score_of(record.get("score"), "a score"),
        text_or_none(record.get("raw_output") or record.get("prediction")),
        measures(
            cost=record.get("cost"),
            in_tokens=record.get("prompt_tokens"),
            out_tokens=record.get("completion_tokens"),
        ),
        {
            "query_id": f"{run.get('dataset_name')}/{run.get('split')}/{record.get('index')}",
            "dataset": run.get("dataset_name"),
            "reference": record.get("ground_truth"),
        },
    )
