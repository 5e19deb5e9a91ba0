"""How to choose: one file, one way."""
