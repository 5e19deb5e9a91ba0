"""Any way of choosing can be judged, and what does not fit is refused."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest

from shared_core import (
    Always,
    ConfigError,
    DataError,
    GuardedRouter,
    KNNRouter,
    ModelPool,
    OutcomeTable,
    Predictions,
    apgr,
    judge,
    verdict,
)
from shared_core.evaluation import outside
from shared_core.evaluation.bench import Pair
from shared_core.evaluation.bootstrap import Resamples
from shared_core.evaluation.line_figures import resampled_apgr

N = 120


@pytest.fixture(scope="module")
def pair() -> OutcomeTable:
    """The strong model is right on all, the weak one on sums, for a tenth of the money."""
    queries = tuple(f"sum {i} and {i}" if i % 2 else f"poem about city {i}" for i in range(N))
    is_sum = np.array([query.startswith("sum") for query in queries], float)
    score = np.stack([is_sum, np.ones(N)], axis=1)
    cost = np.tile([0.001, 0.01], (N, 1))
    return OutcomeTable(("weak", "strong"), queries, {"score": score, "cost": cost})


def by_words(texts: tuple[str, ...]) -> list[str]:
    """A router as people write one."""
    return ["weak" if text.startswith("sum") else "strong" for text in texts]


def test_a_function_that_names_models(pair: OutcomeTable) -> None:
    line = judge({"mine": by_words}, pair, pair).routers["mine"]
    assert (line.quality, line.cost) == (1.0, pytest.approx(0.0055))
    assert line.traffic == {"weak": 0.5, "strong": 0.5}
    assert line.metrics["above_zero"] == pytest.approx(0.25)


def test_scores_of_every_kind_say_the_same(pair: OutcomeTable) -> None:
    poem = np.array([not query.startswith("sum") for query in pair.queries], float)
    quality = np.stack([1 - poem, np.ones(N)], axis=1)
    told = Predictions(("strong", "weak"), quality[:, ::-1], np.tile([0.01, 0.001], (N, 1)), 0.01)
    found = judge(
        {
            "scores of the strong one": poem,
            "qualities": quality,
            "predictions": told,
            "function": lambda texts: quality,
        },
        pair,
        pair,
    )
    for line in found.routers.values():
        assert (line.quality, line.cost) == (1.0, pytest.approx(0.0055))
        assert line.metrics["apgr"] == pytest.approx(0.75)
        assert line.metrics["apgr"] == pytest.approx(apgr(poem, np.ones(N), 1 - poem))
        assert line.metrics["cpt50"] == pytest.approx(25)
        assert line.metrics["cpt80"] == pytest.approx(40)
        low, high = line.interval["apgr"]
        assert low < 0.75 < high
    assert any("ties on" in note for note in found.notes)


def test_no_interval_of_apgr_where_resamples_have_no_gap(pair: OutcomeTable) -> None:
    poem = np.array([not query.startswith("sum") for query in pair.queries], float)
    weak = 1 - poem
    weak[1] = 0.0  # one right answer fewer: as good as none in nearly half of the resamples
    table = OutcomeTable(
        pair.models, pair.queries, {**pair.measures, "score": np.stack([weak, poem], axis=1)}
    )
    line = judge({"r": poem}, table, table).routers["r"]
    assert line.metrics["apgr"] is not None
    assert "apgr" not in line.interval


def test_a_gap_of_rounding_is_none() -> None:
    pair = Pair(np.arange(8.0), np.full(8, 0.1 + 0.2), np.full(8, 0.3))
    assert (pair.strong > pair.weak).all()
    assert np.isinf(resampled_apgr(pair, Resamples(8))).all()


def test_the_order_of_the_models_changes_nothing(pair: OutcomeTable) -> None:
    poem = np.array([not query.startswith("sum") for query in pair.queries], float)
    turned = pair.of(("strong", "weak"))
    one, other = (judge({"r": poem}, table, table).routers["r"] for table in (pair, turned))
    for name in ("apgr", "cpt50", "apgr_routellm", "regret"):
        assert one.metrics[name] == pytest.approx(other.metrics[name])
    assert one.aiq_range == pytest.approx(other.aiq_range)


def test_our_routers_and_baselines(pair: OutcomeTable) -> None:
    pool = ModelPool(pair.models)
    found = judge({"knn": KNNRouter(pool).fit(pair), "weak": Always(pool, "weak")}, pair, pair)
    assert found.routers["knn"].quality == 1.0
    assert verdict(found, found.routers["knn"]).startswith("route")
    assert found.routers["weak"].metrics["abstained"] == 0
    assert verdict(found, found.routers["weak"]).startswith("one point, no knob: quality 0.5000")


def test_a_guards_decisions_are_counted(pair: OutcomeTable) -> None:
    inner = KNNRouter(ModelPool(pair.models))
    never = GuardedRouter(inner, threshold=1e9).fit(pair)
    always = copy.copy(never)
    always.threshold = -1e9
    guards = {"never": never, "always": always}
    found = judge(guards, pair, pair).routers
    assert found["never"].metrics["abstained"] == 0.5  # poems go to the strong one as it is
    assert found["always"].metrics["abstained"] == 0


@pytest.mark.parametrize(
    ("router", "told"),
    [
        (["weak"] * (N - 1) + ["medium"], "the router chose medium; the table has weak, strong"),
        (np.zeros((N, 3)), "it takes"),
        (lambda texts: None, "it takes"),
        (np.full((N, 2), np.nan), "not finite"),
        (np.full(N, np.inf), "a score is not finite"),
    ],
)
def test_what_does_not_fit_is_refused(pair: OutcomeTable, router: object, told: str) -> None:
    with pytest.raises(DataError, match=told):
        judge({"odd": router}, pair, pair)  # type: ignore[dict-item]


def test_what_a_router_said_in_a_file(pair: OutcomeTable, tmp_path: Path) -> None:
    path = tmp_path / "said.csv"
    rows = [f'"{query}",{1 - (i % 2)}' for i, query in enumerate(pair.queries)]
    path.write_text("query,score\n" + "\n".join(rows), encoding="utf-8")
    line = judge({"said": outside.SaidInAFile(path, pair.models)}, pair, pair).routers["said"]
    assert line.quality == 1.0
    path.write_text("query,model\n" + "\n".join(rows[:3]), encoding="utf-8")
    with pytest.raises(DataError, match="nothing of 117 of 120 queries"):
        judge({"said": outside.SaidInAFile(path, pair.models)}, pair, pair)
    path.write_text("text,model\na,b", encoding="utf-8")
    with pytest.raises(DataError, match="needs a column query"):
        outside.SaidInAFile(path, pair.models)


def test_functions_by_name() -> None:
    assert outside.function("json:dumps")([]) == "[]"
    for spec in ("json:nothing", "no_such_module:f", "json", "math:pi"):
        with pytest.raises(ConfigError, match="no function"):
            outside.function(spec)


def test_every_line_has_an_interval(pair: OutcomeTable) -> None:
    weak = Always(ModelPool(pair.models), "weak")
    found = judge({"weak": weak}, pair, pair)
    points = [*found.routers.values(), *found.singles.values()]
    points += [found.lines[name] for name in ("best_single", "cheapest", "random", "oracle")]
    for line in points:
        for name, value in (("quality", line.quality), ("cost", line.cost)):
            low, high = line.interval[name]
            assert low - 1e-9 <= (value or 0.0) <= high + 1e-9
    assert "aiq_range" in found.lines["zero"].interval
    low, high = found.routers["weak"].interval["above_zero"]
    assert low <= (found.routers["weak"].metrics["above_zero"] or 0.0) <= high
    assert f"{low:+.4f} to {high:+.4f} against" in verdict(found, found.routers["weak"])
