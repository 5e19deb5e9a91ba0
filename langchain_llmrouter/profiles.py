"""What LangChain knows of a model, as facts about a candidate; and of a pool, as a profile."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Literal, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.model_profile import ModelProfile
from langchain_core.runnables import Runnable, RunnableBinding, RunnableWithFallbacks

from shared_core.pool import Candidate, ModelPool
from shared_core.query import ABILITIES

ProfileMode = Literal["conservative", "union"]

_ABILITY_OF: Final = {
    "tool_calling": "tools",
    "tool_choice": "tool_choice",
    "image_inputs": "vision",
    "audio_inputs": "audio",
    "pdf_inputs": "pdf",
}


def facts_of(model: Runnable[Any, Any]) -> dict[str, Any]:
    """Fields of ``Candidate`` that LangChain knows of a model, from its profile and its class."""
    profile = profile_of(model)
    known = dict(_known_abilities(model, profile))
    facts: dict[str, Any] = {
        "abilities": {ability for ability, has_it in known.items() if has_it},
        "unknown_abilities": ABILITIES - set(known),
    }
    limits = {"context_window": "max_input_tokens", "max_output": "max_output_tokens"}
    return facts | {name: profile[key] for name, key in limits.items() if profile.get(key)}


def profile_of(model: Runnable[Any, Any]) -> Mapping[str, Any]:
    """A model's profile; empty where it has none."""
    found: Mapping[str, Any] | None = getattr(unwrapped(model), "profile", None)
    return found or {}


def pool_profile(
    pool: ModelPool, models: Mapping[str, Runnable[Any, Any]], mode: ProfileMode
) -> ModelProfile:
    """What a pool can do as one model; nothing is claimed that is not known.

    What any model can do, the pool can, since the router asks only models that can. Limits are
    those of the smallest model (of the largest, for ``union``). Native structured output is claimed
    only where all models have it: frameworks then send what others would reject.
    """
    members = list(pool.values())
    pick = min if mode == "conservative" else max
    limits = {
        "max_input_tokens": [one.context_window for one in members if one.context_window],
        "max_output_tokens": [one.max_output for one in members if one.max_output],
    }
    profile: dict[str, Any] = {key: pick(sizes) for key, sizes in limits.items() if sizes}
    profile |= {key: can for key, can in _shared_abilities(members) if can is not None}
    structured = [_is_native(pool[name], models[name]) for name in pool]
    if False in structured or None not in structured:
        profile["structured_output"] = all(structured)
    return cast("ModelProfile", profile)


def unwrapped(model: Runnable[Any, Any]) -> Runnable[Any, Any]:
    """The model inside bindings; of fallbacks, the first."""
    while isinstance(model, RunnableBinding | RunnableWithFallbacks):
        model = model.bound if isinstance(model, RunnableBinding) else model.runnable
    return model


def _known_abilities(
    model: Runnable[Any, Any], profile: Mapping[str, Any]
) -> Iterator[tuple[str, bool]]:
    told = {ability: profile[key] for key, ability in _ABILITY_OF.items() if key in profile}
    if not _has_own(unwrapped(model), "bind_tools"):
        told |= {"tools": False, "tool_choice": False}
    yield from told.items()
    # A model that calls tools can be made to answer in a structure, native or not.
    ways = (profile.get("structured_output"), told.get("tools"))
    if any(ways):
        yield "structured_output", True
    elif not _has_own(unwrapped(model), "with_structured_output") and ways[1] is False:
        yield "structured_output", False


def _has_own(model: Runnable[Any, Any], method: str) -> bool:
    own = getattr(type(model), method, None) or getattr(model, method, None)
    return own is not None and own is not getattr(BaseChatModel, method)


def _shared_abilities(members: Iterable[Candidate]) -> Iterator[tuple[str, bool | None]]:
    for key, ability in _ABILITY_OF.items():
        each = [_has(member, ability) for member in members]
        yield key, True if True in each else (None if None in each else False)


def _has(member: Candidate, ability: str) -> bool | None:
    if member.abilities is None or ability in member.unknown_abilities:
        return None
    return ability in member.abilities


def _is_native(member: Candidate, model: Runnable[Any, Any]) -> bool | None:
    """Whether a model has structured output of its own, not by way of a tool."""
    native: bool | None = profile_of(model).get("structured_output")
    return _has(member, "structured_output") if native is None and not profile_of(model) else native
