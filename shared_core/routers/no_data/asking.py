"""How much a short text asks for: small talk, what any model can do, or more than its words show.

What is asked counts, not what is spoken of: to spell "theorem" is no mathematics, and a word to
translate no medicine. A few plain words are simple only when they ask for something simple; told
of oneself, or asking why, they may be about anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from shared_core.routers.no_data.lexicon import entries
from shared_core.routers.no_data.topics import NAMES, plain, topics


def _kinds() -> Mapping[str, str]:
    """Patterns of the kinds of ``asking.txt``."""
    return {
        kind: "|".join(one.replace("_", r"\W+").replace("*", r"\w*") for one in told)
        for kind, told in entries("asking.txt").items()
    }


_KINDS: Final = _kinds()
_LEAD: Final = rf"\W*(?:(?:{_KINDS['lead']})\b\W*)*"


def _after_lead(kind: str) -> re.Pattern[str]:
    return re.compile(rf"{_LEAD}\b(?:{_KINDS[kind]})\b")


def _anywhere(*kinds: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(map(_KINDS.__getitem__, kinds))})\b")


_SMALL_TALK: Final = re.compile(rf"[\W_]*(?:(?:{_KINDS['small_talk']})\b[\W_]*)+")
_OF_WORDS: Final = _after_lead("of_words")
_TO_AMUSE: Final = _after_lead("to_amuse")
_REWRITING: Final = _after_lead("rewriting")
_OF_DAILY_LIFE: Final = _anywhere("of_daily_life", "to_amuse")
_MORE: Final = _anywhere("more")
"""What needs weighing, or touches somebody."""
_QUESTION: Final = re.compile(rf"\W*(?:{_KINDS['question']})\b(?!['’]t)")
_AT_HAND: Final = re.compile(
    rf"\W*(?:{_KINDS['bidding']})\b\W*(?:\w+\b\W*){{0,8}}|"
    rf"(?:\w+ )?(?:{_KINDS['to_look_up']}) (?:of|d[aeo]s?|del) .*"
)
"""Something to do at once, or what a lexicon tells: "capital of Australia"."""
_IN_A_LANGUAGE: Final = re.compile(
    r".{1,60}\b(?:in|em|en|para|pra|pro|al?)\W+(?:[a-z]+ese|[a-z]+ish|french|german|italian|russian|"
    r"korean|greek|latin|arabic|hindi|ingles|portugues|espanh?ol|frances|alema[on]|italiano|japones|"
    r"anglais|francais|englisch|deutsch)\W*"
)
_CALLED: Final = re.compile(rf"^\W*(?:(?:hey|hi|ok|okay|oi|ola)\W+)?(?:{_KINDS['assistant']})\W+")
_WHICH_WORD: Final = re.compile(r".{0,20}\w[\"'] (?:or|ou|o|oder) [\"']\w")
_WHATEVER_IT_SPEAKS_OF: Final = (_OF_WORDS, _TO_AMUSE, _IN_A_LANGUAGE, _WHICH_WORD)
_CONVERSION: Final = re.compile(
    r"\W*(?:convert[ea]?\b.*|how (?:many|much|tall|long)\b.*|(?:quant|cuant)[ao]s?\b.*|"
    r"\d+(?:[./]\d+)?\s?[a-z]+) (?:in|to|into|em|para|pra|en|a)\b.*"
)
_NUMBER: Final = r"\(?\d{1,4}(?:[.,]\d{1,2})?\)?"
_SUM: Final = re.compile(
    r"(?:what(?:'?s| is)|how much is|quanto e|cuanto es|calcul\w*|compute|=|[\s?¿.!])*"
    rf"(?:{_NUMBER}(?:\s*(?:[-+*/x×÷]|plus|minus|times|mais|menos|vezes|por|mas)\s*{_NUMBER}){{1,3}}|"
    rf"(?:half|double|twice|metade|dobro|mitad|doble|sqrt|square root)(?: of| de| the)? {_NUMBER}|"
    rf"{_NUMBER}\s*(?:%|percent|por ?cento|por ?ciento) (?:of|de) {_NUMBER})[\s=?.!]*"
)
_FORMAL: Final = re.compile(
    r"[=^<>{}\\$_|#~%≡≤≥≠∀∃∈∫∑√∞→]|\b(?!(?:USA?|UK|EU|TV|OK)\b)[A-Z]{2,}\b|\d{4,}|\d[.,]\d|\b[a-zA-Z]\w*\("
)
_RELATION: Final = re.compile(r"[A-Za-z)]\s*[=^≡≤≥≠∈→]|[∀∃∫∑√∞]")
_ON_THE_SURFACE: Final = re.compile(
    r"\b(?:first|last|second|third|next|primeir[ao]|ultim[ao]|segund[ao]|terceir[ao]|primer[ao]?)\b"
    r".{0,12}\b(?:word|sentence|line|letter|character|title|palavra|frase|linha|letra|titulo|palabra|"
    r"linea)|\b(?:title|titulo)\b|(?:which|what|que|qual|cual) (?:language|idioma|lingua|lengua)|"
    r"\bin (?:english|portuguese|spanish|french|german) or\b|"
    r"\bem (?:ingles|portugues|espanhol) ou\b|(?:upper|lower) ?case|maiuscul|minuscul|mayuscul|"
    r"\b(?:copy|repeat|copie|repita|copia|repite)\b"
)
_WORD: Final = re.compile(r"\w+")
_FEW_WORDS: Final = 12
_FEW_TO_REWRITE: Final = 25
_PLAIN_LENGTH: Final = 13
_PASTED: Final = 300
_MEANING: Final = frozenset(NAMES) - {"writing"}


def is_trivial(text: str) -> bool:
    """Whether it is small talk, nothing that has letters, or a sum of a few small numbers."""
    told = plain(text).strip()
    if not any(map(str.isalnum, told)):
        return not is_formal(text)
    return bool(_SMALL_TALK.fullmatch(told) or _SUM.fullmatch(told))


def asks_little(text: str, about: Mapping[str, int]) -> bool:
    """Whether a few words ask for what any model can do.

    Args:
        text: what is asked, perhaps with something pasted.
        about: its topics. Of a pasted text they don't count when only its surface is asked for: a
            word, the title, the language.
    """
    if len(text) > _PASTED:
        asked = _request(text)
        return bool(_ON_THE_SURFACE.search(plain(asked))) and is_plain(asked, topics(asked))
    told = _CALLED.sub("", plain(text).strip(), count=1)
    words = len(_WORD.findall(told))
    if words <= _FEW_WORDS and any(pattern.match(told) for pattern in _WHATEVER_IT_SPEAKS_OF):
        return True
    if words <= _FEW_TO_REWRITE and _REWRITING.match(told):
        return True
    return is_plain(text, about) and _is_simple(told)


def is_plain(text: str, about: Mapping[str, int]) -> bool:
    """Few and short words, of none of the topics but writing; no formula, no abbreviation."""
    words = _WORD.findall(plain(text))
    short = len(words) <= _FEW_WORDS and max(map(len, words), default=0) <= _PLAIN_LENGTH
    return short and not _FORMAL.search(text) and not any(about[topic] for topic in _MEANING)


def _is_simple(told: str) -> bool:
    """Whether plain words ask for a fact, a conversion, or something of daily life."""
    if _OF_DAILY_LIFE.search(told) or _CONVERSION.fullmatch(told):
        return True
    asks = "?" in told or _QUESTION.match(told) or _AT_HAND.fullmatch(told)
    return bool(asks) and told.count(",") < 2 and not _MORE.search(told)


def _request(text: str) -> str:
    """What is wanted of a pasted text: its first or its last paragraph, whichever is shorter."""
    paragraphs = [one for one in text.splitlines() if one.strip()] or [""]
    return min(paragraphs[0], paragraphs[-1], key=len)


def is_formal(text: str) -> bool:
    """Whether symbols of mathematics relate letters: small as it is, that is no small talk."""
    return bool(_RELATION.search(text))
