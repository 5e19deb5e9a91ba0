"""Outcome tables that come with the package."""

from __future__ import annotations

from pathlib import Path

from shared_core.outcomes.table import OutcomeTable
from shared_core.pool import ModelPool

_SMALL_MODELS = Path(__file__).parent / "small_models"


def small_models() -> tuple[OutcomeTable, ModelPool]:
    """Three small open models on our own questions, and their pool; see its README for how."""
    pool = ModelPool.from_json(_SMALL_MODELS / "models.json")
    return OutcomeTable.read(_SMALL_MODELS / "outcomes.jsonl"), pool
