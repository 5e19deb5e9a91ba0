"""What data augmentation brings: cross-validation on `train` alone, copies of training folds only.

    python benchmarks/augmentation.py FOLDER [--folds 5] [--rows 1500]

Per data set, router and augmentation: the mean quality of the models chosen for the rows of each
fold, by a router trained on the others' rows and on changed copies of those, less the same without
copies. Each changed row is added once; mix-up adds as many mixed vectors. Intervals are 95 %
bootstrap intervals of the paired difference over queries. The encoder is fitted on the original
rows of the training folds, so that nothing but the rows added differs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from arguments import of_data

from shared_core import KNNRouter, LexicalEncoder, LinearRouter, OutcomeTable, PredictiveRouter
from shared_core.encoders.shape import WIDTH
from shared_core.outcomes.augment import Change, augment, change_case, drop_words, mix_up, typos
from shared_core.policies.base import Matrix
from shared_core.routers.predictive.cross_validation import advantage_error, folds
from shared_core.routers.predictive.reading import Reading

SETS = ("zeroeval", "mmlu_pro")
ROUTERS: Final = {"knn": KNNRouter, "linear": LinearRouter}
TEXT_CHANGES: Final = {"token drop": drop_words, "typos": typos, "case": change_case}
RESAMPLES: Final = 2000

Fit = Callable[[PredictiveRouter, OutcomeTable], PredictiveRouter]
"""The router without copies and its training rows -> one trained on more."""


def main() -> int:
    """Print a line for each data set, router and augmentation."""
    given = _arguments()
    if not given.folder.is_dir():
        print(f"no data at {given.folder}: nothing measured", file=sys.stderr)
        return 1
    print(f"{'data':10} {'router':7} {'added':11} {'quality':8} {'change, 95 % interval':32} error")
    for name in SETS:
        table = _train_rows(given.folder / name, given.rows)
        for router in ROUTERS:
            for line in _ablation(name, router, table, given.folds):
                print(line, flush=True)
    return 0


def _arguments() -> argparse.Namespace:
    parser = of_data(__doc__)
    parser.add_argument("--folds", type=int, default=5, help="folds (default 5)")
    parser.add_argument("--rows", type=int, default=1500, help="most rows of a set (default 1500)")
    return parser.parse_args()


def _train_rows(folder: Path, most: int) -> OutcomeTable:
    table = OutcomeTable.read(folder / "outcomes.parquet").split("train")
    return table.rows(np.random.default_rng(0).permutation(len(table))[:most])


def _ablation(name: str, router: str, table: OutcomeTable, n_folds: int) -> Iterator[str]:
    fold = folds(table.queries, n_folds, seed=0)
    predicted = _cross_validated(ROUTERS[router], table, fold)
    plain = _reached(predicted["nothing"], table.score)
    for added, found in predicted.items():
        reached = _reached(found, table.score)
        low, high = _interval(reached - plain)
        change = f"{reached.mean() - plain.mean():+.4f} ({low:+.4f} to {high:+.4f})"
        error = advantage_error(found, table.score)
        yield f"{name:10} {router:7} {added:11} {reached.mean():.4f}   {change:32} {error:.5f}"


def _cross_validated(
    router_class: type[PredictiveRouter], table: OutcomeTable, fold: Any
) -> dict[str, Matrix]:
    """Augmentation -> predicted quality (n, m) of every row, by a router that never saw it."""
    found = {name: np.zeros_like(table.score) for name in _fits()}
    for one in np.unique(fold):
        rest, held = table.rows(fold != one), table.rows(fold == one)
        encoder = LexicalEncoder(seed=0).fit(rest.queries)
        plain = router_class(rest.models, encoder=encoder).fit(rest)
        for name, fit in _fits().items():
            router = fit(plain, rest)
            found[name][fold == one] = router.predict(held.queries).quality
    return found


def _fits() -> dict[str, Fit]:
    changed = {name: _with_copies(change) for name, change in TEXT_CHANGES.items()}
    return {"nothing": lambda plain, _: plain, **changed, "mix-up": _mixed}


def _settled(plain: PredictiveRouter) -> PredictiveRouter:
    """A fresh router with the encoder and the settings of the one without copies."""
    router = plain.settled()
    router.encoder = plain.encoder_
    return router


def _with_copies(change: Change) -> Fit:
    return lambda plain, rest: _settled(plain).fit(augment(rest, [change]))


def _mixed(plain: PredictiveRouter, rest: OutcomeTable) -> PredictiveRouter:
    """Trained on mixed views of the texts, as many as there are rows, beside the plain ones."""
    router = _settled(plain).fit(rest)
    seen = router._see(Reading(rest.queries, plain.encoder_))
    both = np.hstack([rest.score, rest.cost])
    mixed, outcomes = _mixed_rows(seen, both)
    quality, cost = np.split(np.vstack([both, outcomes]), 2, axis=1)
    router._fit(np.vstack([seen, mixed]), quality, cost, lambda _: None)
    return router


def _mixed_rows(seen: Any, both: Matrix) -> tuple[Any, Matrix]:
    """As many mixed rows; the linear router's columns of form are mixed like the outcomes are."""
    width = WIDTH if seen.shape[1] > WIDTH and np.abs(seen[:, -WIDTH:]).max() > 1 else 0
    vectors, form = seen[:, : seen.shape[1] - width], seen[:, seen.shape[1] - width :]
    mixed, carried = mix_up(vectors, np.hstack([form, both]), len(seen))
    return np.hstack([mixed, carried[:, :width]]).astype(np.float32), carried[:, width:]


def _reached(predicted: Matrix, score: Matrix) -> Matrix:
    """Quality (n,) of the model predicted best."""
    chosen: Matrix = score[np.arange(len(score)), predicted.argmax(axis=1)]
    return chosen


def _interval(difference: Matrix) -> tuple[float, float]:
    rng = np.random.default_rng(0)
    picks = rng.integers(len(difference), size=(RESAMPLES, len(difference)))
    low, high = np.quantile(difference[picks].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


if __name__ == "__main__":
    sys.exit(main())
