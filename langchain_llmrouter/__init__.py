"""The router for LangChain: a chat model that answers with whichever model is worth it."""

from shared_core._lazy import attach

__getattr__, __dir__ = attach(__name__)
