from __future__ import annotations

import importlib.metadata
from importlib.metadata import EntryPoint

import pytest

from shared_core import Always, ArtifactError, ConfigError, KNNRouter
from shared_core.evaluation import contestants


def test_learned_routers_go_by_their_short_names() -> None:
    assert {"knn", "bert", "causal_lm", "mlp"} <= set(contestants.names())
    assert not {"predictive", "oracle", "always"} & set(contestants.names())
    assert contestants.classes(["knn"]) == {"knn": KNNRouter}


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (["knn", "kn", "magic"], "no router kn, magic; there are .*knn"),
        ([], "name a router; there"),
    ],
)
def test_names_that_are_not_there_are_told(wanted: list[str], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        contestants.classes(wanted)


class AcmeRouter(KNNRouter):
    """What a package of somebody else provides."""


class RulesRouter(Always):
    """What it provides, too; it learns nothing."""


def test_routers_of_plug_ins_are_there_too(monkeypatch: pytest.MonkeyPatch) -> None:
    group = "llmrouter.routers"
    named = ("AcmeRouter", "RulesRouter")
    entries = [EntryPoint(name, f"{__name__}:{name}", group) for name in named]
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: entries)
    assert {"acme", "rules", "knn"} <= set(contestants.names())
    assert contestants.classes(["acme", "knn"]) == {"acme": AcmeRouter, "knn": KNNRouter}
    with pytest.raises(ArtifactError, match="RulesRouter is no PredictiveRouter"):
        contestants.classes(["rules"])
