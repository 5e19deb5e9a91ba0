"""The models that can answer, and which of them can serve a query."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError

from shared_core.errors import NoEligibleModel, PoolError, UnknownModel
from shared_core.query import Query, check_abilities

_PRICES: Final = frozenset({"input_price", "output_price"})
_PRICE: Final = re.compile("price|pricing|cost|usd", re.IGNORECASE)

_sorted = PlainSerializer(lambda names: None if names is None else sorted(names))
Abilities = Annotated[
    frozenset[str] | None,
    BeforeValidator(lambda names: None if names is None else check_abilities(names)),
    _sorted,
]


class Candidate(BaseModel):
    """A model that can answer.

    ``None`` means unknown. Unknown abilities, among them those named in ``unknown_abilities``, and
    unknown limits never exclude a model.

    Args:
        name: what decisions call it.
        input_price, cached_input_price, output_price: USD per million tokens.
        context_window: tokens of input and output together.
        max_output: tokens of an answer.
        abilities: some of ``shared_core.query.ABILITIES``: ``tools``, ``vision`` ….
        unknown_abilities: of which it is not known whether it has them.
        latency: seconds to a typical answer.
        description: what it is good at, in words; routers without outcomes go by it.
        tags: what it is cleared for; a query with tags goes only to models that have all of them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    input_price: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    cached_input_price: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    output_price: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    context_window: int | None = Field(default=None, gt=0)
    max_output: int | None = Field(default=None, gt=0)
    abilities: Abilities = None
    unknown_abilities: Annotated[frozenset[str], BeforeValidator(check_abilities), _sorted] = (
        frozenset()
    )
    latency: float | None = Field(default=None, ge=0)
    description: str = ""
    tags: Annotated[frozenset[str], _sorted] = frozenset()

    if TYPE_CHECKING:  # any collection of names becomes a set, which the fields' types do not say

        def __init__(
            self,
            *,
            name: str,
            input_price: float | None = None,
            cached_input_price: float | None = None,
            output_price: float | None = None,
            context_window: int | None = None,
            max_output: int | None = None,
            abilities: Iterable[str] | None = None,
            unknown_abilities: Iterable[str] = (),
            latency: float | None = None,
            description: str = "",
            tags: Iterable[str] = (),
        ) -> None: ...

    def cost(self, in_tokens: float, out_tokens: float, cached_tokens: float = 0) -> float | None:
        """USD for a call of this size, or None when a price it takes is unknown.

        Cached tokens are a part of the ``in_tokens``, so they count up to those.
        """
        if self.input_price is None or self.output_price is None:
            return None
        cached_price = (
            self.input_price if self.cached_input_price is None else self.cached_input_price
        )
        cached = min(cached_tokens, in_tokens)
        fresh = in_tokens - cached
        paid = fresh * self.input_price + cached * cached_price + out_tokens * self.output_price
        return paid / 1e6

    def objection(self, query: Query) -> str | None:
        """Why this model cannot serve the query; None when it can."""
        if self.name in query.exclude:
            return query.exclude[self.name]
        if query.needs and (lacking := self._lacking(query.needs)):
            return f"lacks {', '.join(sorted(lacking))}"
        if query.tags and (forbidden := query.tags - self.tags):
            return f"not cleared for {', '.join(sorted(forbidden))}"
        return self._too_long(query)

    def sure_objection(self, query: Query) -> str | None:
        """Why this model cannot serve the query, however small the input may turn out to be."""
        told = self.objection(query)
        if told is None or query.sure_tokens == query.input_tokens:
            return told
        return self.objection(replace(query, tokens=query.sure_tokens))

    def unsure(self, query: Query) -> tuple[str, ...]:
        """What nobody knows whether this model has: needs of the query, room for all of it."""
        known = self.abilities
        needs = query.needs if known is None else (query.needs & self.unknown_abilities) - known
        if query.sure_tokens == query.input_tokens or self._too_long(query) is None:
            return tuple(sorted(needs))
        return (*sorted(needs), f"room for what may be {query.input_tokens} tokens")

    def completed(self, facts: Mapping[str, Any]) -> Candidate:
        """This candidate with ``facts`` for the fields that are not set on it."""
        missing = {name: value for name, value in facts.items() if name not in self._given}
        return self.model_validate({**self.model_dump(exclude_unset=True), **missing})

    @property
    def _given(self) -> set[str]:
        stated = {name for name in self.model_fields_set if getattr(self, name) is not None}
        return stated | {"unknown_abilities"} if "abilities" in stated else stated

    def _lacking(self, needs: Set[str]) -> Set[str]:
        known = self.abilities
        return frozenset() if known is None else needs - known - self.unknown_abilities

    def _too_long(self, query: Query) -> str | None:
        output = query.reserved_output or 0
        if self.context_window is not None:
            size = query.input_tokens
            if size + output > self.context_window:
                told = f"{size} input tokens" + (f" and {output} of output" if output else "")
                return f"{told} exceed its window of {self.context_window}"
        if self.max_output is not None and output > self.max_output:
            return f"{output} output tokens exceed its limit of {self.max_output}"
        return None


