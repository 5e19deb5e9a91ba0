"""The command line of benchmarks on real outcomes."""

from __future__ import annotations

import argparse
from pathlib import Path


def of_data(described: str | None) -> argparse.ArgumentParser:
    """A parser that takes the folder of data sets; a benchmark's docstring is its help."""
    parser = argparse.ArgumentParser(
        description=described, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="folder of data sets")
    return parser
