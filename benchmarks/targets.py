"""How often promises of cost and quality are proved, how well they are used, and how often broken.

    python benchmarks/targets.py FOLDER [--sets mmlu_pro] [--router knn] [--draws 500]

FOLDER holds data sets, each a folder with an `outcomes.parquet`. A router is fitted on `train`.
Then `test` is divided at random into two halves, again and again: each promise is made by one half
and looked at on the other. Told are how many of the draws proved it, in how many of all draws it
was proved and then broken on the other half, and what was reached there on average. No more than
delta of the draws may break it.

Promised are shares of calls to the dearest model, costs per thousand queries, each a share of what
the dearest model costs, and a quality no worse than that of the best single model in training, or
worse by no more than so much.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from arguments import of_data

from shared_core import OutcomeTable, PredictiveRouter, Target
from shared_core.evaluation import contestants
from shared_core.evaluation.bench import complete
from shared_core.evaluation.knobs.targets import Against, kept, losses
from shared_core.policies.base import Predictions

SETS: Final = ("zeroeval", "llmrouter_mix", "mmlu_pro")
DELTAS: Final = (0.1, 0.3)
SHARES: Final = (0.1, 0.3, 0.5)
COSTS: Final = (0.25, 0.5)
FLOORS: Final = (0.0, -0.02, -0.05)


def main() -> int:
    """Print a line for each promise; exit status 1 where one is broken too often."""
    given = _arguments()
    if not given.folder.is_dir():
        print(f"no data at {given.folder}: nothing measured", file=sys.stderr)
        return 1
    (kind,) = contestants.classes([given.router]).values()
    print(f"{'set':14} {'promise':13} {'value':>8} delta   proved   broken   reached", flush=True)
    broken = 0
    for name in given.sets.split(","):
        table = OutcomeTable.read(given.folder / name / "outcomes.parquet")
        train, test = table.split("train"), complete(table.split("test"))
        print(f"{name}: fitting {kind.__name__}", file=sys.stderr, flush=True)
        router = kind(train.models).fit(train)
        for target in targets(test):
            told = _Told.of(router, test, target, given.draws)
            broken += told.broken > target.delta * given.draws
            print(f"{name:14} {told.line(target, given.draws)}", flush=True)
    return int(broken > 0)


def _arguments() -> argparse.Namespace:
    parser = of_data(__doc__)
    parser.add_argument("--sets", default=",".join(SETS), help=f"out of {','.join(SETS)}")
    parser.add_argument("--router", default="auto", help="whose knob is set (default auto)")
    parser.add_argument("--draws", type=int, default=200, help="divisions (default 200)")
    return parser.parse_args()


def targets(test: OutcomeTable) -> Iterator[Target]:
    """What is promised."""
    dearest = 1000 * float(test.cost.mean(axis=0).max())
    for delta in DELTAS:
        yield from (Target("strong_share", share, delta) for share in SHARES)
        yield from (Target("cost_per_1k", share * dearest, delta) for share in COSTS)
        yield from (Target("quality_floor", floor, delta) for floor in FLOORS)


class _Told:
    """How a promise went."""

    def __init__(self, broken: int, reached: Sequence[float]) -> None:
        self.broken, self.reached = broken, reached

    @classmethod
    def of(cls, router: PredictiveRouter, test: OutcomeTable, target: Target, draws: int) -> _Told:
        told = router.predict(test.queries)
        against = Against.of(router, test)
        loss = losses(target, told, test.score, test.cost, against)
        sign = -1 if target.kind == "quality_floor" else 1
        rng, broken, reached = np.random.default_rng(0), 0, []
        for _ in range(draws):
            some, fresh = np.array_split(rng.permutation(len(test)), 2)
            part = Predictions(told.models, told.quality[some], told.cost[some], told.cost_unit)
            found = kept(part, test.score[some], test.cost[some], target, against)
            if found.is_proved:
                mean = float(loss(found.policy.cost_weight)[fresh].mean())
                broken += mean > sign * target.value
                reached.append(sign * mean)
        return cls(broken, reached)

    def line(self, target: Target, draws: int) -> str:
        """The promise, and how often it was proved and broken."""
        promise = f"{target.kind:13} {target.value:8.4g} {target.delta:5}"
        reached = f"{np.mean(self.reached):9.4f}" if self.reached else "        -"
        return f"{promise} {len(self.reached) / draws:8.1%} {self.broken / draws:8.1%} {reached}"


if __name__ == "__main__":
    sys.exit(main())
