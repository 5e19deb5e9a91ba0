"""The commands."""

from __future__ import annotations

import functools
import inspect
import json
import shlex
import sys
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from shared_core import artifacts
from shared_core._lazy import load
from shared_core.cli import evaluating, options, screen
from shared_core.cli.settings import settings
from shared_core.encoders.joined import JoinedEncoder
from shared_core.encoders.lexical import LexicalEncoder
from shared_core.errors import ConfigError
from shared_core.evaluation import contestants
from shared_core.evaluation.evaluate import NO_COSTS
from shared_core.evaluation.knobs.calibrate import match_best_single, matching_best_single
from shared_core.outcomes.formats.detect import read_outcomes
from shared_core.outcomes.table import OutcomeTable
from shared_core.policies.base import Policy
from shared_core.policies.cost_quality import CostQuality
from shared_core.pool import ModelPool
from shared_core.query import ABILITIES, Query
from shared_core.routers.base import Router
from shared_core.routers.predictive.base import PredictiveRouter

QUALITY_ALONE: Final = (
    "Nothing cheaper kept the best single model's quality in cross-validation, so cost does not "
    "count. To save where little quality is lost, train with --cost-weight 0.05"
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="""Send each query to the model that is worth it.

    Start with [bold]llmrouter demo[/]. With outcomes of your own (a row for each query;
    columns [bold]query[/], [bold]score.MODEL[/] from 0 to 1 and [bold]cost.MODEL[/] in USD), see
    whether routing pays with [bold]llmrouter evaluate[/], then [bold]llmrouter train[/] a router
    and hand its folder to ChatLLMRouter (LangChain) or RouterLLM (LlamaIndex).""",
)

Data = Annotated[
    Path,
    typer.Argument(help="Outcomes: a .parquet, .csv or .jsonl file, or LLMRouterBench's folder."),
]


def _version(wanted: bool) -> None:
    if wanted:
        print(metadata.version("llmrouter-integrations"))
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which it is.")
    ] = False,
) -> None:
    """Options of no command."""


app.command()(evaluating.evaluate)
app.command()(evaluating.compare)


@app.command()
def train(
    data: Data,
    out: options.Out,
    router: options.RouterName = "auto",
    given: options.Settings = None,
    encoder: options.EncoderPlace = "",
    pool: options.PoolFile = None,
    cost_weight: options.AutoWeight = "auto",
    split: options.Split = "train",
    format: options.Format = "auto",
    score: options.Score = None,
    seed: options.Seed = 0,
) -> None:
    """Train a router on outcomes and save it.

    Reads what [bold]llmrouter evaluate[/] reads; rows that cannot be read are counted and shown.

    Example: [bold]llmrouter train outcomes.parquet --out my-router[/]

    [bold]On a transformer, from a folder with config.json, tokenizer.json and model.safetensors[/]
      llmrouter train outcomes.parquet --out my-router --router bert --set model=all-MiniLM-L6-v2

    [bold]With a sentence encoder beside the built-in one, without torch[/]
      llmrouter train outcomes.parquet --out my-router --encoder minilm-onnx

    [bold]With settings of its own[/]
      llmrouter train outcomes.parquet --out my-router --router knn --set k=40
    """
    make = _factory(router, given or [], encoder, seed)
    artifacts.check_place(out, "router")
    read = read_outcomes(data, format, score)
    rows = read.table
    if split != "all" and (split != "train" or "split" in rows.columns):
        rows = rows.split(split)
    candidates = ModelPool(rows.models) if pool is None else ModelPool.from_json(pool)
    with screen.working() as report:
        trained = _trained(make, rows, candidates, cost_weight, seed, report)
        trained.save(out)
    notes = [read.explain()]
    if not rows.priced(candidates).has_costs:
        notes.append(NO_COSTS)
    elif cost_weight == "auto" and trained.policy == CostQuality(0.0):
        notes.append(QUALITY_ALONE)
    screen.trained(screen.console(), trained, out, notes)


