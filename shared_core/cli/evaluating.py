"""`llmrouter evaluate` and `llmrouter compare`."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from shared_core._lazy import load
from shared_core.cli import options, screen
from shared_core.cli.settings import settings
from shared_core.encoders.base import Encoder
from shared_core.errors import ConfigError, DataError
from shared_core.evaluation import contestants, outside
from shared_core.evaluation.judged import Judgeable
from shared_core.evaluation.report import comparison
from shared_core.evaluation.report.document import Report
from shared_core.evaluation.splits import train_and_test
from shared_core.evaluation.study import PARTS, Plan, Study, study
from shared_core.outcomes.formats.detect import read_outcomes
from shared_core.outcomes.formats.reading import Reading
from shared_core.outcomes.table import OutcomeTable
from shared_core.policies.cost_quality import CostQuality
from shared_core.pool import ModelPool
from shared_core.routers.base import Router

DOMAIN = "dataset"
PICTURES = (".png", ".svg", ".pdf")
REGRESSED = 3
"""Exit status of ``compare`` when a figure got worse by more than the margin."""


def evaluate(
    data: options.Data,
    test: options.Test = None,
    routers: options.Routers = "knn",
    given: options.Given = None,
    saved: options.Saved = None,
    function: options.Functions = None,
    scores: options.Scores = None,
    report: options.Folder = None,
    seeds: options.Seeds = 5,
    skip: options.Skip = "",
    domain: options.Domain = DOMAIN,
    examples: options.Examples = 8,
    bert_sim: options.SimilarBy = "",
    format: options.Format = "auto",
    score: options.Score = None,
    pool: options.PoolFile = None,
    cost_weight: options.CostWeight = 0.1,
    picture: options.Picture = None,
    as_json: options.Json = False,
    seed: options.Seed = 0,
) -> None:
    """Fit routers and judge them on held-out rows, beside the lines that matter.

    Fits on the rows with split 'train' and judges on those with split 'test';
    without that column, 70 % of the texts are drawn for training. Rows that
    cannot be read are told. With --json, many files give {"evaluations": […]}.

    [bold]The whole picture, to look at and to send on[/]
      llmrouter evaluate outcomes.parquet --routers knn --report out/

    [bold]The router that you have, on what came since; your own function[/]
      llmrouter evaluate outcomes.csv --test newer.csv --saved today=my-router
      llmrouter evaluate outcomes.csv --function mine=my_package.routing:choose

    [bold]Other people's data[/]
      llmrouter evaluate routerbench_0shot.csv other.jsonl --report out/

    Example: [bold]llmrouter evaluate outcomes.parquet --routers knn[/]
    """
    if test is not None and len(data) != 1:
        raise ConfigError("--test goes with one DATA: it is fitted on all of that")
    chosen = _makers(_listed(routers), given or [])
    parts = _parts(skip)
    policy, encoder = CostQuality(cost_weight), _encoder(bert_sim)
    plan = Plan(parts if report else (), seeds, domain, policy, examples, encoder, seed)
    candidates = None if pool is None else ModelPool.from_json(pool)
    named = saved or [], function or [], scores or []
    ask = _Ask(chosen, *named, format, score, candidates, plan)
    _check_places(report, picture, len(data))
    with screen.working() as doing:
        tables = [ask.read(path, test, doing) for path in data]
        studies = [ask.study(table, doing) for table in tables]
    made = Report(studies, [table.origin for table in tables])
    _show(made, picture, as_json)
    if report is not None:
        made.write(report)
        screen.console(stderr=as_json).print(f"Open {report / 'report.html'}", soft_wrap=True)


def compare(
    before: Annotated[Path, typer.Argument(help="Earlier run: a report's folder or JSON.")],
    after: Annotated[Path, typer.Argument(help="Later run.")],
    margin: Annotated[
        float, typer.Option(min=0.0, help="How much worse is too much, in shares: 0.01 is a point.")
    ] = 0.01,
    figures: Annotated[
        str,
        typer.Option(help=f"Comma-separated, out of: {', '.join(comparison.HIGHER_IS_BETTER)}."),
    ] = ",".join(comparison.USUAL),
) -> None:
    """Fail where a later run is worse than an earlier one, for your CI.

    Exits with status 3 when a figure of a router got worse by more than the
    margin, or is there no more. Costs and latencies are compared as shares of
    the earlier value, CPT in percent points, everything else as it is. Runs that
    were judged on other rows differ by chance, too: it says so.

    Example: [bold]llmrouter compare main/report.json out/ --margin 0.01[/]
    """
    runs = comparison.read_run(before), comparison.read_run(after)
    changes = comparison.compare(*runs, _listed(figures))
    screen.compared(screen.console(), changes, margin, comparison.judged_on_other_rows(*runs))
    if any(change.regressed(margin) for change in changes):
        raise typer.Exit(REGRESSED)


@dataclass(frozen=True)
class _Tables:
    """Rows to fit on and rows to judge on, and where they come from."""

    data: str
    train: OutcomeTable
    test: OutcomeTable
    others: Mapping[str, Judgeable]
    origin: dict[str, str]


@dataclass(frozen=True)
class _Ask:
    """What the command line asks to be done with each table."""

    makers: Mapping[str, Any]
    saved: list[str]
    functions: list[str]
    scores: list[str]
    format: str
    score: str | None
    pool: ModelPool | None
    plan: Plan

    def __post_init__(self) -> None:
        named = (*self.saved, *self.functions, *self.scores)
        names = [*self.makers, *(_named(one)[0] for one in named)]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ConfigError(
                f"several ways of choosing are called {', '.join(twice)}: rename some"
            )

    def read(self, data: Path, test: Path | None, doing: screen.Report) -> _Tables:
        """What a study needs of files: before any study, as one that is broken ends all."""
        doing(f"reading {data}")
        read = read_outcomes(data, self.format, self.score)
        _check_pairs(read)
        if test is None:
            self._check_fresh(data, read.table)
            train, judged_on, how = train_and_test(read.table, self.plan.seed)
        else:
            other = read_outcomes(test, self.format, self.score)
            train, judged_on, how = read.table, other.table, f"judged on {test}: {other.explain()}"
        if self.plan.domain not in (DOMAIN, *judged_on.columns):
            raise ConfigError(
                f"no column {self.plan.domain!r} to take domains from; there are "
                f"{', '.join(judged_on.columns) or 'none'}"
            )
        origin = {"read": read.explain(), "split": how}
        return _Tables(str(data), train, judged_on, self._others(train), origin)

    def _check_fresh(self, data: Path, table: OutcomeTable) -> None:
        """Refuse rows drawn at random for a router that may have learned from them."""
        if self.saved and "split" not in table.columns:
            raise ConfigError(
                f"{data} has no column split, and {', '.join(self.saved)} may have learned from "
                "any of its rows: give rows that it has not seen by --test"
            )

    def study(self, tables: _Tables, doing: screen.Report) -> Study:
        """The study of one file's rows."""
        return study(
            self.makers, tables.train, tables.test, data=tables.data, pool=self.pool,
            plan=self.plan, others=tables.others, progress=doing,
        )  # fmt: skip

    def _others(self, train: OutcomeTable) -> dict[str, Judgeable]:
        functions = {name: outside.function(spec) for name, spec in map(_named, self.functions)}
        said = map(_named, self.scores)
        models = train.models if self.pool is None else self.pool.names
        files = {name: outside.SaidInAFile(path, models) for name, path in said}
        pair = {"prompt length": outside.prompt_length} if len(models) == 2 else {}
        return {**(pair if self.plan.parts else {}), **self._ready, **functions, **files}

    @functools.cached_property
    def _ready(self) -> dict[str, Router]:
        return {name: Router.load(folder) for name, folder in map(_named, self.saved)}


