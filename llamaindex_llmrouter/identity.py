"""What tells one ``RouterLLM`` from another, for whoever keeps answers under what an LLM dumps."""

from __future__ import annotations

import hashlib
import secrets

from llama_index.core.ingestion.pipeline import remove_unstable_values
from llama_index.core.llms import LLM

from shared_core.artifacts import Artifact, fingerprint
from shared_core.errors import RouterError
from shared_core.routers.base import Router


def told_of(model: LLM) -> dict[str, str]:
    """JSON-ready, without secrets; equal for equal models with equal settings."""
    settings = remove_unstable_values(str(model.to_dict()))
    return {
        "class_name": model.class_name(),
        "model_name": model.metadata.model_name,
        "settings": hashlib.sha256(settings.encode("utf-8", "surrogatepass")).hexdigest()[:16],
    }


def name_of(router: Router) -> str:
    """Equal for the same saved router."""
    return f"{type(router).__name__} {_fingerprint(router)}"


def _fingerprint(router: Router) -> str:
    """Of all that saving it would write; of a router that cannot be saved, one of its own."""
    try:
        return _digest(router.artifact())
    except (RouterError, AttributeError, TypeError, ValueError):
        return secrets.token_hex(8)


def _digest(artifact: Artifact) -> str:
    parts = {name: _digest(part) for name, part in artifact.parts.items()}
    return fingerprint({"document": artifact.document, "parts": parts}, artifact.arrays)