@app.command()
def route(
    router: Annotated[Path, typer.Argument(help="Folder of a trained router.")],
    text: Annotated[str, typer.Argument(help="The query; '-' reads standard input.")],
    needs: Annotated[
        str, typer.Option(help=f"Comma-separated: {', '.join(sorted(ABILITIES))}.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="The decision as JSON.")] = False,
) -> None:
    """Say which model a query would go to, and why; calls nobody.

    Example: [bold]llmrouter route my-router "What is 17 * 23?"[/]
    """
    asked = sys.stdin.read() if text == "-" else text
    wanted = frozenset(name.strip() for name in needs.split(",") if name.strip())
    decision = Router.load(router).route(Query(asked, needs=wanted))
    if as_json:
        print(json.dumps(decision.to_dict()))
    else:
        screen.decided(screen.console(), decision)


@app.command("export-encoder")
def export_encoder(
    model: Annotated[
        str, typer.Argument(help="A transformer's folder, or with --download a name on the hub.")
    ],
    folder: Annotated[Path, typer.Argument(help="Where to write; must not exist yet.")],
    pooling: Annotated[
        str, typer.Option(help="As the encoder was trained: mean, first (CLS) or last.")
    ] = "mean",
    max_tokens: Annotated[int, typer.Option(min=1, help="Tokens of a text that are read.")] = 128,
    bits: Annotated[int, typer.Option(help="Of a weight: 8 is small and quick, 32 exact.")] = 8,
    download: Annotated[bool, typer.Option("--download", help="Ask the hub.")] = False,
) -> None:
    """Write a sentence encoder as ONNX, to run without torch.

    Example: [bold]llmrouter export-encoder all-MiniLM-L6-v2 minilm-onnx[/]
    """
    module = load("shared_core.encoders.onnx_export", wanted_by="export-encoder")
    with screen.working() as report:
        report("tracing the transformer")
        module.export_onnx(
            model, folder, bits=bits, pooling=pooling, max_tokens=max_tokens,
            local_files_only=not download,
        )  # fmt: skip
    screen.console().print(
        f"Written to {folder}. Try: llmrouter train outcomes.parquet --out my-router "
        f"--encoder {shlex.quote(str(folder))}",
        soft_wrap=True,
    )


@app.command()
def demo(
    live: Annotated[
        str,
        typer.Option(
            help="Ask real models: 1 (Gemma 3 270M, fetched once, 240 MB), ollama, an "
            "OpenAI-compatible URL like http://127.0.0.1:8000/v1#model-a,model-b, or .gguf files."
        ),
    ] = "",
    api_key: Annotated[
        str, typer.Option(envvar="LLMROUTER_LIVE_API_KEY", help="For a URL that wants one.")
    ] = "",
    out: Annotated[Path, typer.Option(help="Folder for the router and the picture.")] = Path(
        "demo-output"
    ),
    questions: Annotated[int, typer.Option(min=1, help="Questions for each framework.")] = 6,
) -> None:
    """Train on the shipped outcomes and route held-out questions in LangChain and LlamaIndex."""
    from shared_core.demo import run

    run.run(Console(), out, live=live, api_key=api_key, questions=questions)


def _factory(
    name: str, given: Sequence[str], encoder: str, seed: int
) -> Callable[..., PredictiveRouter]:
    """Makes such routers; with an encoder's place, over it beside a fresh built-in one each."""
    (router_class,) = contestants.classes([name]).values()
    chosen = settings(router_class, given)
    if encoder and "encoder" not in inspect.signature(router_class).parameters:
        raise ConfigError(f"{router_class.__name__} takes no encoder: leave --encoder out")
    if "model" in chosen and not Path(str(chosen["model"]), "config.json").is_file():
        raise ConfigError(
            f"no model in {chosen['model']}: a transformer's folder has a config.json"
        )
    if not encoder:
        return functools.partial(router_class, seed=seed, **chosen)
    sentences = evaluating.encoder_at(encoder, wanted_by="--encoder")

    def make(pool: ModelPool, **more: Policy) -> PredictiveRouter:
        joined = JoinedEncoder([LexicalEncoder(seed=seed), sentences])
        return router_class(pool, encoder=joined, seed=seed, **chosen, **more)

    return make


def _trained(
    make: Callable[..., PredictiveRouter],
    rows: OutcomeTable,
    pool: ModelPool,
    cost_weight: str,
    seed: int,
    report: screen.Report,
) -> PredictiveRouter:
    if cost_weight != "auto":
        return make(pool, policy=_policy(cost_weight)).fit(rows, report)
    # Quality is to be kept: so the verdict names the single model that is best by it alone.
    router = make(pool, policy=CostQuality(0.0)).fit(rows, report)
    held_out = getattr(router, "held_out", None)  # some have predicted rows unseen already
    if held_out is None:
        router.policy = match_best_single(make, rows, pool, seed=seed, progress=report)
    else:
        router.policy = matching_best_single(*held_out)
    return router


def _policy(cost_weight: str) -> CostQuality:
    try:
        return CostQuality(float(cost_weight))
    except ValueError as error:
        raise ConfigError(f"--cost-weight is 'auto' or a number from 0 up: {error}") from error
