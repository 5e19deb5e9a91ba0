"""A model added without retraining."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_world import HELD_OUT, POOL, TRAIN, outcomes, score

from shared_core import Candidate, DataError, LinearRouter, choose_anchors


def test_a_new_model_needs_anchors_and_no_retraining(tmp_path: Path) -> None:
    old = outcomes(TRAIN, ["sums", "poems", "large"])
    pool = [POOL[name] for name in old.models]
    router = LinearRouter(pool, alpha=3.0).fit(old)
    anchors = outcomes([TRAIN[i] for i in choose_anchors(old, router.encoder_, 60)])
    found = router.add_candidate(POOL["code"], anchors)
    assert 0 <= found.error < 0.2
    assert router.pool.names == ("sums", "poems", "large", "code")
    loaded = LinearRouter.load(router.save(tmp_path / "router"))
    for text in HELD_OUT:
        quality = loaded.route(text).quality
        assert quality["code"] == pytest.approx(score("code", text), abs=0.45)


def test_too_few_anchors_are_refused() -> None:
    router = LinearRouter([POOL["sums"], POOL["large"]], alpha=3.0)
    router.fit(outcomes(TRAIN, ["sums", "large"]))
    with pytest.raises(DataError, match="it takes 20 or more"):
        router.add_candidate(POOL["code"], outcomes(TRAIN[:9]))
    with pytest.raises(DataError, match="no outcomes of"):
        router.add_candidate(Candidate(name="unheard"), outcomes(TRAIN))
