"""Who answered what, how well, at what cost."""
