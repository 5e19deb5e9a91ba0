"""`--set NAME=VALUE` for every learned router."""

from __future__ import annotations

import inspect
from typing import Optional

import pytest

from shared_core import AutoRouter, ConfigError, KNNRouter, MissingExtra
from shared_core.cli.settings import settings
from shared_core.evaluation import contestants


def test_values_are_typed_as_annotated() -> None:
    assert settings(KNNRouter, ["k=40", "shrinkage=2.5"]) == {"k": 40, "shrinkage": 2.5}
    assert settings(KNNRouter, ["k=none"]) == {"k": None}
    told = settings(AutoRouter, ["members=KNNRouter, LinearRouter", "time_budget=9"])
    assert told == {"members": ("KNNRouter", "LinearRouter"), "time_budget": 9.0}


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("kk=3", r"no setting 'kk=3' of KNNRouter; .* k \(int or none; None\), shrinkage"),
        ("k", "no setting 'k' of KNNRouter; give NAME=VALUE"),
        ("k=many", "k of KNNRouter is int or none, not 'many'"),
        ("pool=a", "no setting 'pool=a'"),
        ("seed=3", "no setting 'seed=3'"),
        ("shrinkage=nan", "shrinkage of KNNRouter is float or none, not 'nan'"),
        ("shrinkage=inf", "shrinkage of KNNRouter is float or none, not 'inf'"),
        ("k=0", "k is a whole number from 1 up"),
    ],
)
def test_what_cannot_be_set_is_told(option: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        KNNRouter(["a"], **settings(KNNRouter, [option]))


def test_what_has_to_be_set_is_told() -> None:
    pytest.importorskip("transformers", reason="needs the extra `torch`")
    from shared_core import BERTRouter

    with pytest.raises(ConfigError, match=r"has to be told model: --set model=…; it takes model"):
        settings(BERTRouter, ["epochs=1"])


def test_settings_of_other_peoples_routers() -> None:
    class Foreign(KNNRouter):
        def __init__(self, pool, depth: Optional[int] = None, width=3) -> None:  # type: ignore[no-untyped-def]  # noqa: UP045
            super().__init__(pool)

    assert settings(Foreign, ["depth=2"]) == {"depth": 2}
    with pytest.raises(ConfigError, match=r"'width=4' of Foreign; .* depth \(int or none; None\)$"):
        settings(Foreign, ["width=4"])


@pytest.mark.parametrize("name", contestants.names())
def test_every_named_router_tells_its_settings(name: str) -> None:
    try:
        (found,) = contestants.classes([name]).values()
    except MissingExtra as missing:
        pytest.skip(str(missing))
    with pytest.raises(ConfigError, match=f"of {found.__name__}; give NAME=VALUE out of") as error:
        settings(found, ["nothing=1"])
    told = str(error.value)
    plain = set(inspect.signature(found).parameters) - {"pool", "policy", "encoder", "seed"}
    assert not [name for name in plain if f"{name} (" not in told]
