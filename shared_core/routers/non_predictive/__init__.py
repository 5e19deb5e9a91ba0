"""Routers that hear answers before they choose."""
