"""What a text is about and what hangs on it, by English, Portuguese and Spanish words; despair in
twelve languages more.

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
    r"\bcan(?:'?t|not) (?:do|take|bear|stand|go through) (?:this|it) (?:any ?more|any longer)\b|"
    r"\b(?:pills|tablets|rope|noose|blade|razor|gun)\b.{0,20}"
    r"\b(?:lined up|laid out|counted|ready|loaded|in my hands?|next to me)\b|"
    r"\b(?:took|taken|swallow\w*|drank)\b.{0,12}\b(?:all|too many|whole|entire)\b.{0,20}"
    r"\b(?:bottle|pack|box|pills|tablets|meds)\b|"
    r"\bi(?:'?m| am| will|'ll)\b.{0,20}\bjump(?:ing)?(?: off\b| from\b| tonight\b|[\W_]*$)|"
    r"\bi(?:'?m| am)\b.{0,20}\b(?:on|at) (?:the|a) (?:edge|ledge|bridge|roof|rooftop|railing)\b|"
    r"\bwhen(?:ever)? you (?:read|find) this\b.{0,30}\b(?:gone|dead|over|here)\b|"
    r"\bby the time (?:you|they|anyone|somebody|someone)\b.{0,30}\b(?:gone|dead|over|here)\b|"
    r"\bmy last (?:night|day|hours?)(?! (?:in|at|of|on|here|with|off|as)\b)|"
    r"\b(?:will|would|going to|gonna|'?ll|to) (?:kill|shoot|stab|strangle) (?:me|us|her|him)\b|"
    r"\b(?:cut|cuts|cutting|burn|burning) (?:my|her|his) (?:arms?|wrists?|thighs?|legs?)\b|"
    r"\bpoint (?:of|in) (?:anything|living|life|it all)\b|"
    r"\bn(?:ao|o)\b.{0,12}\b(?:quer[oe]?|quier[oe]|vejo|veo|tenho|tengo|aguento|aguanto|consigo|"
    r"puedo)\b.{0,20}\b(?:viver|vivir|vida|existir|continuar|seguir|sentido)\b"
)
"""Not wanting to live, or fear of being killed, in one sentence."""


def unaccented(text: str) -> str:
    """The text without accents, so far as it is read."""
    parts = unicodedata.normalize("NFKD", text[:_READ])
    return parts if parts.isascii() else "".join(c for c in parts if not unicodedata.combining(c))


def plain(text: str) -> str:
    """Lower case without accents."""
    return unaccented(text).lower()


_DESPAIR_UNSPACED: Final = re.compile(
    plain(
        "自杀|自殺|自残|自殘|割腕|轻生|遗书|遺書|[不没]想活|想死|活不下去|跳[楼樓]|结束生命|結束生命|[杀殺]了?我|家暴|"
        "死にたい|消えたい|消えてしまいたい|生きていたくない|生きたくない|飛び降り|自傷|リストカット|殺す[とぞ]|殺され|"
        "죽고 싶|자살|자해|살고 싶지 않|죽이겠|"
        "आत्महत्या|मरना चाह|जीना नहीं चाह|जीने का (?:कोई )?मन नहीं|जान दे द|मार डाल|मारता है|मारते हैं"
    )
)
"""The same where words have no blanks between them, or signs that are no letters, or endings that
are many: Chinese, Japanese, Korean, Hindi."""


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
    if not told.isascii():
        found["crisis"] += len(_DESPAIR_UNSPACED.findall(told))
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
