"""Routers that predict quality and cost per model, and ask nobody."""
