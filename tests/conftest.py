"""What holds for every test, however the suite is started."""

from __future__ import annotations

import os

# Small models gain nothing by threads, which on a busy machine wait for each other by spinning.
# Libraries heed it when they are first loaded, and commands that tests start inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")
