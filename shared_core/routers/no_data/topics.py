"""What a text is about and what hangs on it, by English, Portuguese and Spanish words.

A rough instrument for where there is nothing to learn from: topics tell which description fits, and
the prior of demand what hangs on an answer. The words stand in ``topics.txt``.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import cache, lru_cache
from typing import Final

from shared_core.routers.no_data.lexicon import LONGEST_WORD, Lexicon

NAMES: Final = (
    "medicine", "crisis", "law", "finance", "safety", "engineering", "proof", "mathematics",
    "logic", "thought", "science", "code", "design", "writing",
)  # fmt: skip

_READ: Final = 8000
_WORD: Final = re.compile(r"[^\W_]+")
_SHORTEST_PLURAL: Final = 3

_MEDICAL_ENDING: Final = re.compile(
    r"\w{2,}(?:pril|sartan|olol|statin|[ae]zole?|mycin|micin|cillin|cilin|xaban|gliptin|[zp]epam|zolam|"
    r"floxacin|triptan|oxetin|setron|dipin|adol|caine|mab|parin|semide?|caina)[aeo]?|"
    r"\w{3,}(?:itis|ectom(?:y|ia)|[^t]algia|sclerosis|[^m]pathy|pnea|pneia)"
)
"""How drugs and diseases end."""

_DESPAIR: Final = re.compile(
    r"\b(?:want|wish|wanna|rather|thinking)\b.{0,20}\b(?:die|dead|disappear|not wake|never wake)\b|"
    r"\bi\b.{0,12}\b(?:don'?t|do not|can'?t|cannot)\b.{0,16}"
    r"\b(?:be here|go on|live|exist|wake up)\b|"
    r"\b(?:pills|tablets|rope|blade|gun)\b.{0,20}"
    r"\b(?:lined up|laid out|counted|in my hands?|next to me)\b|"
    r"\bpoint (?:of|in) (?:anything|living|life|it all)\b|"
    r"\bn(?:ao|o)\b.{0,12}\b(?:quer[oe]?|quier[oe]|vejo|veo|tenho|tengo|aguento|aguanto|consigo|"
    r"puedo)\b.{0,20}\b(?:viver|vivir|vida|existir|continuar|seguir|sentido)\b"
)
"""Not wanting to live, in one sentence."""


def unaccented(text: str) -> str:
    """The text without accents, so far as it is read."""
    parts = unicodedata.normalize("NFKD", text[:_READ])
    return parts if parts.isascii() else "".join(c for c in parts if not unicodedata.combining(c))


def plain(text: str) -> str:
    """Lower case without accents."""
    return unaccented(text).lower()


def topics(text: str) -> dict[str, int]:
    """How often each topic's words occur, out of ``NAMES``.

    Somebody's body is medicine, though no word of medicine is said: "I can't feel my arm".
    """
    told = plain(text)
    words = [word[:LONGEST_WORD] for word in _WORD.findall(told)]
    found = Counter(_known().concepts_in(words))
    for word in words:
        found.update(_of_word(word))
    found["medicine"] += bool(found["person"] and found["body"])
    found["crisis"] += len(_DESPAIR.findall(told))
    return {topic: found[topic] for topic in NAMES}


@lru_cache(256)
def fields(description: str) -> frozenset[str]:
    """The topics that a model's description speaks of, or names as its field: "medical"."""
    words = [word[:LONGEST_WORD] for word in _WORD.findall(plain(description))]
    named = {one for word in words for one in _fields().concepts_of(word)}
    spoken = {topic for topic, often in topics(description).items() if often}
    return frozenset(named | spoken | {*_fields().concepts_in(words)})


@lru_cache(65_536)
def _of_word(word: str) -> frozenset[str]:
    known = _known()
    one = word.removesuffix("s") if len(word) > _SHORTEST_PLURAL else word
    found = {*known.concepts_of(word), *known.concepts_of(one)}
    return frozenset(found | {"medicine"} if _MEDICAL_ENDING.fullmatch(word) else found)


@cache
def _known() -> Lexicon:
    return Lexicon.read("topics.txt")


@cache
def _fields() -> Lexicon:
    return Lexicon.read("fields.txt")