class ModelPool(Mapping[str, Candidate]):
    """An ordered set of candidates, by name.

    Args:
        candidates: candidates, names, or dicts of a candidate's fields; or all of them by name, as
            in a pool's file; or models by name; at least one, none twice.
    """

    def __init__(
        self,
        candidates: Iterable[Candidate | str | Mapping[str, Any]]
        | Mapping[str, Candidate | Mapping[str, Any]],
    ) -> None:
        if isinstance(candidates, str) or not isinstance(candidates, Iterable):
            kind = type(candidates).__name__.replace("str", "string")
            raise PoolError(f"a pool takes a list of candidates, not the {kind} {candidates!r}")
        members = [_candidate(item) for item in _listed(candidates)]
        if not members:
            raise PoolError("the pool is empty: give at least one Candidate")
        self._members = {member.name: member for member in members}
        if len(self._members) < len(members):
            names = [member.name for member in members]
            twice = sorted({name for name in names if names.count(name) > 1})
            raise PoolError(f"in the pool twice: {', '.join(twice)}")

    def __getitem__(self, name: str) -> Candidate:
        if name not in self._members:
            raise UnknownModel(f"no model {name!r} in the pool; there are {', '.join(self.names)}")
        return self._members[name]

    def __contains__(self, name: object) -> bool:
        return name in self._members

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ModelPool) and list(self.values()) == list(other.values())

    def __hash__(self) -> int:
        return hash(tuple(self.values()))

    def __repr__(self) -> str:
        return f"ModelPool({', '.join(self.names)})"

    @property
    def names(self) -> tuple[str, ...]:
        """The candidates' names, in order."""
        return tuple(self._members)

    def eligible(self, query: Query) -> tuple[tuple[str, ...], dict[str, str]]:
        """Who can serve the query, and why the others cannot.

        Raises:
            NoEligibleModel: nobody can; the message names every objection.
        """
        rejected = self._rejected(query)
        if not rejected:
            return self.names, rejected
        if len(rejected) == len(self):
            told = "; ".join(f"{name} {why}" for name, why in rejected.items())
            raise NoEligibleModel(f"no model can serve this query: {told}")
        return tuple(name for name in self.names if name not in rejected), rejected

    def completed(self, facts: Mapping[str, Mapping[str, Any]]) -> ModelPool:
        """This pool with a framework's knowledge of the models; what is set on a candidate wins.

        Args:
            facts: model -> fields of ``Candidate``; models may be missing.
        """
        return ModelPool(self[name].completed(facts.get(name, {})) for name in self.names)

    def narrowed(self, query: Query) -> Query:
        """The query with every model excluded, and why, that this pool knows cannot serve it.

        What an adapter knows of its models so binds a router that was made without knowing it.
        """
        excluded = self._rejected(query)
        return replace(query, exclude={**query.exclude, **excluded}) if excluded else query

    def _rejected(self, query: Query) -> dict[str, str]:
        """Who cannot serve the query, and why."""
        found = {}
        for name, member in self._members.items():
            if (why := member.objection(query)) is not None:
                found[name] = why
        if len(found) == len(self):
            for name in self._roomiest(query):
                del found[name]
        return found

    def _roomiest(self, query: Query) -> list[str]:
        """Who may have room for an input whose size is an estimate: those with the most.

        The estimate is rather too high, and an answer that may fail beats none.
        """
        able = [one for one in self.values() if one.sure_objection(query) is None]
        most = max((one.context_window or 0 for one in able), default=0)
        return [one.name for one in able if (one.context_window or 0) == most]

    def by_price(self) -> tuple[str, ...]:
        """Names from cheapest to dearest (one input plus one output token); needs all prices."""
        costs = {name: member.cost(1, 1) for name, member in self._members.items()}
        if unknown := [name for name, cost in costs.items() if cost is None]:
            raise PoolError(
                f"no price known for {', '.join(unknown)}: give input_price, output_price"
            )
        return tuple(sorted(costs, key=lambda name: costs[name] or 0.0))

    def to_list(self) -> list[dict[str, Any]]:
        """The candidates as JSON-ready dicts, without unset fields."""
        return [member.model_dump(exclude_defaults=True) for member in self._members.values()]

    @classmethod
    def from_json(cls, path: str | Path) -> ModelPool:
        """Read a pool from a file: a list of candidates, or an object of name -> fields.

        Fields that describe but do not route (licence, source …) may stand in the file: only those
        of ``Candidate`` are read from the object form.

        Raises:
            PoolError: not there, no JSON, no pool, a name that is there twice, a field whose name
                is almost one of those, or prices by other names only.
        """
        try:
            text = Path(path).read_text(encoding="utf-8-sig")
            read = json.loads(text, object_pairs_hook=_each_once)
        except (OSError, ValueError, RecursionError) as error:
            raise PoolError(f"cannot read a pool from {path}: {error}") from error
        if isinstance(read, list):
            return cls(read)
        if not isinstance(read, dict) or not all(isinstance(v, dict) for v in read.values()):
            raise PoolError(f"{path} holds neither a list of candidates nor an object of them")
        return cls({"name": name, **_known(name, fields)} for name, fields in read.items())


