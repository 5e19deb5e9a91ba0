"""The routing core: decides which model of a pool is worth a query. Knows no framework."""

from shared_core._lazy import attach

__getattr__, __dir__ = attach(__name__)
