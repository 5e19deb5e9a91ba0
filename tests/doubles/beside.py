"""What lies beside a checkout where the project is developed; tests skip where it does not."""

from __future__ import annotations

from pathlib import Path
from typing import Final

SHARED: Final = Path(__file__).parents[3] / "shared"
DATA: Final = SHARED / "data"
"""Data sets, each a folder with an ``outcomes.parquet``."""