def _listed(candidates: Iterable[Any]) -> Iterable[Any]:
    """The candidates of a list or of a mapping by name; of other mappings the names."""
    if not isinstance(candidates, Mapping):
        return candidates
    if not all(isinstance(one, Candidate | Mapping) for one in candidates.values()):
        return candidates.keys()
    return [
        one if isinstance(one, Candidate) else {"name": name, **one}
        for name, one in candidates.items()
    ]


def _known(name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    known = Candidate.model_fields
    for key in fields.keys() - known:
        if close := difflib.get_close_matches(key, known, 1, cutoff=0.8):
            raise PoolError(f"{name} has the field {key!r}: if it is {close[0]}, call it that")
    found = {key: value for key, value in fields.items() if key in known}
    for key in fields.keys() - known:
        if _PRICE.search(key) and not isinstance(fields[key], str) and not found.keys() & _PRICES:
            raise PoolError(
                f"{name} has the field {key!r} and no price: give prices as input_price and "
                "output_price, in USD per million tokens"
            )
    return found


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object none of whose names is there twice: JSON would forget all but the last."""
    read = dict(pairs)
    if len(read) < len(pairs):
        names = [name for name, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"there twice: {', '.join(twice)}")
    return read


def _candidate(item: Candidate | str | Mapping[str, Any]) -> Candidate:
    if isinstance(item, Candidate):
        return item
    try:
        return Candidate.model_validate({"name": item} if isinstance(item, str) else dict(item))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise PoolError(f"not a candidate: {item!r}: {wrong}") from error
    except (ValueError, TypeError) as error:
        raise PoolError(f"not a candidate: {item!r}: {error}") from error
