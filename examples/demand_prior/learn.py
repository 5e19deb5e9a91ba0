"""Learn the prior of demand that ColdStartRouter goes by, or tell how good it is.

    python examples/demand_prior/learn.py            # write it to where the package reads it
    python examples/demand_prior/learn.py --check    # leave each author out in turn
    python examples/demand_prior/learn.py --test yours.tsv

Takes some seconds for each prior, and numpy.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from shared_core.outcomes.shipped import small_models
from shared_core.routers.no_data.demand import ASKED as BOUNDARIES
from shared_core.routers.no_data.pieces import asks, pieces
from shared_core.routers.no_data.prior import SHIPPED, Prior

PROMPTS: Final = Path(__file__).with_name("prompts.tsv")
BOUNDS: Final = BOUNDARIES[1:-1]
"""Below the first the weakest of three models is taken, from the second the stronger of two, from
the third on the strongest of three; roughly, as that depends on prices."""
ASKED: Final = {"easy": 0.0, "middle": 0.5, "hard": 1.0}
FAILED: Final = (0.2, 0.5)
"""What a question asks that none, or all, of the three small models failed on: as small as they
are, what all fail on need not be hard."""
STATED: Final = 0.25
"""What a sentence out of an easy text asks: little, though it may say anything."""


class Prompt(NamedTuple):
    """A row of ``prompts.tsv``."""

    author: str
    asks: str
    language: str
    text: str


def prompts(path: Path = PROMPTS) -> list[Prompt]:
    """The labelled prompts of a file: a header, then author, asks, language and prompt."""
    with path.open(encoding="utf-8", newline="\n") as lines:
        rows = list(csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    if wrong := next((i for i, row in enumerate(rows, 1) if len(row) != len(Prompt._fields)), None):
        raise SystemExit(f"{path}, line {wrong}: not author, asks, language, prompt, tab-separated")
    return [Prompt(*row[:3], row[3].replace("\\n", "\n")) for row in rows[1:]]


def learned(told: Sequence[Prompt]) -> Prior:
    """The prior of some prompts, and of the outcomes that come with the package."""
    table, _ = small_models()
    table = table.rows(np.isfinite(table.score).all(axis=1))
    least, most = FAILED
    failed = least + (most - least) * (1 - table.score.mean(axis=1))
    texts = [*(one.text for one in told), *table.queries]
    asked = [*(ASKED[one.asks] for one in told), *failed.tolist()]
    split = (pieces(one.text) for one in told if one.asks == "easy")
    stated = [piece for parts in split if len(parts) > 1 for piece in parts]
    return Prior.learn(texts, asked, stated, STATED)


class Judged(NamedTuple):
    """How well a prior tells hard prompts from easy ones that it has not read.

    Args:
        auc: the probability that a hard prompt is above an easy one.
        hard_to_weaker, easy_to_stronger: shares that go astray between two models.
        hard_to_weakest, easy_to_strongest: shares that go astray among three.
    """

    auc: float
    hard_to_weaker: float
    easy_to_stronger: float
    hard_to_weakest: float
    easy_to_strongest: float


def judged(prior: Prior, told: Sequence[Prompt]) -> Judged:
    """How well a prior does on some prompts."""
    hard, easy = (
        np.array([asks(prior.__call__, one.text) for one in told if one.asks == kind])
        for kind in ("hard", "easy")
    )
    low, middle, high = BOUNDS
    auc = (hard[:, None] > easy).mean()
    shares = (hard < middle, easy >= middle, hard < low, easy >= high)
    return Judged(float(auc), *(float(one.mean()) for one in shares))


def check(told: Sequence[Prompt], test: Sequence[Prompt]) -> None:
    """Print how priors judge other prompts; without those, each author's by the others'."""
    print(f"{'author':>8} {'prompts':>8} " + " ".join(f"{name:>17}" for name in Judged._fields))
    authors = sorted({one.author for one in test or told}, key=lambda name: (len(name), name))
    prior = learned(told) if test else None
    for author in authors:
        own = [one for one in test or told if one.author == author]
        found = judged(prior or learned([one for one in told if one.author != author]), own)
        shares = " ".join(f"{one:17.1%}" for one in found[1:])
        print(f"{author:>8} {len(own):8} {found.auc:17.3f} {shares}", flush=True)


def main() -> None:
    """Learn, and write; or check."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--prompts", type=Path, default=PROMPTS, help="a file like prompts.tsv")
    parser.add_argument("--check", action="store_true", help="leave each author out, write nothing")
    parser.add_argument("--test", type=Path, help="judge on another such file, write nothing")
    parser.add_argument("--out", type=Path, default=SHIPPED, help="where to write")
    given = parser.parse_args()
    told = prompts(given.prompts)
    if given.check or given.test:
        check(told, prompts(given.test) if given.test else [])
    else:
        learned(told).save(given.out)
        print(f"wrote {given.out}, of {len(told)} prompts")


if __name__ == "__main__":
    main()
