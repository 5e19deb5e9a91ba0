"""The options of commands, and what their help says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shared_core.evaluation import contestants
from shared_core.evaluation.study import PARTS
from shared_core.outcomes.formats.detect import FORMATS

Data = Annotated[
    list[Path], typer.Argument(help="Outcomes: one or many files, or a folder of LLMRouterBench.")
]
Test = Annotated[
    Path | None,
    typer.Option(help="Judge on all rows of this file, after fitting on all rows of DATA."),
]
Routers = Annotated[
    str, typer.Option(help=f"Comma-separated, out of: {', '.join(contestants.names())}.")
]
Given = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="ROUTER.NAME=VALUE",
        help="A setting of a router, such as bert.model=FOLDER. Can be given again.",
    ),
]
Functions = Annotated[
    list[str] | None,
    typer.Option(
        help="Judge any function of a list of texts: NAME=module:function. It returns models' "
        "names, or a quality for each text and model. Can be given again."
    ),
]
Saved = Annotated[
    list[str] | None,
    typer.Option(
        help="Judge a router that `llmrouter train` saved: NAME=FOLDER, on rows that it did not "
        "learn from: those with split 'test', or of --test. Can be given again."
    ),
]
Scores = Annotated[
    list[str] | None,
    typer.Option(
        help="Judge what a router said, from a file: NAME=FILE, with a column query, and one for "
        "each model, or model (its choice), or score. Can be given again."
    ),
]
Folder = Annotated[
    Path | None,
    typer.Option(help="Look closely, and write report.html, .md, .json and figures there."),
]
Seeds = Annotated[int, typer.Option(min=1, help="Of learning, in a report.")]
Skip = Annotated[
    str,
    typer.Option(
        help=f"Left out of a report, comma-separated: {', '.join(PARTS)}. The last takes longest: "
        "it learns anew without each of up to 12 domains."
    ),
]
Domain = Annotated[str, typer.Option(help="Column that names the domain.")]
Examples = Annotated[
    int, typer.Option(min=0, help="Queries shown for each router, in a report; 0 shows none.")
]
SimilarBy = Annotated[
    str,
    typer.Option(
        help="Also compare chosen answers with the column 'reference': 'lexical', or an encoder's "
        "folder, or its name in the Hugging Face hub's cache."
    ),
]
Format = Annotated[str, typer.Option(help=f"Of the files: auto, {', '.join(FORMATS)}.")]
Score = Annotated[
    str | None,
    typer.Option(
        help="Logs and traces: the feedback that says how good it was; needed where there are "
        "several."
    ),
]
PoolFile = Annotated[
    Path | None,
    typer.Option("--pool", help="JSON file of candidates: prices, context windows, abilities."),
]
CostWeight = Annotated[float, typer.Option(help="Where quality and cost are read off.")]
Picture = Annotated[
    Path | None, typer.Option(help="Draw quality over cost to this .png, .svg or .pdf.")
]
Json = Annotated[
    bool, typer.Option("--json", help="One JSON object on standard output, nothing else.")
]
Seed = Annotated[int, typer.Option(min=0, help="Of everything random.")]

# Of `train` only.
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder to save the router to.")]
RouterName = Annotated[str, typer.Option(help=f"One of: {', '.join(contestants.names())}.")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="A setting of the router, such as [bold]model=FOLDER[/] of bert and causal_lm. "
        "Can be given again; a name that is not there lists all.",
    ),
]
EncoderPlace = Annotated[
    str,
    typer.Option(
        help="Read the queries with a sentence encoder, too, beside the built-in one: a folder "
        "that [bold]export-encoder[/] wrote, or a Hugging Face encoder's; or its name in the "
        "hub's cache."
    ),
]
AutoWeight = Annotated[
    str,
    typer.Option(
        help="Quality points to give up to save a call to the dearest model; 'auto' keeps the "
        "best single model's quality at the lowest cost, by cross-validation."
    ),
]
Split = Annotated[
    str,
    typer.Option(
        help="Train on rows whose split column says this; 'all' takes every row, and so does "
        "'train' where there is no such column."
    ),
]
