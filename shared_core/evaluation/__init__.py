"""How well did it choose."""
