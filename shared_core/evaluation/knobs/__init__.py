"""Settings chosen on held-out rows, and what can be promised of them."""
