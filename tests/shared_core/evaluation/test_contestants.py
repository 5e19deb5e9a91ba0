from __future__ import annotations

import pytest

from shared_core import ConfigError, KNNRouter
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
