"""What every class that is set up by its user promises: nonsense is told at once.

A new class needs no test here, where ``GIVEN`` has what it cannot be made without.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import tiny_models

import shared_core
from shared_core import (
    BreakerRule,
    ConfigError,
    Encoder,
    KNNRouter,
    LexicalEncoder,
    Limits,
    MeanLogprob,
    MissingExtra,
    ModelPool,
    Plan,
    Policy,
    Reliability,
    Retry,
    Router,
    Scorer,
    Target,
)
from shared_core._lazy import public_names

POOL = ModelPool(["small", "large"])
GIVEN = {
    "pool": POOL,
    "router": KNNRouter(POOL),
    "inner": KNNRouter(POOL),
    "scorer": MeanLogprob(),
    "encoder": LexicalEncoder(),
    "model": tiny_models.NAMES[0],
    "embed": list,
    "name": "embedding",
    "folder": "folder",
    "kind": "cost_per_1k",
    "value": 1.0,  # of a Target
}
KINDS = (Router, Scorer, Encoder, Policy, Retry, Limits, BreakerRule, Reliability, Plan, Target)
LEARNED = {("Calibrated", "prior")}
"""Set by ``fitted``, where nothing known is NaN."""


def _settings() -> Iterator[Any]:
    """Every number that a public class takes, with what else it has to be given."""
    for name in public_names("shared_core"):
        try:
            found = getattr(shared_core, name)
        except MissingExtra:
            continue
        if not (inspect.isclass(found) and issubclass(found, KINDS)) or inspect.isabstract(found):
            continue
        parameters = inspect.signature(found).parameters
        needed = {one for one, told in parameters.items() if told.default is told.empty}
        if not needed <= GIVEN.keys():
            continue
        for setting, told in parameters.items():
            kinds = {one.strip() for one in str(told.annotation).split("|")}
            if kinds & {"int", "float"} and (name, setting) not in LEARNED:
                given = {one: _of(found, one) for one in needed}
                yield pytest.param(found, given, setting, kinds, id=f"{name}-{setting}")


def _of(found: type[Any], needed: str) -> Any:
    is_scorer = needed == "inner" and issubclass(found, Scorer)
    return MeanLogprob() if is_scorer else GIVEN[needed]


SETTINGS = list(_settings())
every_setting = pytest.mark.parametrize(("kind", "given", "setting", "kinds"), SETTINGS)


def test_all_that_there_is_is_tested() -> None:
    tested = {one.values[0].__name__ for one in SETTINGS}
    assert {"CascadeRouter", "GuardedRouter", "LearnedScorer", "LexicalEncoder", "Retry"} <= tested
    assert {"KNNRouter", "HybridRouter", "StickyRouter", "TokenCostRouter", "Target"} <= tested
    assert len(SETTINGS) > 60


@every_setting
def test_a_number_that_makes_no_sense_is_told_at_once(
    kind: type[Any], given: Mapping[str, Any], setting: str, kinds: set[str]
) -> None:
    kind(**given)
    wrong = [math.nan, "1", [], True] + [None] * ("None" not in kinds)
    for value in [*wrong, *([1.5, math.inf] if "float" not in kinds else [])]:
        with pytest.raises(ConfigError, match=rf"{setting}"):
            kind(**{**given, setting: value})
