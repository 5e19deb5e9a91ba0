"""What the prior of demand says of questions that real models answered; it has learned from none.

    python benchmarks/cold_start.py FOLDER [--sets zeroeval]

FOLDER holds data sets, each a folder with an `outcomes.parquet`; all rows are read. Told are, with
95 % bootstrap intervals over queries, for the demand and for the prompt's length in characters:

- the correlation with the mean score over all models: the more a question asks, the fewer should
  get it right, so below 0 is better;
- the APGR of sending what asks most to the best model and the rest to the worst (arXiv 2406.18665):
  .5 is what a random order reaches.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from arguments import of_data

from shared_core import OutcomeTable
from shared_core.evaluation.bench import complete
from shared_core.evaluation.bootstrap import interval
from shared_core.evaluation.metrics.two_model_metrics import apgr
from shared_core.routers.no_data.demand import demand

SETS: Final = ("zeroeval", "mmlu_pro", "llmrouter_mix", "routellm")
N_RESAMPLES: Final = 200

Vector = Any


def main() -> int:
    """Print two lines for each task of each set."""
    parser = of_data(__doc__)
    parser.add_argument("--sets", default=",".join(SETS), help=f"out of {','.join(SETS)}")
    given = parser.parse_args()
    if not given.folder.is_dir():
        print(f"no data at {given.folder}: nothing measured", file=sys.stderr)
        return 1
    print(
        f"{'set':24} {'rows':>5}  {'by':7} correlation with score      APGR, best over worst model"
    )
    for name in given.sets.split(","):
        table = OutcomeTable.read(given.folder / name / "outcomes.parquet")
        for task, rows in tasks(name, table):
            for line in lines(task, rows):
                print(line, flush=True)
    return 0


def tasks(name: str, table: OutcomeTable) -> Iterator[tuple[str, OutcomeTable]]:
    """The set as a whole, or the pair's tasks each, without the contaminated rows."""
    if "contaminated" not in table.columns:
        yield name, complete(table)
        return
    columns = table.columns
    clean = np.array([str(one).lower() != "true" for one in columns["contaminated"]])
    for task in sorted(set(columns["dataset"])):
        here = np.array([one == task for one in columns["dataset"]])
        yield f"{name}/{task}", complete(table.rows(here & clean))


def lines(name: str, table: OutcomeTable) -> Iterator[str]:
    """What demand and length say of a table."""
    means = table.score.mean(axis=0)
    strong, weak = table.score[:, means.argmax()], table.score[:, means.argmin()]
    each = table.score.mean(axis=1)
    asked = {
        "demand": np.array([demand(text) for text in table.queries]),
        "length": np.array([len(text) for text in table.queries], float),
    }
    draws = np.random.default_rng(0).integers(0, len(table), (N_RESAMPLES, len(table)))
    for by, values in asked.items():
        ranks = values.argsort(kind="stable").argsort(kind="stable").astype(float)
        told = (
            _told(lambda rows, v=ranks: np.corrcoef(v[rows], each[rows])[0, 1], draws),
            _told(lambda rows, v=ranks: apgr(v[rows], strong[rows], weak[rows]), draws),
        )
        yield f"{name:24} {len(table):5}  {by:7} " + "     ".join(told)


def _told(figure: Any, draws: Vector) -> str:
    low, high = interval(np.array([figure(rows) for rows in draws]))
    return f"{figure(np.arange(draws.shape[1])):+.3f} ({low:+.3f} to {high:+.3f})"


if __name__ == "__main__":
    sys.exit(main())
