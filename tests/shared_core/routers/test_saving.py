from __future__ import annotations

import functools
import importlib.metadata
import json
import math
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_world import POOL, outcomes

from shared_core import (
    Always,
    Artifact,
    ArtifactError,
    Calibrated,
    CascadeRouter,
    ConfigError,
    CostQuality,
    Flow,
    KNNRouter,
    LexicalEncoder,
    MeanLogprob,
    PassesTests,
    Policy,
    Predictions,
    Query,
    Random,
    Router,
    RouterError,
    StickyRouter,
)
from shared_core.artifacts import read, write
from shared_core.pool import Candidate, ModelPool


class Switch(Router):
    """A plug-in's router: one inner router or the other, by the query's length."""

    def __init__(self, short: Router, others: Iterable[Router] = (), limit: int = 10) -> None:
        super().__init__(short.pool)
        self.short = short
        self.others = list(others)
        self.limit = limit

    def flow(self, query: Query) -> Flow:
        router = self.short if len(query.text) < self.limit else self.others[0]
        return (yield from router.flow(query))


@dataclass(frozen=True)
class BestOnly(Policy):
    """A plug-in's policy."""

    bonus: float = 0.0

    def __call__(self, predictions: Predictions) -> Any:
        return predictions.quality + self.bonus


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """The two as if a package announced them."""

    class Entry:
        def __init__(self, name: str, found: Any) -> None:
            self.name, self.found = name, found

        def load(self) -> Any:
            if isinstance(self.found, Exception):
                raise self.found
            return self.found

    entries = {
        "llmrouter.routers": [
            Entry("Switch", Switch),
            Entry("Foreign", dict),
            Entry("Broken", ImportError("no module named plug")),
        ],
        "llmrouter.policies": [Entry("BestOnly", BestOnly)],
    }
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: entries[group])


def edited(folder: Path, **changes: Any) -> Path:
    """The saved router, with its document changed by somebody who knows the checksum."""
    saved = read(folder, "router")
    document = dict(saved.document) | changes
    return write(Artifact("router", document, saved.arrays, saved.parts), folder)


def test_a_router_of_routers_is_saved_whole(plugins: None, tmp_path: Path) -> None:
    router = Switch(Always(["a", "b"], "b"), [Random(["a", "b"], seed=3)], limit=5)
    loaded = Router.load(router.save(tmp_path / "router"))
    assert isinstance(loaded, Switch)
    assert (loaded.limit, loaded.short.model) == (5, "b")
    assert loaded.others[0].seed == 3
    for text in ("hi", "a longer text", "another longer text"):
        assert loaded.route(text).ranking == router.route(text).ranking
    document = json.loads((tmp_path / "router" / "router.json").read_text())
    assert document["router"] == "Switch"
    assert document["library_version"] == importlib.metadata.version("llmrouter-integrations")


def test_todays_pool_reaches_the_routers_inside(plugins: None, tmp_path: Path) -> None:
    folder = Switch(Always(["a", "b"]), [Always(["a", "b"])]).save(tmp_path / "router")
    pool = ModelPool([Candidate(name="b", input_price=1), Candidate(name="a", input_price=2)])
    loaded = Router.load(folder, pool=pool)
    assert isinstance(loaded, Switch)
    for router in (loaded, loaded.short, loaded.others[0]):
        assert router.pool.names == ("a", "b")  # the columns stay where they were learned
        assert router.pool["a"].input_price == 2


def test_a_plugins_policy_is_saved(plugins: None, tmp_path: Path, small_knn: KNNRouter) -> None:
    small_knn.policy = BestOnly(0.5)
    loaded = Router.load(small_knn.save(tmp_path / "router"))
    assert isinstance(loaded, KNNRouter)
    assert loaded.policy == BestOnly(0.5)


def test_an_argument_that_no_attribute_keeps_is_told(tmp_path: Path) -> None:
    class Forgetful(Always):
        def __init__(self, pool: ModelPool, rules: list[str]) -> None:
            super().__init__(pool)
            self._rules = rules

    with pytest.raises(ArtifactError, match="Forgetful keeps no attribute 'rules': saving takes"):
        Forgetful(POOL, ["a"]).save(tmp_path / "router")


@pytest.fixture
def small_knn() -> KNNRouter:
    return KNNRouter(POOL, policy=CostQuality(0.2), k=3, shrinkage=1.0).fit(outcomes())


def test_a_saved_router_of_another_class_is_told(tmp_path: Path) -> None:
    folder = Always(["a"]).save(tmp_path / "router")
    assert isinstance(Always.load(folder), Always)
    with pytest.raises(ArtifactError, match="holds a Always, no KNNRouter"):
        KNNRouter.load(folder)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"router": "Nobody"}, "nobody provides 'Nobody'"),
        ({"router": "os.system"}, "nobody provides 'os.system'"),
        ({"router": "Query"}, "Query is no Router"),
        ({"router": "Foreign"}, "Foreign is no Router"),
        ({"router": None}, "nobody provides None"),
        ({"router": ["Always"]}, "nobody provides"),
        ({"config": {"model": "a"}}, "does not fit this version"),
        ({"config": {"pool": {"$pool": ["a"]}, "more": 1}}, "does not fit this version"),
        ({"config": {"pool": {"$part": "gone"}}}, "does not fit this version"),
        ({"config": {"pool": {"$policy": "Nobody"}}}, "nobody provides 'Nobody'"),
        ({"config": {"pool": {"$policy": "Always"}}}, "Always is no Policy"),
        ({"config": []}, "does not fit this version"),
        ({"state": 7}, "does not fit this version"),
        (
            {"state": {"deep_": functools.reduce(lambda inner, _: [inner], range(450), 0)}},
            "fit this",
        ),
        ({"state": {"flow": "mine"}}, "has 'flow', which no router learns"),
        ({"state": {"__class__": "mine"}}, "has '__class__', which no router learns"),
        ({"state": {"__dict__": {}}}, "has '__dict__', which no router learns"),
        ({"state": {"is_quick": True}}, "has 'is_quick', which no router learns"),
        ({"state": {"pool": {"$pool": ["b"]}}}, "has 'pool', which no router learns"),
    ],
)
def test_documents_that_fit_nothing_are_told(
    changes: dict[str, Any], told: str, plugins: None, tmp_path: Path
) -> None:
    folder = edited(Always(["a"]).save(tmp_path / "router"), **changes)
    with pytest.raises(ArtifactError, match=told):
        Router.load(folder)


