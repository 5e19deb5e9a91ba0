"""Where a learned router is not to be trusted: it falls back, or asks."""
