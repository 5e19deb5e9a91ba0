"""Several encoders as one, on its own and in a saved router."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_world import POOL, outcomes, texts

from shared_core import (
    ArtifactError,
    AutoRouter,
    ConfigError,
    FunctionEncoder,
    JoinedEncoder,
    KNNRouter,
    LexicalEncoder,
    Router,
)

KNOWN = texts(range(8))
MEMBERS = ("LinearRouter", "NgramRouter")


def lengths() -> FunctionEncoder:
    return FunctionEncoder(lambda found: [[len(text), 40.0] for text in found], "lengths/1")


def small(seed: int = 0) -> LexicalEncoder:
    return LexicalEncoder(dimension=8, seed=seed)


def test_each_part_counts_the_same() -> None:
    encoder = JoinedEncoder([small(), lengths()])
    assert not encoder.is_fitted
    vectors = encoder.fit(KNOWN)(KNOWN)
    assert encoder.is_fitted
    first, second = (part(KNOWN) for part in encoder.parts)
    np.testing.assert_allclose(vectors * np.sqrt(2), np.hstack([first, second]), atol=1e-6)


def test_a_part_that_has_learned_already_is_left_as_it_is() -> None:
    known = small().fit(KNOWN[:6])
    before = known.fingerprint
    JoinedEncoder([known, small(1)]).fit(KNOWN)
    assert known.fingerprint == before


def test_it_is_as_quick_as_its_slowest_part() -> None:
    assert JoinedEncoder([small(), small(1)]).is_quick
    assert not JoinedEncoder([small(), lengths()]).is_quick


@pytest.mark.parametrize("parts", [[], [small()], [small(), JoinedEncoder([small(), small()])]])
def test_it_joins_at_least_two_that_are_not_joined(parts: list[LexicalEncoder]) -> None:
    with pytest.raises(ConfigError, match="two encoders or more"):
        JoinedEncoder(parts)


def test_a_router_over_it_is_saved_with_every_part(tmp_path: Path) -> None:
    encoder = JoinedEncoder([small(), small(1)])
    router = KNNRouter(POOL, encoder=encoder).fit(outcomes())
    loaded = Router.load(router.save(tmp_path / "knn"))
    assert isinstance(loaded, KNNRouter)
    assert loaded.encoder_.fingerprint == encoder.fingerprint
    np.testing.assert_array_equal(loaded.predict(KNOWN).quality, router.predict(KNOWN).quality)


def test_a_part_that_cannot_be_saved_has_to_be_given_again(tmp_path: Path) -> None:
    encoder = JoinedEncoder([small(), lengths()])
    folder = KNNRouter(POOL, encoder=encoder).fit(outcomes()).save(tmp_path / "knn")
    with pytest.raises(ArtifactError, match="lengths/1"):
        Router.load(folder)
    assert Router.load(folder, encoder=encoder).route(KNOWN[0]).model
    with pytest.raises(ArtifactError, match="fingerprint"):
        Router.load(folder, encoder=JoinedEncoder([lengths(), small().fit(KNOWN)]))


def test_the_stack_tries_each_member_over_each_part(tmp_path: Path) -> None:
    encoder = JoinedEncoder([small(), lengths()])
    router = AutoRouter(POOL, encoder=encoder, members=MEMBERS).fit(outcomes())
    tried = [(note["router"], note.get("encoder")) for note in router.leaderboard_]
    parts = ("LexicalEncoder", "FunctionEncoder")
    assert tried == [*((m, part) for part in parts for m in MEMBERS), ("stack", None)]
    assert "n-grams" in router.leaderboard_[3]["left_out"]
    loaded = Router.load(router.save(tmp_path / "auto"), encoder=encoder)
    assert isinstance(loaded, AutoRouter)
    np.testing.assert_array_equal(loaded.predict(KNOWN).quality, router.predict(KNOWN).quality)


def test_a_member_reads_its_own_part_only() -> None:
    encoder = small().fit(KNOWN)
    alone = AutoRouter(POOL, encoder=encoder, members=MEMBERS[1:]).fit(outcomes())
    joined = JoinedEncoder([lengths(), encoder])
    both = AutoRouter(POOL, encoder=joined, members=MEMBERS[1:]).fit(outcomes())
    assert both.parts_ == [1]
    np.testing.assert_array_equal(both.predict(KNOWN).quality, alone.predict(KNOWN).quality)


def test_eleven_parts_keep_their_order_when_saved() -> None:
    encoder = JoinedEncoder([small(seed) for seed in range(11)]).fit(KNOWN)
    again = JoinedEncoder.from_artifact(encoder.artifact())
    assert [part.config()["seed"] for part in again.parts] == [*range(11)]
    np.testing.assert_array_equal(again(KNOWN), encoder(KNOWN))