def test_an_array_that_is_no_learned_one_is_told(tmp_path: Path) -> None:
    saved = Always(["a"]).artifact()
    folder = write(replace(saved, arrays={"route": np.ones(1)}), tmp_path / "router")
    with pytest.raises(ArtifactError, match="has 'route', which no router learns"):
        Router.load(folder)


def test_another_routers_encoder_is_refused(tmp_path: Path, small_knn: KNNRouter) -> None:
    from small_world import POOL, outcomes

    folder = small_knn.save(tmp_path / "router")
    other = KNNRouter(POOL, encoder=LexicalEncoder(seed=7), k=3, shrinkage=1.0).fit(outcomes())
    other.save(tmp_path / "other")
    shutil.rmtree(folder / "encoder")
    shutil.copytree(tmp_path / "other" / "encoder", folder / "encoder")
    with pytest.raises(ArtifactError, match=r"encoder\.json is not the one that was saved there"):
        Router.load(folder)


def test_what_was_one_encoder_is_one_again(tmp_path: Path) -> None:
    from small_world import POOL, outcomes

    router = KNNRouter(POOL, encoder=LexicalEncoder(), k=3, shrinkage=1.0).fit(outcomes())
    loaded = Router.load(router.save(tmp_path / "router"))
    assert isinstance(loaded, KNNRouter)
    assert loaded.encoder is loaded.encoder_


def test_documents_that_make_no_sense_are_told(tmp_path: Path) -> None:
    folder = Always(["a"]).save(tmp_path / "router")
    with pytest.raises(RouterError, match="the pool is empty"):
        Router.load(edited(folder, config={"pool": {"$pool": []}}))


def test_a_plugin_that_cannot_be_imported_is_told(plugins: None, tmp_path: Path) -> None:
    folder = edited(Always(["a"]).save(tmp_path / "router"), router="Broken")
    with pytest.raises(RouterError, match="the plug-in that provides Broken cannot be imported"):
        Router.load(folder)


def test_code_that_a_folder_holds_runs_only_where_it_is_trusted(tmp_path: Path) -> None:
    scorer = Calibrated(PassesTests({"hi": "assert True"}), prior=0.5)
    router = StickyRouter(CascadeRouter(POOL, scorer))
    folder = router.save(tmp_path / "router")
    with pytest.raises(ArtifactError, match=r"PassesTests brings code that it runs: .*is_trusted"):
        Router.load(folder)
    again = Router.load(folder, is_trusted=True)
    assert again.inner.scorer == scorer  # type: ignore[attr-defined]


def test_what_cannot_be_saved_is_told(tmp_path: Path) -> None:
    router = Switch(Always(["a"]), limit=lambda: 3)  # type: ignore[arg-type]
    with pytest.raises(ArtifactError, match="limit is a function, which can't be saved"):
        router.save(tmp_path / "router")
    assert not any(tmp_path.iterdir())


def test_another_pool_and_another_encoder_are_told(tmp_path: Path, small_knn: KNNRouter) -> None:
    from shared_core import FunctionEncoder

    folder = small_knn.save(tmp_path / "router")
    for names in (["a"], [*POOL, "one more"]):
        told = f"trained for sums, poems, code, large; the pool has {', '.join(names)}"
        with pytest.raises(ArtifactError, match=told):
            Router.load(folder, pool=ModelPool(names))
    other = FunctionEncoder(lambda texts: np.ones((len(texts), 2)).tolist(), "ones")
    with pytest.raises(ArtifactError, match="trained with the encoder LexicalEncoder"):
        Router.load(folder, encoder=other)


def test_a_router_that_gives_no_generator_is_told() -> None:
    class Forgetful(Always):
        def flow(self, query: Query) -> Any:
            return self.pool

    with pytest.raises(ConfigError, match=r"Forgetful\.flow is no generator"):
        Forgetful(["a"]).route("hi")


@pytest.mark.parametrize("threshold", [math.inf, -math.inf])
def test_settings_without_end_are_saved(threshold: float, tmp_path: Path) -> None:
    router = StickyRouter(CascadeRouter(POOL, MeanLogprob(), threshold), ttl=math.inf)
    loaded = Router.load(router.save(tmp_path / "router"))
    assert isinstance(loaded, StickyRouter)
    assert (loaded.ttl, getattr(loaded.inner, "threshold")) == (math.inf, threshold)  # noqa: B009
    text = (tmp_path / "router" / "router.json").read_text(encoding="utf-8")
    assert '"$number": "inf"' in text
