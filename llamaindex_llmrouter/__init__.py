"""The router for LlamaIndex: an LLM and a selector that choose what is worth it."""

from shared_core._lazy import attach

__getattr__, __dir__ = attach(__name__)