def _check_pairs(read: Reading) -> None:
    """Refuse preference pairs of many models, none of whose rows tells of all of them."""
    if read.format == "routellm-pairs" and not np.isfinite(read.table.score).all(axis=1).any():
        raise DataError(
            "a pair tells of two models, so that no row here tells of all "
            f"{len(read.table.models)}: try `llmrouter train`, whose verdict says whether routing "
            "pays"
        )


def _makers(names: Sequence[str], given: Sequence[str]) -> dict[str, Any]:
    """Name -> the router's class with the settings given to it."""
    classes = contestants.classes(names)
    of_router: dict[str, list[str]] = {name: [] for name in classes}
    for option in given:
        name, dot, setting = option.partition(".")
        if not dot or name not in classes:
            raise ConfigError(
                f"{option!r} sets nothing: give ROUTER.NAME=VALUE for one of {', '.join(classes)}"
            )
        of_router[name].append(setting)
    return {
        name: functools.partial(found, **settings(found, of_router[name]))
        for name, found in classes.items()
    }


def _parts(skip: str) -> tuple[str, ...]:
    skipped = _listed(skip)
    if unknown := [name for name in skipped if name not in PARTS]:
        raise ConfigError(f"no part {', '.join(unknown)} to skip; there are {', '.join(PARTS)}")
    return tuple(name for name in PARTS if name not in skipped)


