"""Routers that have nothing to learn from but prices, descriptions and a shipped prior."""
