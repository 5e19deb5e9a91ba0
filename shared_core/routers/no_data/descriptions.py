"""Routing by what the candidates say of themselves: no training, no examples needed, no model.

A question is compared with each candidate's name, description and example questions: by words,
pieces of words and concepts, weighted by how few candidates have them (TF-IDF over the candidates),
and, with an encoder, by the cosine of their vectors instead of pieces of words. Words and concepts
that a description rules out count against it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from shared_core.decision import Flow, RoutingDecision
from shared_core.encoders.base import Encoder, check_encoder
from shared_core.errors import ConfigError
from shared_core.pool import Candidate, ModelPool
from shared_core.query import Query
from shared_core.routers.base import Router
from shared_core.routers.no_data.lexicon import features
from shared_core.routers.no_data.meanings import Meanings
from shared_core.routers.no_data.negation import told

MAX_CHARACTERS: Final = 4000
"""How much of a text is read."""

_EXAMPLES_WEIGHT: Final = 0.5
_RULED_OUT_WEIGHT: Final = -0.5
# Chosen by log-loss on the train questions of benchmarks/engine_questions.json.
_ENCODER_WEIGHT: Final = 1.25
_TEMPERATURE: Final = 0.1
_NONE_SCORE: Final = 0.05


class DescriptionRouter(Router):
    """Takes the candidate whose description, or examples, the query resembles most.

    Its predicted quality is the probability that a candidate is the right one of those that can
    serve. What the probabilities lack to one is the probability that none is.

    Args:
        pool: the candidates; their names and descriptions are what is compared.
        encoder: texts -> vectors, to compare meanings too; one that has learned already.
        examples: name -> a few queries that are right for it.
    """

    def __init__(
        self,
        pool: ModelPool | Iterable[Candidate | str],
        encoder: Encoder | None = None,
        examples: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        super().__init__(pool)
        _check(self.pool, encoder, examples or {})
        check_encoder(encoder)
        self.encoder = encoder
        self.examples = {name: list(texts) for name, texts in (examples or {}).items()}

    @property
    def is_quick(self) -> bool:
        return self.encoder is None or self.encoder.is_quick

    def flow(self, query: Query) -> Flow:
        eligible, rejected = self.pool.eligible(query)
        found = self.probabilities(query.text, eligible)
        ranking = tuple(sorted(eligible, key=lambda name: -found[name]))
        return RoutingDecision(
            ranking,
            type(self).__name__,
            "policy" if len(eligible) > 1 else "only_candidate",
            _reason(ranking, found),
            quality=found,
            rejected=rejected,
        )
        yield

    def probabilities(self, text: str, names: Sequence[str] | None = None) -> dict[str, float]:
        """How probably each is the right one of ``names`` (all candidates when not given)."""
        scores = self._scores(text[:MAX_CHARACTERS])
        among = self.pool.names if names is None else names
        likeness = [*(scores[self._place[name]] for name in among), _NONE_SCORE]
        highest = max(likeness)
        weights = [math.exp((value - highest) / _TEMPERATURE) for value in likeness]
        total = sum(weights)
        return {name: weight / total for name, weight in zip(among, weights, strict=False)}

    def _scores(self, text: str) -> list[float]:
        """Likeness of the text to each candidate, from 0 (nothing in common) up."""
        if self._meanings is None or self.encoder is None:
            return self._index.scores(text)
        scores = self._index.scores(text, pieces=False)
        likeness = self._meanings.likeness(self.encoder([text])[0])
        return [s + _ENCODER_WEIGHT * like for s, like in zip(scores, likeness, strict=True)]

    @cached_property
    def _place(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.pool)}

    @cached_property
    def _index(self) -> _Index:
        return _Index.of([(*_about(one), self._examples_of(one)) for one in self.pool.values()])

    @cached_property
    def _meanings(self) -> Meanings | None:
        if self.encoder is None:
            return None
        claims = [_claimed(one) or one.name[:MAX_CHARACTERS] for one in self.pool.values()]
        return Meanings.of(self.encoder, claims, [*map(self._examples_of, self.pool.values())])

    def _examples_of(self, candidate: Candidate) -> list[str]:
        return [text[:MAX_CHARACTERS] for text in self.examples.get(candidate.name, ())]

    @classmethod
    def test_parameters(cls) -> Sequence[Mapping[str, Any]]:
        return [{}]


@dataclass(frozen=True)
class _Index:
    """Which candidates have a feature, and how much that says.

    Args:
        postings: feature -> (candidate's place, weight), weights including those of the query.
        size: number of candidates.
    """

    postings: Mapping[str, Sequence[tuple[int, float]]]
    size: int

    @classmethod
    def of(cls, candidates: Sequence[tuple[str, str, Sequence[str]]]) -> _Index:
        """The index of candidates, each given as what it claims, what it rules out, examples."""
        claimed = [features(claims) for claims, _, _ in candidates]
        shown = [_summed([features(text) for text in examples]) for *_, examples in candidates]
        has = [a.keys() | b.keys() for a, b in zip(claimed, shown, strict=True)]
        barred = [
            {name: weight for name, weight in _whole(features(text)) if name not in owned}
            for (_, text, _), owned in zip(candidates, has, strict=True)
        ]
        seen = Counter(feature for names in (*has, *barred) for feature in names)
        rarity = {n: math.log((len(candidates) + 1) / (k + 0.5)) for n, k in seen.items()}
        shares = (claimed, 1.0), (shown, _EXAMPLES_WEIGHT), (barred, _RULED_OUT_WEIGHT)
        postings: dict[str, list[tuple[int, float]]] = {}
        for bags, share in shares:
            for place, bag in enumerate(bags):
                for feature, weight in _weighed(bag, rarity).items():
                    postings.setdefault(feature, []).append((place, share * weight))
        return cls(postings, len(candidates))

    def scores(self, text: str, *, pieces: bool = True) -> list[float]:
        """Likeness of a text to each candidate; a long text says no more than a short one.

        Args:
            text: any text.
            pieces: whether pieces of words count.
        """
        found, said = [0.0] * self.size, features(text)
        unit = math.sqrt(sum(said.values())) or 1.0
        for feature, weight in said.items():
            if feature[0] == "p" and not pieces:
                continue
            for place, posted in self.postings.get(feature, ()):
                found[place] += math.sqrt(weight) * posted / unit
        return found


def _whole(bag: Mapping[str, float]) -> Iterator[tuple[str, float]]:
    """Concepts, and words that are about something; no pieces of words."""
    return ((name, weight) for name, weight in bag.items() if name[0] != "p" and weight >= 1)


def _summed(bags: Iterable[Mapping[str, float]]) -> Mapping[str, float]:
    total: Counter[str] = Counter()
    for bag in bags:
        total.update(bag)
    return total


def _weighed(bag: Mapping[str, float], rarity: Mapping[str, float]) -> dict[str, float]:
    """TF-IDF, times the query's IDF; long texts are brought down half-way to unit length."""
    weight = {name: math.sqrt(count) * rarity[name] for name, count in bag.items()}
    length = math.sqrt(sum(value * value for value in weight.values())) or 1.0
    return {name: value * rarity[name] / math.sqrt(length) for name, value in weight.items()}


def _about(candidate: Candidate) -> tuple[str, str]:
    """Name and what is claimed, and what is ruled out; so much of them as is read."""
    claims = f"{candidate.name} . {_claimed(candidate)}"
    return claims[:MAX_CHARACTERS], told(candidate.description[:MAX_CHARACTERS]).ruled_out


def _claimed(candidate: Candidate) -> str:
    return told(candidate.description[:MAX_CHARACTERS]).claimed


def _reason(ranking: Sequence[str], found: Mapping[str, float]) -> str:
    first, *others = ranking
    none = 1 - sum(found.values())
    if found[first] <= none:
        return (
            f"resembles no description (probability {none:.2f} that none is right, "
            f"{found[first]:.2f} that {first} is)"
        )
    likely = f"resembles its description, with probability {found[first]:.2f}"
    if not others:
        return f"{likely}; the only one that can serve"
    return f"{likely}, against {found[others[0]]:.2f} of {others[0]}"


def _check(pool: ModelPool, encoder: Encoder | None, examples: Mapping[str, Sequence[str]]) -> None:
    if encoder is not None and not encoder.is_fitted:
        raise ConfigError(f"{encoder!r} has to learn from texts before it can compare descriptions")
    if unknown := sorted(set(examples) - set(pool)):
        raise ConfigError(f"examples of {', '.join(unknown)}; the pool has {', '.join(pool)}")
    if strings := sorted(name for name, texts in examples.items() if isinstance(texts, str)):
        raise ConfigError(f"the examples of {', '.join(strings)} are one text, not a list of them")