def _listed(names: str) -> list[str]:
    return [name.strip() for name in names.split(",") if name.strip()]


def _encoder(name: str) -> Encoder | None:
    if not name:
        return None
    if name == "lexical":
        module = load("shared_core.encoders.lexical", wanted_by="--bert-sim")
        return module.LexicalEncoder()  # type: ignore[no-any-return]
    return encoder_at(name, wanted_by="--bert-sim")


def encoder_at(place: str, wanted_by: str) -> Encoder:
    """The encoder in a folder, ONNX where it was exported as that, or of a name in the hub's cache.

    Raises:
        ConfigError: the folder holds no model.
    """
    folder = Path(place)
    if (folder / "model.onnx").is_file():
        return load("shared_core.encoders.onnx", wanted_by).OnnxEncoder(place)  # type: ignore[no-any-return]
    if folder.is_dir() and not (folder / "config.json").is_file():
        raise ConfigError(f"no model in {place}: a transformer's folder has a config.json")
    if not folder.is_dir():
        wanted_by = f"{wanted_by} {place} (no folder, so a name in the Hugging Face hub's cache)"
    module = load("shared_core.encoders.transformer", wanted_by)
    return module.TransformerEncoder(place, local_files_only=True)  # type: ignore[no-any-return]


def _named(option: str) -> tuple[str, str]:
    name, equals, value = option.partition("=")
    if not (name and equals and value):
        raise ConfigError(f"{option!r} is not NAME=VALUE")
    return name, value


def _make_folder(place: Path, use: str, target: Path) -> None:
    """Before the work that is to be written there."""
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot {use} {target}: {error.strerror}") from error


def _check_places(report: Path | None, picture: Path | None, n_tables: int) -> None:
    """Say what cannot be written before anything is worked out."""
    if report is not None:
        _make_folder(report, "write a report to", report)
    if picture is not None:
        _check_picture(picture, n_tables)


def _check_picture(place: Path, n_tables: int) -> None:
    if n_tables > 1:
        raise ConfigError("--picture draws one table: give one DATA, or --report, which draws each")
    if place.suffix.lower() not in PICTURES:
        raise ConfigError(f"cannot draw to {place}: it ends in none of {', '.join(PICTURES)}")
    _make_folder(place.parent, "draw to", place)


def _show(made: Report, picture: Path | None, as_json: bool) -> None:
    evaluations = [one.evaluation for one in made.studies]
    if picture is not None:
        screen.draw(evaluations[0], picture)
    if as_json:
        told = [one.to_dict() for one in evaluations]
        print(json.dumps(told[0] if len(told) == 1 else {"evaluations": told}))
        return
    console = screen.console()
    for evaluation, origin in zip(evaluations, made.origins, strict=True):
        screen.evaluated(console, evaluation, list(origin.values()))
