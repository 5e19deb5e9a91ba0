"""What tells one ``RouterLLM`` from another, for whoever keeps answers under what an LLM dumps."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from llama_index.core.llms import LLM

from shared_core.artifacts import Artifact, fingerprint
from shared_core.errors import RouterError
from shared_core.routers.base import Router


def made_of(models: Mapping[str, LLM], router: Router) -> dict[str, Any]:
    """JSON-ready, without secrets; equal for equal models and the same saved router."""
    told = {name: _told(model) for name, model in models.items()}
    return {"models": told, "router": f"{type(router).__name__} {_fingerprint(router)}"}


def _told(model: LLM) -> dict[str, Any]:
    told = {"class_name": model.class_name(), "model_name": model.metadata.model_name}
    within = getattr(model, "made_of", None)
    return told if within is None else {**told, "made_of": within}


def _fingerprint(router: Router) -> str:
    """Of all that saving it would write; of a router that cannot be saved, one of its own."""
    try:
        return _digest(router.artifact())
    except (RouterError, AttributeError, TypeError, ValueError):
        return secrets.token_hex(8)


def _digest(artifact: Artifact) -> str:
    parts = {name: _digest(part) for name, part in artifact.parts.items()}
    return fingerprint({"document": artifact.document, "parts": parts}, artifact.arrays)
