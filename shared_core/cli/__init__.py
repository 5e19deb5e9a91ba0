"""The command line: `llmrouter train | evaluate | compare | route | export-encoder | demo`."""

from __future__ import annotations

import sys
from io import TextIOWrapper

from shared_core._lazy import load
from shared_core.errors import RouterError


def main() -> None:
    """Run the command line; an error of ours is one line on standard error and exit status 1."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # not every terminal knows "±" and "→"
    try:
        load("shared_core.cli.app", wanted_by="the command line").app()
    except (RouterError, OSError) as error:  # of the system's: output that nobody takes
        sys.exit(f"{type(error).__name__}: {error}")
