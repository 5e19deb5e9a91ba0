"""What holds for every test, however the suite is started."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

# Small models gain nothing by threads, which on a busy machine wait for each other by spinning.
# Libraries heed it when they are first loaded, and commands that tests start inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True, scope="session")
def no_power_cuts() -> Iterator[None]:
    """Saving waits for no disk: that takes longer than all else it does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda handle: None)
        yield
