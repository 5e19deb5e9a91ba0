"""Figures of merit, each a function of arrays."""
